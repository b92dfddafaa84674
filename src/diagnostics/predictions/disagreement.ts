/**
 * Disagreement of the members of an ensemble about the same positions, accumulated row by row:
 * Jensen-Shannon distance of all pairs, whole and after nucleus truncation (arXiv 2604.04287;
 * `src/analyze/distribution/distribution.py` of lbcb-sci/GFMs), and, not in the paper, agreement of
 * the most probable token and the mutual information between prediction and member. Every member
 * must have read the same input with the same vocabulary.
 */

import { type Spread, spread } from '../geometry/spread.ts';
import { PAPER_EPSILON, rowsOf, softmaxRow } from './softmax.ts';

/**
 * The paper's shares of probability mass. Small ones measure agreement on the most probable tokens;
 * 1 is the whole distribution.
 */
export const NUCLEUS_LEVELS: readonly number[] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

export interface NucleusDistance {
  readonly p: number;
  /**
   * Jensen-Shannon distance of the two nuclei: the square root of the divergence in bits, 0 for
   * equal, 1 for disjoint; mean over positions. The nucleus is the set of the most probable tokens
   * whose cumulative probability is at most p, at least one, scaled to sum to 1; of equally
   * probable tokens those with the lowest ids.
   */
  readonly jensenShannonDistance: number;
  /**
   * As computed by the paper's code: probabilities clamped at 1e-10 before logarithms, positions
   * with a negative radicand left out. NaN when all are left out.
   */
  readonly jensenShannonDistancePaper: number;
}

export interface DisagreementPair {
  /** Indices in the list of members. */
  readonly first: number;
  readonly second: number;
  readonly nucleus: readonly NucleusDistance[];
  /** Share of positions where both members have the same most probable token. */
  readonly top1Agreement: number;
}

export interface DisagreementSummary {
  readonly members: number;
  readonly positions: number;
  readonly pairs: readonly DisagreementPair[];
  /** Over pairs. */
  readonly nucleus: readonly {
    readonly p: number;
    readonly jensenShannonDistance: Spread;
    readonly jensenShannonDistancePaper: Spread;
  }[];
  readonly top1Agreement: Spread;
  /**
   * Entropy of the members' mean distribution minus the mean of their entropies, bits, 0..log2
   * members: the uncertainty that comes from the differences between members. For two members it is
   * the Jensen-Shannon divergence.
   */
  readonly mutualInformationBits: number;
  readonly entropyOfMeanBits: number;
  readonly meanEntropyBits: number;
}

export interface Disagreement {
  /** One block of logits `[positions, vocabulary]` per member, the same positions in all. */
  add(logits: readonly (Float32Array | Float64Array)[]): void;
  /** @throws when no position was added. */
  summary(): DisagreementSummary;
}

/** A distribution over the vocabulary, or its nucleus. */
interface Distribution {
  /** `[vocabulary]` 0 for tokens outside the nucleus. */
  readonly probabilities: Float64Array;
  /** `[vocabulary]` their logarithms (nats), where they are not 0. */
  readonly logs: Float64Array;
}

interface Nucleus extends Distribution {
  /**
   * The first `size` entries are the tokens that were kept and have a probability above 0,
   * ascending.
   */
  readonly tokens: Uint32Array;
  size: number;
}

/** An empty accumulator. @throws for fewer than two members, or a level outside (0, 1]. */
export function createDisagreement(
  members: number,
  vocabulary: number,
  levels: readonly number[] = NUCLEUS_LEVELS,
): Disagreement {
  if (!(Number.isInteger(members) && members >= 2))
    throw new Error(`disagreement needs at least 2 members, not ${members}`);
  for (const p of levels)
    if (!(p > 0 && p <= 1)) throw new Error(`nucleus of p = ${p}; p must be above 0 and at most 1`);
  const pairs = Array.from({ length: members }, (_, first) =>
    Array.from({ length: members - first - 1 }, (_, i) => ({
      first,
      second: first + 1 + i,
      agreed: 0,
      levels: levels.map((p) => ({ p, distance: 0, paper: 0, paperPositions: 0 })),
    })),
  ).flat();
  const empty = () => ({ probabilities: new Float64Array(vocabulary), logs: new Float64Array(vocabulary) });
  const whole = Array.from({ length: members }, empty);
  const nuclei = whole.map((): Nucleus => ({ ...empty(), tokens: new Uint32Array(vocabulary), size: 0 }));
  const sums = { positions: 0, entropyOfMean: 0, meanEntropy: 0 };

  const addPosition = (logits: readonly (Float32Array | Float64Array)[], start: number) => {
    const tops = logits.map((block, m) => {
      const { maximum, logSum, top } = softmaxRow(block, start, whole[m].probabilities, sums.positions);
      for (let i = 0; i < vocabulary; i++) whole[m].logs[i] = block[start + i] - maximum - logSum;
      return top;
    });
    const sorted = whole.map(({ probabilities }) => probabilities.slice().sort().reverse());
    sums.positions += 1;
    sums.entropyOfMean += entropyOfMean(whole);
    for (const member of whole) sums.meanEntropy += entropyOfMean([member]) / members;
    for (const pair of pairs) pair.agreed += Number(tops[pair.first] === tops[pair.second]);
    levels.forEach((p, level) => {
      nuclei.forEach((nucleus, m) => {
        cutToNucleus(whole[m], sorted[m], p, nucleus);
      });
      for (const pair of pairs) {
        const { exact, paper } = jensenShannon(nuclei[pair.first], nuclei[pair.second]);
        const at = pair.levels[level];
        at.distance += Math.sqrt(Math.max(0, exact));
        if (paper < 0) continue;
        at.paper += Math.sqrt(paper);
        at.paperPositions += 1;
      }
    });
  };

  return {
    add(logits) {
      if (logits.length !== members) throw new Error(`logits of ${logits.length} members; expected ${members}`);
      const rows = rowsOf(logits[0], vocabulary);
      logits.forEach((block, m) => {
        if (block.length !== logits[0].length)
          throw new Error(`member ${m} has ${block.length / vocabulary} rows of logits, member 0 ${rows}`);
      });
      for (let r = 0; r < rows; r++) addPosition(logits, r * vocabulary);
    },
    summary() {
      const { positions } = sums;
      if (positions === 0) throw new Error('disagreement over no positions: was any position masked?');
      const made = pairs.map(
        (pair): DisagreementPair => ({
          first: pair.first,
          second: pair.second,
          nucleus: pair.levels.map(({ p, distance, paper, paperPositions }) => ({
            p,
            jensenShannonDistance: distance / positions,
            jensenShannonDistancePaper: paper / paperPositions,
          })),
          top1Agreement: pair.agreed / positions,
        }),
      );
      return {
        members,
        positions,
        pairs: made,
        nucleus: levels.map((p, level) => ({
          p,
          jensenShannonDistance: spread(made.map(({ nucleus }) => nucleus[level].jensenShannonDistance)),
          jensenShannonDistancePaper: spread(made.map(({ nucleus }) => nucleus[level].jensenShannonDistancePaper)),
        })),
        top1Agreement: spread(made.map((pair) => pair.top1Agreement)),
        mutualInformationBits: (sums.entropyOfMean - sums.meanEntropy) / positions,
        entropyOfMeanBits: sums.entropyOfMean / positions,
        meanEntropyBits: sums.meanEntropy / positions,
      };
    },
  };
}

/** Entropy in bits of the mean of distributions. */
function entropyOfMean(distributions: readonly Distribution[]): number {
  let entropy = 0;
  for (let i = 0; i < distributions[0].probabilities.length; i++) {
    let p = 0;
    for (const { probabilities } of distributions) p += probabilities[i];
    p /= distributions.length;
    if (p > 0) entropy -= p * Math.log2(p);
  }
  return entropy;
}

/**
 * Cuts to the nucleus of mass p; `sorted` holds the probabilities in descending order. p = 1 keeps
 * everything; in the paper's code the rounding of the cumulative sum decides there whether the last
 * token stays.
 */
function cutToNucleus({ probabilities, logs }: Distribution, sorted: Float64Array, p: number, into: Nucleus): void {
  let kept = 1;
  let mass = sorted[0];
  while (kept < sorted.length && (p === 1 || mass + sorted[kept] <= p)) mass += sorted[kept++];
  const least = sorted[kept - 1];
  let above = kept - 1;
  while (above > 0 && sorted[above - 1] === least) above--;
  let equal = kept - above; // as many equally probable tokens as fit
  const shift = Math.log(mass);
  into.probabilities.fill(0);
  into.size = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] < least || probabilities[i] === 0) continue;
    if (probabilities[i] === least && equal-- <= 0) continue;
    into.tokens[into.size++] = i;
    into.probabilities[i] = probabilities[i] / mass;
    into.logs[i] = logs[i] - shift;
  }
}

const LOG_EPSILON = Math.log(PAPER_EPSILON);

/**
 * Jensen-Shannon divergence in bits, exact and with the paper's clamping. Rounding can make both
 * slightly negative.
 */
function jensenShannon(a: Nucleus, b: Nucleus): { exact: number; paper: number } {
  const shared = sharedTokens(a, b);
  const [first, second] = [ownTokens(a, b), ownTokens(b, a)];
  return {
    exact: (shared.exact + first.exact + second.exact) / (2 * Math.LN2),
    paper: (shared.paper + first.paper + second.paper) / (2 * Math.LN2),
  };
}

/**
 * p log(p / m) + q log(q / m) over tokens that both have, m = (p + q) / 2; equal probabilities add
 * nothing.
 */
function sharedTokens(a: Nucleus, b: Nucleus): { exact: number; paper: number } {
  let exact = 0;
  let paper = 0;
  for (let t = 0; t < a.size; t++) {
    const i = a.tokens[t];
    const p = a.probabilities[i];
    const q = b.probabilities[i];
    if (q === 0 || p === q) continue;
    const middle = (p + q) / 2;
    const log = Math.log(middle);
    const sum = p * (a.logs[i] - log) + q * (b.logs[i] - log);
    exact += sum;
    if (p >= PAPER_EPSILON && q >= PAPER_EPSILON) paper += sum;
    else {
      const logM = Math.max(log, LOG_EPSILON);
      paper += Math.max(p, PAPER_EPSILON) * (Math.max(a.logs[i], LOG_EPSILON) - logM);
      paper += Math.max(q, PAPER_EPSILON) * (Math.max(b.logs[i], LOG_EPSILON) - logM);
    }
  }
  return { exact, paper };
}

/** The same over tokens that only `a` has, where m = p / 2. */
function ownTokens(a: Nucleus, b: Nucleus): { exact: number; paper: number } {
  let exact = 0;
  let paper = 0;
  for (let t = 0; t < a.size; t++) {
    const i = a.tokens[t];
    if (b.probabilities[i] > 0) continue;
    const p = a.probabilities[i];
    exact += p * Math.LN2;
    const logM = Math.max(a.logs[i] - Math.LN2, LOG_EPSILON);
    paper += Math.max(p, PAPER_EPSILON) * (Math.max(a.logs[i], LOG_EPSILON) - logM);
    paper += PAPER_EPSILON * (LOG_EPSILON - logM);
  }
  return { exact, paper };
}
