/**
 * Constructed negatives: twins of other rows with another label.
 * - shuffle twins, segment twins: share of test rows with a twin in train or valid. It counts when the labels of twins are related beyond
 *   chance: kappa = (p - p_e) / (1 - p_e) of "the twin has the same label", or of "the twin has another label", at least 0.4
 *   (Cohen 1960), p_e from the label frequencies. "Another label" is a construction and may FAIL; "the same label" is
 *   relatedness and is a WARN at most.
 * - synthetic negatives: share of test rows in twin pairs with different labels, wherever the twin lies
 */
import type { AuditInput } from '../audit-input.ts';
import type { CheckResult } from '../quality-report.ts';
import { wilson } from '../statistics.ts';
import { type CheckId, DEFINITIONS } from '../thresholds.ts';
import type { TwinPairs } from '../twin-pairs.ts';
import { judgeShare, percent, skipped } from './check.ts';

export interface Twins {
  readonly shuffle: TwinPairs;
  readonly segment: TwinPairs;
}

export function twinChecks(input: AuditInput, twins: Twins): CheckResult[] {
  if (input.kind === 'regression' || input.kind === 'clustering') {
    const why = input.kind === 'regression' ? 'labels are numbers' : 'a clustering is fitted on no labels';
    return (['shuffle-twins', 'segment-twins', 'synthetic-negatives'] as const).map((name) =>
      skipped(`construction.${name}`, 'share of test rows with a twin', why),
    );
  }
  return [
    twinCheck(input, 'construction.shuffle-twins', 'the same dinucleotide counts', twins.shuffle),
    twinCheck(input, 'construction.segment-twins', 'three of eight segments at the same offsets', twins.segment),
    syntheticNegatives(input, twins),
  ];
}

function twinCheck(input: AuditInput, id: CheckId, what: string, { first, second }: TwinPairs): CheckResult {
  const { rows, splitBit, labelOf, test } = input;
  const isTest = (row: number) => splitBit[row] === 0b100;
  const partner = new Int32Array(rows.length).fill(-1);
  let pairs = 0;
  let same = 0;
  for (let i = 0; i < first.length; i++) {
    const [a, b] = [first[i], second[i]];
    if (isTest(a) === isTest(b)) continue;
    partner[isTest(a) ? a : b] = isTest(a) ? b : a;
    pairs++;
    if (labelOf[a] === labelOf[b]) same++;
  }
  const covered = test.filter((row) => partner[row] >= 0);
  const relation = relationOf(input, pairs, same);
  const [low] = wilson(relation.flipped ? pairs - same : same, pairs);
  const informative =
    relation.kappa >= DEFINITIONS.twinKappa && covered.length >= DEFINITIONS.leastTwins && low > relation.chance;
  return judgeShare(id, covered.length, test.length, {
    statistic: `share of test rows with a twin in train or valid: ${what}`,
    reason:
      `${covered.length} of ${test.length} test rows (${percent(covered.length, test.length)}) have a twin in train or valid` +
      (pairs === 0
        ? ''
        : `; ${percent(pairs - same, pairs)} of the pairs have different labels (kappa ${relation.kappa.toFixed(2)}${
            informative ? '' : ', not beyond the limit'
          })`),
    examples: Array.from(covered.slice(0, 5), (row) => [rows[row].id, rows[partner[row]].id]),
    evidence: { pairs, differentLabels: pairs - same, kappa: relation.kappa },
    atMost: !informative ? 'PASS' : relation.flipped ? 'FAIL' : 'WARN',
  });
}

/** Whether twins have the same label or another one, beyond the agreement of two random rows. */
function relationOf({ labelOf, labels }: AuditInput, pairs: number, same: number) {
  const counts = new Float64Array(labels);
  for (const label of labelOf) counts[label]++;
  const chance = counts.reduce((sum, count) => sum + (count / labelOf.length) ** 2, 0);
  const agreement = pairs === 0 ? chance : same / pairs;
  const copy = chance < 1 ? (agreement - chance) / (1 - chance) : 0;
  const flip = (chance - agreement) / chance;
  const flipped = flip > copy;
  return { flipped, kappa: Math.max(copy, flip), chance: flipped ? 1 - chance : chance };
}

function syntheticNegatives(input: AuditInput, twins: Twins): CheckResult {
  const { rows, labelOf, splitBit, test } = input;
  const partner = new Int32Array(rows.length).fill(-1);
  const kinds: string[] = [];
  for (const [name, { first, second }] of Object.entries(twins)) {
    let same = 0;
    for (let i = 0; i < first.length; i++) if (labelOf[first[i]] === labelOf[second[i]]) same++;
    const { flipped, kappa } = relationOf(input, first.length, same);
    if (!flipped || kappa < DEFINITIONS.twinKappa || first.length < DEFINITIONS.leastTwins) continue;
    kinds.push(name);
    for (let i = 0; i < first.length; i++) {
      const [a, b] = [first[i], second[i]];
      if (labelOf[a] === labelOf[b]) continue;
      partner[a] = b;
      partner[b] = a;
    }
  }
  const marked = test.filter((row) => partner[row] >= 0);
  const all = partner.reduce((sum, other) => sum + (other >= 0 ? 1 : 0), 0);
  return judgeShare('construction.synthetic-negatives', marked.length, test.length, {
    statistic: 'share of test rows in twin pairs with different labels, the twin in any split',
    reason: `${marked.length} of ${test.length} test rows (${percent(marked.length, test.length)}) are in twin pairs with different labels${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}`,
    examples: Array.from(marked.slice(0, 5), (row) => [rows[row].id, rows[partner[row]].id]),
    evidence: { rowsInAnySplit: all, testRows: splitBit.reduce((sum, bit) => sum + (bit === 0b100 ? 1 : 0), 0) },
  });
}
