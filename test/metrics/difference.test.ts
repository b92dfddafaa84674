import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { type Deletion, deletion } from '../../src/metrics/deviations.ts';
import { differenceOf, type ScoredSeeds, scoreInterval, selectionEffect } from '../../src/metrics/difference.ts';
import { METRIC_RANGES } from '../../src/metrics/metric-range.ts';
import { METRICS } from '../../src/metrics/metric-table.ts';
import { seedVariances } from '../../src/metrics/seed-variance.ts';

const options = { higherIsBetter: true, level: 0.95 };
const none = { sigma2: 0, interaction: 0, degrees: Number.POSITIVE_INFINITY };

/** Scores that are means of per-row values; deterministic unless seed variance is given. */
function meanSide(rows: Deletion, values: number[][], seedVariance: ScoredSeeds['seedVariance'] = none): ScoredSeeds {
  const scores = values.map((own) => (m?: Uint16Array) => {
    const weights = m ?? new Uint16Array(own.length).fill(1);
    const total = weights.reduce((a, b) => a + b, 0);
    return own.reduce((sum, v, i) => sum + v * weights[i], 0) / total;
  });
  return { scores: scores.map((score) => score()), deviations: scores.map((score) => rows.of(score)), seedVariance };
}

describe('the difference of two contenders', () => {
  it('of per-row means is the paired t test', () => {
    const random = createRandom('paired t');
    const a = Array.from({ length: 30 }, () => random.normal());
    const b = a.map((x) => x - 0.4 + random.normal());
    const rows = deletion(30, { seed: 0 });
    const found = differenceOf(meanSide(rows, [a]), meanSide(rows, [b]), rows, options);
    const d = a.map((x, i) => x - b[i]);
    const mean = d.reduce((x, y) => x + y) / 30;
    const se = Math.sqrt(d.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 29 / 30);
    expect(found.difference).toBeCloseTo(mean, 12);
    expect(found.standardError).toBeCloseTo(se, 12);
    expect(found.high - found.low).toBeCloseTo(2 * 2.0452296421327 * se, 8); // t of 29 degrees, 0.975
  });

  it('adds the variance over seeds', () => {
    const rows = deletion(40, { seed: 0 });
    const a = Array.from({ length: 40 }, (_, i) => i % 2);
    const b = a.map((x, i) => (i % 5 === 0 ? 1 - x : x));
    const bare = differenceOf(meanSide(rows, [a]), meanSide(rows, [b]), rows, options);
    const seeds = { sigma2: 0.03, interaction: 0, degrees: 20 };
    const found = differenceOf(meanSide(rows, [a, a, a], seeds), meanSide(rows, [b]), rows, options);
    expect(found.standardError ** 2).toBeCloseTo(bare.standardError ** 2 + 0.01, 10);
  });

  it('agrees with itself: p is at most 0.05 exactly when the 95% interval excludes 0', () => {
    const random = createRandom('agreement');
    const rows = deletion(25, { seed: 0 });
    for (let i = 0; i < 60; i++) {
      const a = Array.from({ length: 25 }, () => random.normal() + 0.04 * i * random.next());
      const b = Array.from({ length: 25 }, () => random.normal());
      const seeds = { sigma2: 0.02, interaction: 0.01, degrees: i % 2 === 0 ? 2 : 30 };
      const { low, high, p } = differenceOf(meanSide(rows, [a, a], seeds), meanSide(rows, [b]), rows, options);
      expect(p <= 0.05).toBe(low > 0 || high < 0);
    }
  });

  it('of identical predictions is a tie with p 1, whatever the number of seeds', () => {
    for (const size of [10, 43, 97]) {
      const rows = deletion(size, { seed: 0 });
      const constant = Array.from({ length: size }, (_, i) => (i % 3 === 0 ? 0.1 : 0.7));
      const one = { ...meanSide(rows, [constant]), seedVariance: undefined };
      const three = meanSide(rows, [constant, constant, constant]);
      expect(differenceOf(one, three, rows, options)).toMatchObject({ difference: 0, low: 0, high: 0, p: 1 });
    }
  });

  it('of a constant predictor with one seed and with three is a tie for average precision and AUROC', () => {
    for (const name of ['averagePrecision', 'auroc', 'accuracy'] as const) {
      for (const size of [50, 61, 83]) {
        const targets = {
          rows: size,
          columns: 1,
          values: Float64Array.from({ length: size }, (_, i) => (i % 7 === 0 ? 1 : 0)),
        };
        const values = Float64Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? 0.6 : 0.4));
        const score = METRICS[name].prepare(targets, { rows: size, columns: 2, values });
        const rows = deletion(size, { seed: 0, strata: targets.values });
        const side = (seeds: number) => ({
          scores: Array<number>(seeds).fill(score()),
          deviations: Array<Float64Array>(seeds).fill(rows.of(score)),
          seedVariance: none,
        });
        expect(differenceOf(side(1), side(3), rows, options).p).toBe(1);
      }
    }
  });

  it('has no lower bound of p, so a clear difference passes Holm among a hundred rows', () => {
    const rows = deletion(100, { seed: 0 });
    const a = Array.from({ length: 100 }, (_, i) => 1 + (i % 7) / 100);
    const b = Array.from({ length: 100 }, (_, i) => (i % 5) / 100);
    expect(differenceOf(meanSide(rows, [a]), meanSide(rows, [b]), rows, options).p * 100).toBeLessThan(1e-6);
  });

  it('needs seeds when nothing is known about a stochastic contender', () => {
    const rows = deletion(20, { seed: 0 });
    const a = Array.from({ length: 20 }, (_, i) => i);
    const b = Array.from({ length: 20 }, (_, i) => i % 3);
    const side = { ...meanSide(rows, [a]), seedVariance: undefined };
    expect(differenceOf(side, meanSide(rows, [b]), rows, options)).toMatchObject({ needsSeeds: true, p: Number.NaN });
  });

  it('is positive when the first is better, also for metrics where lower is better', () => {
    const rows = deletion(10, { seed: 0 });
    const low = meanSide(rows, [Array.from({ length: 10 }, (_, i) => i % 2)]);
    const high = meanSide(rows, [Array.from({ length: 10 }, (_, i) => 3 + (i % 3))]);
    expect(differenceOf(low, high, rows, { ...options, higherIsBetter: false }).difference).toBeGreaterThan(0);
  });
});

describe('the interval of a score', () => {
  it('stays within the range of the metric', () => {
    const size = 40;
    const targets = { rows: size, columns: 1, values: Float64Array.from({ length: size }, (_, i) => i % 2) };
    const values = new Float64Array(2 * size);
    for (let i = 0; i < size; i++) values[2 * i + (i === 3 ? 1 - (i % 2) : i % 2)] = 1;
    const score = METRICS.accuracy.prepare(targets, { rows: size, columns: 2, values });
    const rows = deletion(size, { seed: 0, strata: targets.values });
    const side = { scores: [score()], deviations: [rows.of(score)], seedVariance: none };
    const { low, high } = scoreInterval(side, rows, { level: 0.95, range: METRIC_RANGES.accuracy });
    expect(high).toBeLessThan(1);
    expect(low).toBeGreaterThan(0.7);
    expect(low).toBeLessThan(0.95);
  });

  it('says when it covers rows only', () => {
    const rows = deletion(10, { seed: 0 });
    const side = { ...meanSide(rows, [[1, 2, 3, 4, 5, 6, 7, 8, 9, 11]]), seedVariance: undefined };
    expect(
      scoreInterval(side, rows, { level: 0.95, range: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] })
        .seedsUnknown,
    ).toBe(true);
  });
});

describe('the choice of the reference', () => {
  it('counts only as far as seeds explain the lead on validation rows', () => {
    expect(selectionEffect([0.5, 0.52, 0.48], 1, 4e-4)).toBeCloseTo(0.02, 9);
    expect(selectionEffect([0.5, 0.9, 0.1], 1, 4e-4)).toBeCloseTo((4e-4 / 0.16) * 0.4, 9);
    expect(selectionEffect([0.5], 0, 4e-4)).toBe(0);
    expect(selectionEffect([0.5, 0.6], 1, 0)).toBe(0);
  });
});

describe('a kind of contender', () => {
  it('lends its seed variance to a contender with one seed', () => {
    const rows = deletion(30, { seed: 0 });
    const wave = (phase: number) => Array.from({ length: 30 }, (_, i) => Math.sin(i + phase));
    const sides = [[wave(0)], [wave(1), wave(2)], [wave(3), wave(4)]].map((values) => meanSide(rows, values));
    const variances = seedVariances(sides.map((side) => ({ kind: 'k', stochastic: true, rows: 30, ...side })));
    const found = differenceOf(
      { ...sides[0], seedVariance: variances[0] },
      { ...sides[1], seedVariance: variances[1] },
      rows,
      options,
    );
    expect(found.needsSeeds).toBe(false);
    expect(found.p).toBeGreaterThan(0);
  });
});
