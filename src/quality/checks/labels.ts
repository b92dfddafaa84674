/**
 * Label noise and balance.
 * - contradictions: share of rows whose sequence (up to strand) is also there with another label; numbers: more than one standard
 *   deviation of the fitted rows apart
 * - near contradictions: share of rows with a near duplicate of another label
 * - balance: total variation distance of the label frequencies of fitted and test rows, sum |p - q| / 2
 */
import type { AuditInput } from '../audit-input.ts';
import type { CheckResult } from '../quality-report.ts';
import { judge, judgeShare, percent, skipped } from './check.ts';
import type { Overlaps } from './overlap.ts';

export function labelChecks(input: AuditInput, overlaps: Overlaps): CheckResult[] {
  return [contradictions(input), nearContradictions(input, overlaps), balance(input)];
}

function contradictions(input: AuditInput): CheckResult {
  const { rows, indexOf, unique, labelOf } = input;
  const first = new Int32Array(unique.length).fill(-1);
  const other = new Int32Array(unique.length).fill(-1);
  const differ =
    input.kind === 'regression' ? numbersDiffer(input) : (a: number, b: number) => labelOf[a] !== labelOf[b];
  for (let r = 0; r < rows.length; r++) {
    const u = indexOf[r];
    if (first[u] < 0) first[u] = r;
    else if (other[u] < 0 && differ(first[u], r)) other[u] = r;
  }
  const count = indexOf.reduce((sum, u) => sum + (other[u] >= 0 ? 1 : 0), 0);
  const sequences = [...other.keys()].filter((u) => other[u] >= 0);
  return judgeShare('labels.contradictions', count, rows.length, {
    statistic: 'share of rows whose sequence also occurs with another label',
    reason: `${count} of ${rows.length} rows (${percent(count, rows.length)}), ${sequences.length} sequences, contradict each other`,
    examples: sequences.slice(0, 5).map((u) => [rows[first[u]].id, rows[other[u]].id]),
    evidence: { sequences: sequences.length },
  });
}

function numbersDiffer({ questions, fit }: AuditInput): (a: number, b: number) => boolean {
  const deviations = questions.map(({ values }) => {
    const mean = fit.reduce((sum, row) => sum + values[row], 0) / fit.length;
    return Math.sqrt(fit.reduce((sum, row) => sum + (values[row] - mean) ** 2, 0) / fit.length);
  });
  return (a, b) => questions.some(({ values }, q) => Math.abs(values[a] - values[b]) > deviations[q]);
}

function nearContradictions({ kind, rows, indexOf }: AuditInput, { nearConflict }: Overlaps): CheckResult {
  const statistic = 'share of rows with a near duplicate of another label';
  if (kind === 'regression') return skipped('labels.near-contradictions', statistic, 'labels are numbers');
  const rowOf = new Map<number, number>();
  for (let r = rows.length - 1; r >= 0; r--) rowOf.set(indexOf[r], r);
  const marked = Array.from(rows.keys()).filter((r) => nearConflict[indexOf[r]] > 0);
  return judgeShare('labels.near-contradictions', marked.length, rows.length, {
    statistic,
    reason: `${marked.length} of ${rows.length} rows (${percent(marked.length, rows.length)}) have a near duplicate of another label`,
    examples: marked.slice(0, 5).map((r) => [rows[r].id, rows[rowOf.get(nearConflict[indexOf[r]] - 1) ?? r].id]),
  });
}

function balance({ kind, labelOf, labels, fit, test }: AuditInput): CheckResult {
  const statistic = 'total variation distance of label frequencies, train and valid against test';
  if (kind === 'regression') return skipped('labels.balance', statistic, 'labels are numbers');
  if (kind === 'clustering') return skipped('labels.balance', statistic, 'a clustering is judged on test rows alone');
  const shares = (rows: Uint32Array) => {
    const share = new Float64Array(labels);
    for (const row of rows) share[labelOf[row]] += 1 / rows.length;
    return share;
  };
  const fitted = shares(fit);
  const tested = shares(test);
  const distance = fitted.reduce((sum, share, label) => sum + Math.abs(share - tested[label]) / 2, 0);
  const unseen = tested.filter((share, label) => share > 0 && fitted[label] === 0).length;
  const rarest = Math.min(...tested.filter((share) => share > 0));
  // Two samples of one source differ by chance: the expected distance is about sum sqrt(p (1 - p) (1/n + 1/m) / (2 pi)).
  const chance = fitted.reduce(
    (sum, share) => sum + Math.sqrt((share * (1 - share) * (1 / fit.length + 1 / test.length)) / (2 * Math.PI)),
    0,
  );
  return judge('labels.balance', {
    statistic,
    value: distance,
    reason: `label frequencies differ by ${distance.toFixed(3)} between fitted and test rows (${chance.toFixed(3)} by chance alone); ${unseen} test labels are not in train or valid`,
    evidence: { labels, unseenInFit: unseen, rarestTestShare: rarest, chance },
    atMost: distance > 2 * chance ? 'WARN' : 'PASS',
  });
}
