import { describe, expect, it } from 'vitest';
import { bootstrapInterval, pairedDifference } from '../../src/metrics/bootstrap.ts';
import type { PreparedMetric } from '../../src/metrics/metric.ts';
import { METRICS } from '../../src/metrics/metric-table.ts';
import { type Random, random } from '../../src/metrics/random.ts';
import { predictionsOf, targetsOf } from './matrices.ts';

/** Standard normal, Box-Muller. */
function normal(source: Random): number {
  return Math.sqrt(-2 * Math.log(1 - source.uniform())) * Math.cos(2 * Math.PI * source.uniform());
}

/** A metric whose score is the mean of one number per row. */
function meanOf(values: readonly number[]): PreparedMetric {
  const targets = targetsOf(values.length, Array<number>(values.length).fill(0));
  return METRICS.mse.prepare(targets, targetsOf(values.length, values.map(Math.sqrt)));
}

/** Binary predictions that separate the classes by `skill` standard deviations. */
function classifier(rows: number, skill: number, source: Random) {
  const classes = Array.from({ length: rows }, (_, row) => row % 2);
  const predictions = () =>
    predictionsOf(
      rows,
      classes.flatMap((y) => {
        const p = 1 / (1 + Math.exp(-(normal(source) + skill * (y - 0.5))));
        return [1 - p, p];
      }),
      1,
    );
  return { targets: targetsOf(rows, classes), predictions };
}

describe('random numbers', () => {
  it('follow from the seed', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, random(seed).uint32);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1)).not.toEqual(draw(2 ** 32 + 1));
    expect(() => random(-1)).toThrow('non-negative integer');
    expect(() => random(0.5)).toThrow('non-negative integer');
  });

  it('are uniform: chi-squared over 20 cells and over pairs of neighbours', () => {
    const source = random(3);
    const cells = new Float64Array(20);
    const pairs = new Float64Array(400);
    const draws = 200_000;
    for (let i = 0, last = 0; i < draws; i++) {
      const cell = source.below(20);
      cells[cell]++;
      pairs[last * 20 + cell]++;
      last = cell;
    }
    const chiSquared = (counts: Float64Array) =>
      counts.reduce((sum, count) => sum + (count - draws / counts.length) ** 2 / (draws / counts.length), 0);
    expect(chiSquared(cells)).toBeLessThan(44); // 19 degrees of freedom, p 0.001
    expect(chiSquared(pairs)).toBeLessThan(492); // 399 degrees of freedom, p 0.001
  });
});

describe('bootstrap interval', () => {
  it('has the standard error and the width that theory gives for a mean', () => {
    const source = random(11);
    const values = Array.from({ length: 400 }, () => 100 + normal(source));
    const mean = values.reduce((sum, v) => sum + v, 0) / 400;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 400);
    const result = bootstrapInterval([meanOf(values)], 400, { seed: 1 });
    expect(result).toMatchObject({ level: 0.95, resamples: 2000, redrawn: 0 });
    expect(result.estimate).toBeCloseTo(mean, 9);
    expect(result.standardError / (deviation / 20)).toBeCloseTo(1, 1);
    expect((result.high - result.low) / (2 * 1.96 * (deviation / 20))).toBeCloseTo(1, 1);
    const wider = bootstrapInterval([meanOf(values)], 400, { seed: 1, level: 0.99 });
    expect(wider.low).toBeLessThan(result.low);
    expect(wider.high).toBeGreaterThan(result.high);
  });

  it('covers the truth about 95% of the time', () => {
    const source = random(5);
    let covered = 0;
    const experiments = 400;
    for (let i = 0; i < experiments; i++) {
      const right = Array.from({ length: 150 }, () => Number(source.uniform() < 0.7));
      const { low, high } = bootstrapInterval([meanOf(right)], 150, { seed: i, resamples: 400 });
      if (low <= 0.7 && 0.7 <= high) covered++;
    }
    // binomial standard deviation 0.011
    expect(covered / experiments).toBeGreaterThan(0.92);
    expect(covered / experiments).toBeLessThan(0.98);
  });

  it('equal seeds give equal numbers', () => {
    const score = meanOf([1, 2, 3, 4, 5, 6]);
    const once = bootstrapInterval([score], 6, { seed: 9, resamples: 100 });
    expect(bootstrapInterval([score], 6, { seed: 9, resamples: 100 })).toEqual(once);
    expect(bootstrapInterval([score], 6, { seed: 10, resamples: 100 })).not.toEqual(once);
  });

  it('several seeds: mean score, and their spread adds to the interval', () => {
    const values = Array.from({ length: 200 }, (_, row) => 10 + (row % 7));
    const shifted = (shift: number) => meanOf(values.map((v) => v + shift));
    const one = bootstrapInterval([shifted(0)], 200, { seed: 1 });
    const same = bootstrapInterval([shifted(0), shifted(0), shifted(0)], 200, { seed: 1 });
    const spread = bootstrapInterval([shifted(-1), shifted(0), shifted(1)], 200, { seed: 1 });
    expect(spread.estimate).toBeCloseTo(one.estimate, 9);
    expect(same.standardError / one.standardError).toBeCloseTo(1, 1);
    // three seeds with variance 2/3: the mean of three draws has variance 2/9
    expect(spread.standardError / Math.sqrt(one.standardError ** 2 + 2 / 9)).toBeCloseTo(1, 1);
  });

  it('draws an undefined resample again and counts it', () => {
    const targets = targetsOf(10, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const predictions = predictionsOf(10, [1, 5, 3, 3, 4, 2, 5, 1, 6, 0, 1, 5, 4, 2, 5, 1, 4, 2, 6, 0], 6);
    const score = METRICS.auroc.prepare(targets, predictions);
    const result = bootstrapInterval([score], 10, { seed: 1, resamples: 1000 });
    // (9/10)^10 = 0.35 of resamples miss the only positive row
    expect(result.redrawn / (1000 + result.redrawn)).toBeCloseTo(0.35, 1);
    expect(result.low).not.toBeNaN();
    const stratified = bootstrapInterval([score], 10, { seed: 1, resamples: 1000, strata: targets.values });
    expect(stratified.redrawn).toBe(0);
  });

  it('strata keep the class counts of every resample', () => {
    const strata = [0, 0, 0, 1, 1, 2];
    const seen: number[][] = [];
    const spy: PreparedMetric = (multiplicities) => {
      if (multiplicities) {
        const [a, b, c, d, e, f] = multiplicities;
        seen.push([a + b + c, d + e, f]);
      }
      return 1;
    };
    bootstrapInterval([spy], 6, { seed: 1, resamples: 50, strata });
    expect(seen).toEqual(Array(50).fill([3, 2, 1]));
    expect(() => bootstrapInterval([spy], 6, { seed: 1, strata: [0] })).toThrow('1 strata for 6 rows');
  });

  it('says undefined rather than invent: undefined estimate, one row, hopeless resamples', () => {
    const undefinedScore = bootstrapInterval([() => Number.NaN], 5, { seed: 1 });
    expect([undefinedScore.estimate, undefinedScore.low, undefinedScore.standardError]).toEqual(
      Array(3).fill(Number.NaN),
    );
    const oneRow = bootstrapInterval([meanOf([4])], 1, { seed: 1 });
    expect([oneRow.estimate, oneRow.low, oneRow.high]).toEqual([4, Number.NaN, Number.NaN]);
    const hopeless = bootstrapInterval([(m) => (m ? Number.NaN : 1)], 5, { seed: 1, resamples: 10 });
    expect(hopeless).toMatchObject({ estimate: 1, low: Number.NaN, high: Number.NaN, redrawn: 11 });
  });

  it('refuses impossible settings', () => {
    const score = meanOf([1, 2]);
    expect(() => bootstrapInterval([], 2, { seed: 1 })).toThrow('at least one prepared metric');
    expect(() => bootstrapInterval([score], 0, { seed: 1 })).toThrow('positive number of rows');
    expect(() => bootstrapInterval([score], 2, { seed: 1, resamples: 0 })).toThrow('positive number of resamples');
    expect(() => bootstrapInterval([score], 2, { seed: 1, level: 95 })).toThrow('between 0 and 1, not 95');
    expect(() => bootstrapInterval([score], 3, { seed: 1 })).toThrow('3 multiplicities for 2 rows');
  });
});

describe('paired difference', () => {
  const better = Array.from({ length: 100 }, (_, row) => 5 + (row % 10));
  const worse = better.map((v) => v - 1);

  it('draws the same rows for both: a constant gap has no width', () => {
    const result = pairedDifference([meanOf(better)], [meanOf(worse)], 100, {
      seed: 1,
      resamples: 500,
      higherIsBetter: true,
    });
    expect(result.difference).toBeCloseTo(1, 9);
    expect(result.low).toBeCloseTo(1, 9);
    expect(result.high).toBeCloseTo(1, 9);
    expect(result.p).toBeCloseTo(2 / 501, 12);
  });

  it('positive means a is better, whichever way the metric points', () => {
    const options = { seed: 1, resamples: 100, higherIsBetter: false };
    expect(pairedDifference([meanOf(worse)], [meanOf(better)], 100, options).difference).toBeCloseTo(1, 9);
    const swapped = pairedDifference([meanOf(better)], [meanOf(worse)], 100, options);
    expect(swapped.difference).toBeCloseTo(-1, 9);
    expect(swapped.p).toBeCloseTo(2 / 101, 12);
  });

  it('identical predictions: difference 0, p 1', () => {
    const { targets, predictions } = classifier(50, 1, random(2));
    const same = predictions();
    for (const name of ['auroc', 'mcc', 'logLoss'] as const) {
      const { prepare, higherIsBetter } = METRICS[name];
      const result = pairedDifference([prepare(targets, same)], [prepare(targets, same)], 50, {
        seed: 1,
        higherIsBetter,
      });
      expect(result).toMatchObject({ difference: 0, low: 0, high: 0, p: 1 });
    }
  });

  it('scores that differ by rounding only are ties', () => {
    const noise: PreparedMetric = () => 0.1 + 0.2;
    const result = pairedDifference([noise], [() => 0.3], 5, { seed: 1, higherIsBetter: true });
    expect(result).toMatchObject({ difference: 0, p: 1 });
  });

  it('seeds are drawn separately for each contender', () => {
    const seeds = [meanOf(better), meanOf(worse)];
    const result = pairedDifference(seeds, seeds, 100, { seed: 1, higherIsBetter: true });
    expect(result.difference).toBe(0);
    // mean of two draws from {0, 1}: variance 1/8 on each side
    expect(result.standardError).toBeCloseTo(0.5, 1);
  });

  it('an undefined score on either side makes the comparison undefined', () => {
    const result = pairedDifference([() => Number.NaN], [meanOf(better)], 100, { seed: 1, higherIsBetter: true });
    expect([result.difference, result.low, result.high, result.p]).toEqual(Array(4).fill(Number.NaN));
  });

  it('p is about uniform for two contenders of equal skill, and small for unequal ones', () => {
    const source = random(17);
    const experiments = 300;
    const ps = Array.from({ length: experiments }, (_, i) => {
      const { targets, predictions } = classifier(120, 1, source);
      const score = () => METRICS.auroc.prepare(targets, predictions());
      return pairedDifference([score()], [score()], 120, { seed: i, resamples: 300, higherIsBetter: true }).p;
    });
    const share = (alpha: number) => ps.filter((p) => p <= alpha).length / experiments;
    // binomial standard deviations 0.013, 0.025, 0.029
    expect(share(0.05)).toBeGreaterThan(0.015);
    expect(share(0.05)).toBeLessThan(0.09);
    expect(Math.abs(share(0.25) - 0.25)).toBeLessThan(0.08);
    expect(Math.abs(share(0.5) - 0.5)).toBeLessThan(0.09);

    const { targets, predictions } = classifier(400, 1, source);
    const chance = classifier(400, 0, source).predictions();
    const { p, low } = pairedDifference(
      [METRICS.auroc.prepare(targets, predictions())],
      [METRICS.auroc.prepare(targets, chance)],
      400,
      { seed: 1, higherIsBetter: true },
    );
    expect(p).toBeLessThan(0.01);
    expect(low).toBeGreaterThan(0);
  });

  it('is fast: 2,000 resamples of the AUROC of two contenders on 6,000 rows', () => {
    const { targets, predictions } = classifier(6000, 1, random(1));
    const score = () => METRICS.auroc.prepare(targets, predictions());
    const start = performance.now();
    pairedDifference([score()], [score()], 6000, { seed: 1, higherIsBetter: true });
    // about 0.3 s on an idle machine; the bound leaves room for a busy one
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
