/**
 * Prints the table of docs/statistics.md: false-positive rate, coverage and power of the verdicts.
 *
 *   node --import tsx benchmarks/statistics/table.ts [--repetitions 400]
 */
import { parseArgs } from 'node:util';
import type { MetricName } from '../../src/metrics/metric.ts';
import { type Scenario, simulate } from './simulate.ts';

const { values } = parseArgs({ options: { repetitions: { type: 'string', default: '400' } } });
const repetitions = Number(values.repetitions);

type Setting = Pick<Scenario, 'rows' | 'tau' | 'otherTau' | 'seeds' | 'others' | 'effect' | 'candidates'>;
const board = (seeds: number) => [seeds, seeds, seeds];
const SETTINGS: readonly Setting[] = [
  { rows: 100, tau: 0, seeds: [1, 1], others: board(3) },
  { rows: 500, tau: 0, seeds: [3, 3], others: board(3) },
  { rows: 100, tau: 0.3, seeds: [3, 3], others: board(3) },
  { rows: 2000, tau: 0.15, seeds: [3, 3], others: board(3) },
  { rows: 2000, tau: 0.3, seeds: [2, 2], others: board(2) },
  { rows: 2000, tau: 0.3, seeds: [1, 3], others: board(3) },
  { rows: 2000, tau: 0.3, seeds: [1, 1], others: board(3) },
  { rows: 2000, tau: 0.3, seeds: [5, 5], others: board(5) },
  { rows: 2000, tau: 0.3, seeds: [2, 2], others: [] },
  { rows: 2000, tau: 0.3, seeds: [3, 3], others: [] },
  { rows: 2000, tau: 0.3, seeds: [3, 3], others: [], candidates: 5 },
  { rows: 500, tau: 0.3, seeds: [2, 5], others: board(3) },
  { rows: 500, tau: 0.3, otherTau: 0.15, seeds: [3, 3], others: board(3) },
  { rows: 500, tau: 0.3, otherTau: 0.15, seeds: [1, 3], others: board(3) },
  { rows: 5000, tau: 0.15, seeds: [3, 3], others: board(3) },
  { rows: 2000, tau: 0.15, seeds: [3, 3], others: board(3), effect: 0.3 },
];
const TASKS: readonly { kind: Scenario['kind']; prevalence: number; metrics: readonly MetricName[] }[] = [
  { kind: 'binary', prevalence: 0.5, metrics: ['mcc', 'accuracy', 'auroc', 'averagePrecision', 'macroF1'] },
  { kind: 'binary', prevalence: 0.1, metrics: ['mcc', 'auroc', 'averagePrecision'] },
  { kind: 'binary', prevalence: 0.02, metrics: ['mcc', 'auroc'] },
  { kind: 'multiclass', prevalence: 0.1, metrics: ['mcc', 'macroF1'] },
  { kind: 'regression', prevalence: 0.5, metrics: ['pearson', 'spearman', 'r2'] },
];

const percent = (share: number) => (100 * share).toFixed(1);
console.log(
  '| metric | rows | tau | seeds | others | called different | coverage | power of the oracle | without a verdict |',
);
console.log('|---|--:|--:|---|---|--:|--:|--:|--:|');
for (const setting of SETTINGS) {
  for (const { kind, prevalence, metrics } of TASKS) {
    for (const metric of metrics) {
      if (prevalence === 0.02 && setting.rows === 100) continue; // two positives have no variance
      const found = simulate({ ...setting, kind, prevalence, metric }, repetitions);
      const name = kind === 'binary' ? `${metric}, ${100 * prevalence}% positive` : `${metric}, ${kind}`;
      const seeds = `${setting.seeds.join(' against ')}${setting.candidates ? `, best of ${setting.candidates}` : ''}`;
      const power = setting.effect ? percent(found.oracle) : '';
      const tau = setting.otherTau === undefined ? `${setting.tau}` : `${setting.tau}, others ${setting.otherTau}`;
      console.log(
        `| ${name} | ${setting.rows} | ${tau} | ${seeds} | ${setting.others.join(', ') || 'none'} | ${percent(found.called)} | ${percent(found.coverage)} | ${power} | ${found.undefinedVerdicts} |`,
      );
    }
  }
}
