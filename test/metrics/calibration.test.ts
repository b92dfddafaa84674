/**
 * The verdicts at their nominal level, on a few simulated boards with fixed seeds; the whole table is
 * in docs/statistics.md. With 200 repetitions a rate of 5% has a standard deviation of 1.5%.
 */
import { describe, expect, it } from 'vitest';
import { type Scenario, simulate } from '../../benchmarks/statistics/simulate.ts';

const base = { kind: 'binary', prevalence: 0.5, metric: 'accuracy', others: [3, 3, 3] } as const;
const cases: [string, Scenario][] = [
  ['no seed effect', { ...base, rows: 300, tau: 0, seeds: [3, 3] }],
  ['a seed effect, three seeds', { ...base, rows: 300, tau: 0.3, seeds: [3, 3] }],
  ['a seed effect, one seed against three', { ...base, rows: 300, tau: 0.3, seeds: [1, 3] }],
  ['a lone pair with two seeds each', { ...base, rows: 300, tau: 0.3, seeds: [2, 2], others: [] }],
  [
    'the reference is the best of four on validation rows',
    { ...base, rows: 300, tau: 0.3, seeds: [3, 3], others: [], candidates: 4 },
  ],
  [
    'other contenders of the kind with half the seed effect',
    { ...base, rows: 300, tau: 0.3, otherTau: 0.15, seeds: [3, 3] },
  ],
  ['regression', { ...base, kind: 'regression', metric: 'pearson', rows: 300, tau: 0.15, seeds: [3, 3] }],
];

describe('verdicts', () => {
  it.each(cases)('are wrong in about 5%% of cases, and intervals hold the truth in 95%%: %s', (_, scenario) => {
    const { called, coverage, repetitions } = simulate(scenario, 200, 40);
    expect(repetitions).toBe(200);
    expect(called).toBeLessThan(0.11);
    expect(coverage).toBeGreaterThan(0.89);
  });

  it('find a difference at least 80% as often as a test that knows the variance', () => {
    const { called, oracle } = simulate({ ...base, rows: 500, tau: 0.1, seeds: [3, 3], effect: 0.3 }, 150, 40);
    expect(oracle).toBeGreaterThan(0.5);
    expect(called).toBeGreaterThan(0.8 * oracle);
  });
});
