/**
 * Constructed negatives: twins of other rows with another label.
 * - shuffle twins, segment twins: share of test rows with a twin in train or valid. It counts when the labels of twins are related beyond
 *   chance: kappa = (p - p_e) / (1 - p_e) of "most twins have the row's label", or of "most have another label", at least 0.4
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
    twinCheck(input, 'construction.segment-twins', 'three 12-mers at the same offsets', twins.segment),
    syntheticNegatives(input, twins),
  ];
}

function twinCheck(input: AuditInput, id: CheckId, what: string, pairs: TwinPairs): CheckResult {
  const { rows, labelOf, test, fit } = input;
  const fitted = fittedTwins(input, pairs);
  const covered = test.filter((row) => fitted.has(row));
  const same = covered.reduce((sum, row) => sum + (fitted.get(row)!.label === labelOf[row] ? 1 : 0), 0);
  const relation = relationOf(same, covered.length, agreementByChance(input, fit, test));
  const [low] = wilson(relation.flipped ? covered.length - same : same, covered.length);
  const informative =
    relation.kappa >= DEFINITIONS.twinKappa && covered.length >= DEFINITIONS.leastTwins && low > relation.chance;
  const result = judgeShare(id, covered.length, test.length, {
    statistic: `share of test rows with a twin in train or valid: ${what}`,
    reason:
      `${covered.length} of ${test.length} test rows (${percent(covered.length, test.length)}) have a twin in train or valid` +
      (covered.length === 0
        ? ''
        : `; ${percent(covered.length - same, covered.length)} of them have another label than most of their twins (kappa ${relation.kappa.toFixed(2)}${
            informative ? '' : ', not beyond the limit'
          })`),
    examples: Array.from(covered.slice(0, 5), (row) => [rows[row].id, rows[fitted.get(row)!.twin].id]),
    evidence: { pairs: pairs.first.length, otherLabel: covered.length - same, kappa: relation.kappa },
    atMost: !informative ? 'PASS' : relation.flipped ? 'FAIL' : 'WARN',
  });
  return result.verdict === 'PASS' ? withTwinsAnywhere(input, pairs, result) : result;
}

/** For each test row with twins among fitted rows: one of them, and the label that most of them have. */
function fittedTwins(
  { splitBit, labelOf }: AuditInput,
  { first, second }: TwinPairs,
): Map<number, { twin: number; label: number }> {
  const isTest = (row: number) => splitBit[row] === 0b100;
  const found = new Map<number, { twin: number; labels: Map<number, number> }>();
  for (let i = 0; i < first.length; i++) {
    if (isTest(first[i]) === isTest(second[i])) continue;
    const [row, twin] = isTest(first[i]) ? [first[i], second[i]] : [second[i], first[i]];
    const entry = found.get(row) ?? { twin, labels: new Map<number, number>() };
    entry.labels.set(labelOf[twin], (entry.labels.get(labelOf[twin]) ?? 0) + 1);
    found.set(row, entry);
  }
  return new Map(
    [...found].map(([row, { twin, labels }]) => {
      const [[label]] = [...labels].sort(([a, n], [b, m]) => m - n || a - b);
      return [row, { twin, label }];
    }),
  );
}

/** A WARN where a twentieth of all rows is in pairs that have different labels beyond chance, though no pair parts test from train. */
function withTwinsAnywhere(input: AuditInput, { first, second }: TwinPairs, result: CheckResult): CheckResult {
  const { rows, labelOf } = input;
  const paired = new Uint8Array(rows.length);
  let same = 0;
  for (let i = 0; i < first.length; i++) {
    paired[first[i]] = 1;
    paired[second[i]] = 1;
    if (labelOf[first[i]] === labelOf[second[i]]) same++;
  }
  const count = paired.reduce((sum, mark) => sum + mark, 0);
  const all = Uint32Array.from(paired.keys());
  const { flipped, kappa } = relationOf(same, first.length, agreementByChance(input, all, all));
  if (!flipped || kappa < DEFINITIONS.twinKappa || count < DEFINITIONS.twinsAnywhere * rows.length) return result;
  const reason = `${result.reason}; ${percent(count, rows.length)} of all rows are in twin pairs with different labels`;
  return { ...result, verdict: 'WARN', reason };
}

/** Probability that a random row of each side have one label. */
function agreementByChance({ labelOf, labels }: AuditInput, some: Uint32Array, others: Uint32Array): number {
  const shares = (rows: Uint32Array) => {
    const share = new Float64Array(labels);
    for (const row of rows) share[labelOf[row]] += 1 / rows.length;
    return share;
  };
  const other = shares(others);
  return shares(some).reduce((sum, share, label) => sum + share * other[label], 0);
}

/** Whether twins have the same label or another one, beyond the agreement of two random rows. */
function relationOf(same: number, count: number, chance: number) {
  const agreement = count === 0 ? chance : same / count;
  const copy = chance < 1 ? (agreement - chance) / (1 - chance) : 0;
  const flip = chance > 0 ? (chance - agreement) / chance : 0;
  const flipped = flip > copy;
  return { flipped, kappa: Math.max(copy, flip), chance: flipped ? 1 - chance : chance };
}

function syntheticNegatives(input: AuditInput, twins: Twins): CheckResult {
  const { rows, labelOf, splitBit, test } = input;
  const partner = new Int32Array(rows.length).fill(-1);
  const kinds: string[] = [];
  const all = Uint32Array.from(labelOf.keys());
  const chance = agreementByChance(input, all, all);
  for (const [name, { first, second }] of Object.entries(twins)) {
    let same = 0;
    for (let i = 0; i < first.length; i++) if (labelOf[first[i]] === labelOf[second[i]]) same++;
    const { flipped, kappa } = relationOf(same, first.length, chance);
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
  const anywhere = partner.reduce((sum, other) => sum + (other >= 0 ? 1 : 0), 0);
  return judgeShare('construction.synthetic-negatives', marked.length, test.length, {
    statistic: 'share of test rows in twin pairs with different labels, the twin in any split',
    reason: `${marked.length} of ${test.length} test rows (${percent(marked.length, test.length)}) are in twin pairs with different labels${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}`,
    examples: Array.from(marked.slice(0, 5), (row) => [rows[row].id, rows[partner[row]].id]),
    evidence: { rowsInAnySplit: anywhere, testRows: splitBit.reduce((sum, bit) => sum + (bit === 0b100 ? 1 : 0), 0) },
  });
}
