/**
 * Columns beside the sequence that predict the label, and a shift between train and test.
 * - group: test MCC or r of the row's group (species, batch). A label may be a function of the group by design: WARN at most
 * - chromosome, position: the same of the chromosome, and of the start on it, read from ids
 * - shift: AUROC of "train or test" from order-3 Markov log-odds per base; the chains are fitted on half of the rows of each side and
 *   scored on the other half
 */
import type { AuditInput } from '../audit-input.ts';
import { intervalsOf } from '../coordinates.ts';
import type { CheckResult } from '../quality-report.ts';
import { categoryRule } from '../rules/category.ts';
import { binned } from '../rules/feature-bins.ts';
import { logOdds, logTables } from '../rules/markov.ts';
import { auroc, aurocInterval } from '../statistics.ts';
import { judge, skipped } from './check.ts';
import { ruleCheck } from './shortcuts.ts';

export function confoundChecks(input: AuditInput): CheckResult[] {
  const { rows } = input;
  const intervals = intervalsOf(rows);
  const grouped = rows.some(({ group }) => group !== undefined);
  const none = 'the ids of the rows have no coordinates';
  const start = (_: unknown, some: ArrayLike<number>) =>
    Float64Array.from({ length: some.length }, (_, i) => intervals?.[some[i]]?.start ?? -1);
  return [
    grouped
      ? ruleCheck(input, 'confound.group', [categoryRule('group', 'the group of the row', (row) => rows[row].group)])
      : skipped('confound.group', 'test MCC or r of the group of the row', 'rows have no group'),
    intervals
      ? ruleCheck(input, 'confound.chromosome', [
          categoryRule('chromosome', 'the chromosome of the row', (row) => intervals[row]?.chromosome),
        ])
      : skipped('confound.chromosome', 'test MCC or r of the chromosome', none),
    intervals
      ? ruleCheck(input, 'confound.position', [
          {
            id: 'position',
            title: 'the position on the chromosome',
            fit: (data, question, some) => binned(start, data, question, some),
          },
        ])
      : skipped('confound.position', 'test MCC or r of the position on the chromosome', none),
    shift(input),
  ];
}

const LEAST_ROWS = 50;

function shift({ data, fit, test }: AuditInput): CheckResult {
  const id = 'shift.train-test';
  const statistic = 'AUROC of "a test row" from order-3 Markov log-odds per base';
  if (fit.length < LEAST_ROWS || test.length < LEAST_ROWS)
    return skipped(id, statistic, `needs ${LEAST_ROWS} rows on each side`);
  const learn = (rows: Uint32Array) => rows.filter((_, i) => i % 2 === 0);
  const held = (rows: Uint32Array) => rows.filter((_, i) => i % 2 === 1);
  const learnFit = learn(fit);
  const tables = logTables(data, [...learnFit, ...learn(test)], 2, (i) => (i < learnFit.length ? 0 : 1));
  const heldFit = held(fit);
  const rows = [...heldFit, ...held(test)];
  const area = auroc(logOdds(data, rows, tables), (i) => i >= heldFit.length);
  return judge(id, {
    statistic,
    value: area,
    interval: aurocInterval(area, rows.length - heldFit.length, heldFit.length),
    reason: `test rows are told from train and valid rows with AUROC ${area.toFixed(3)}`,
  });
}
