/**
 * Mutual information between prediction and member, of an ensemble and of the ensemble without each
 * member in turn: entropy of the mean distribution minus the mean of the entropies, in bits, mean
 * over positions. The jackknife needs the latter; they have one member fewer, so they are lower.
 */
import { rowsOf, softmaxRow } from '../diagnostics/predictions/softmax.ts';

export interface Information {
  readonly mutualInformationBits: number;
  /** Without member 0, without member 1, ...; empty for two members. */
  readonly leftOut: readonly number[];
}

export interface InformationGatherer {
  /** One block of logits `[positions, vocabulary]` per member, the same positions in all. */
  add(logits: readonly (Float32Array | Float64Array)[]): void;
  /** @throws when no position was added. */
  summary(): Information;
}

export function createInformation(members: number, vocabulary: number): InformationGatherer {
  const each = Array.from({ length: members }, () => new Float64Array(vocabulary)); // probabilities
  const total = new Float64Array(vocabulary);
  const entropies = new Float64Array(members);
  const sums = { positions: 0, whole: 0, leftOut: new Float64Array(members > 2 ? members : 0) };

  const addPosition = (logits: readonly (Float32Array | Float64Array)[], start: number) => {
    total.fill(0);
    each.forEach((probabilities, m) => {
      softmaxRow(logits[m], start, probabilities, sums.positions);
      for (let i = 0; i < vocabulary; i++) total[i] += probabilities[i];
      entropies[m] = entropyBits((i) => probabilities[i], vocabulary);
    });
    const sum = entropies.reduce((a, b) => a + b, 0);
    sums.positions += 1;
    sums.whole += entropyBits((i) => total[i] / members, vocabulary) - sum / members;
    for (let m = 0; m < sums.leftOut.length; m++) {
      const own = each[m];
      const rest = entropyBits((i) => Math.max(0, total[i] - own[i]) / (members - 1), vocabulary);
      sums.leftOut[m] += rest - (sum - entropies[m]) / (members - 1);
    }
  };

  return {
    add(logits) {
      const rows = rowsOf(logits[0], vocabulary);
      for (let r = 0; r < rows; r++) addPosition(logits, r * vocabulary);
    },
    summary() {
      const { positions, whole, leftOut } = sums;
      if (positions === 0) throw new Error('mutual information over no positions: was any position masked?');
      return { mutualInformationBits: whole / positions, leftOut: Array.from(leftOut, (value) => value / positions) };
    },
  };
}

function entropyBits(probability: (i: number) => number, vocabulary: number): number {
  let entropy = 0;
  for (let i = 0; i < vocabulary; i++) {
    const p = probability(i);
    if (p > 0) entropy -= p * Math.log2(p);
  }
  return entropy;
}
