/**
 * Repeats a comparison on simulated boards through the code that makes the verdicts: how often two
 * contenders with equal expected scores are called different, how often the 95% interval holds the
 * true difference, and how often a true difference is found compared with an oracle that knows the
 * variance.
 */
import { type Deletion, deletion } from '../../src/metrics/deviations.ts';
import { differenceOf, selectionEffect } from '../../src/metrics/difference.ts';
import type { MetricName, PreparedMetric } from '../../src/metrics/metric.ts';
import { METRICS } from '../../src/metrics/metric-table.ts';
import { type SeedVariance, seedVariances } from '../../src/metrics/seed-variance.ts';
import { seeded, type TestSet, testSet, type World } from './world.ts';

export interface Scenario extends World {
  readonly metric: MetricName;
  /** Seeds of the two contenders that are compared. */
  readonly seeds: readonly [number, number];
  /** Seeds of other contenders of the same kind on the board. */
  readonly others: readonly number[];
  /** Seed effect of the other contenders. Default: `tau`, as of the compared ones. */
  readonly otherTau?: number;
  /** True difference on the latent scale. Default 0. */
  readonly effect?: number;
  /** The second contender is the best of this many on validation rows. Default 1: no choice. */
  readonly candidates?: number;
}

export interface Outcome {
  readonly repetitions: number;
  /** Share of repetitions with p <= 0.05. */
  readonly called: number;
  /** Share of 95% intervals that hold the true difference. */
  readonly coverage: number;
  /** Share that a z test with the true standard deviation would call. */
  readonly oracle: number;
  /** Repetitions without a verdict. */
  readonly undefinedVerdicts: number;
}

interface Measured {
  readonly scores: number[];
  readonly deviations: Float64Array[];
  readonly validation: number;
}

export function simulate(scenario: Scenario, repetitions: number, blocks = 100): Outcome {
  const { rows, kind, metric: name, seeds, others, tau, otherTau = tau, effect = 0, candidates = 1 } = scenario;
  const metric = METRICS[name];
  const found: { difference: number; low: number; high: number; p: number }[] = [];
  let undefinedVerdicts = 0;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const random = seeded(`${JSON.stringify(scenario)} ${repetition}`);
    const test = testSet(scenario, random);
    const valid = candidates > 1 ? testSet(scenario, random) : undefined;
    const strata = kind === 'regression' ? undefined : test.targets.values;
    const deleted = deletion(rows, { strata, seed: repetition, blocks });
    const score = (set: TestSet, effects: readonly number[]): PreparedMetric[] =>
      set.predict(effects).map((predictions) => metric.prepare(set.targets, predictions));
    const contender = (count: number, shift: number, scale = 1): Measured => {
      const effects = test.seedEffects(count).map((g) => scale * g + shift);
      return measured(score(test, effects), deleted, valid && score(valid, effects));
    };
    const first = contender(seeds[0], effect);
    const pool = Array.from({ length: candidates }, () => contender(seeds[1], 0));
    const rest = others.map((count) => contender(count, 0, tau > 0 ? otherTau / tau : 1));
    const chosen = pool.reduce((best, one, i) => (one.validation > pool[best].validation ? i : best), 0);
    const all = [first, pool[chosen], ...pool.filter((_, i) => i !== chosen), ...rest];
    const variances = seedVariances(all.map((one) => ({ kind: 'simulated', stochastic: true, rows, ...one })));
    const side = (one: Measured, seedVariance: SeedVariance | undefined) => ({ ...one, seedVariance });
    const ofMean = (variances[1]?.sigma2 ?? 0) / seeds[1];
    const selection = selectionEffect(
      pool.map(({ validation }) => validation),
      chosen,
      ofMean,
    );
    const options = { higherIsBetter: metric.higherIsBetter, level: 0.95, selection };
    const estimate = differenceOf(side(first, variances[0]), side(pool[chosen], variances[1]), deleted, options);
    if (Number.isNaN(estimate.p)) undefinedVerdicts++;
    else found.push(estimate);
  }
  const n = found.length;
  const mean = found.reduce((sum, { difference }) => sum + difference, 0) / n;
  const sd = Math.sqrt(found.reduce((sum, { difference }) => sum + (difference - mean) ** 2, 0) / (n - 1));
  const truth = effect === 0 ? 0 : mean;
  const share = (test: (one: (typeof found)[number]) => boolean) => found.filter(test).length / n;
  return {
    repetitions: n,
    called: share(({ p }) => p <= 0.05),
    coverage: share(({ low, high }) => low <= truth && truth <= high),
    oracle: share(({ difference }) => Math.abs(difference) > 1.96 * sd),
    undefinedVerdicts,
  };
}

function measured(test: readonly PreparedMetric[], deleted: Deletion, valid?: readonly PreparedMetric[]): Measured {
  const validation = valid ? valid.reduce((sum, score) => sum + score(), 0) / valid.length : 0;
  return { scores: test.map((score) => score()), deviations: test.map((score) => deleted.of(score)), validation };
}
