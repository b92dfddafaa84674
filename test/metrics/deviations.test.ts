import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { covariance, deletion, meanDeviations, rowDegrees } from '../../src/metrics/deviations.ts';
import { METRICS } from '../../src/metrics/metric-table.ts';

const random = createRandom('deviations');

function binary(rows: number, signal: number) {
  const y = Float64Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? 1 : 0));
  const scores = y.map((label) => signal * label + random.normal());
  const values = new Float64Array(2 * rows);
  scores.forEach((z, i) => {
    values[2 * i + 1] = 1 / (1 + Math.exp(-z));
    values[2 * i] = 1 - values[2 * i + 1];
  });
  return { targets: { rows, columns: 1, values: y }, predictions: { rows, columns: 2, values }, scores };
}

describe('deviations over rows', () => {
  it('give the textbook variance of a mean: s^2 / n', () => {
    const values = Float64Array.from({ length: 57 }, () => random.normal());
    const targets = { rows: 57, columns: 1, values: new Float64Array(57) };
    const score = METRICS.mse.prepare(targets, { rows: 57, columns: 1, values });
    const squares = values.map((v) => v * v);
    const mean = squares.reduce((a, b) => a + b) / 57;
    const variance = squares.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 56 / 57;
    const rows = deletion(57, { seed: 0 });
    const own = rows.of(score);
    expect(covariance(own, own)).toBeCloseTo(variance, 12);
    expect(rowDegrees(own, rows)).toBeCloseTo(56, 9);
  });

  it('give the variance and covariance of DeLong, DeLong & Clarke-Pearson 1988 for AUROC within classes', () => {
    const first = binary(90, 1);
    const second = binary(90, 0.5);
    const components = (scores: Float64Array) => {
      const positive = [...scores].filter((_, i) => first.targets.values[i] === 1);
      const negative = [...scores].filter((_, i) => first.targets.values[i] === 0);
      const psi = (x: number, y: number) => (x > y ? 1 : x === y ? 0.5 : 0);
      const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
      return [
        positive.map((x) => mean(negative.map((y) => psi(x, y)))),
        negative.map((y) => mean(positive.map((x) => psi(x, y)))),
      ];
    };
    const cov = (a: number[], b: number[]) => {
      const [ma, mb] = [a, b].map((list) => list.reduce((x, y) => x + y, 0) / list.length);
      return a.reduce((sum, x, i) => sum + (x - ma) * (b[i] - mb), 0) / (a.length - 1) / a.length;
    };
    const [a, b] = [components(first.scores), components(second.scores)];
    const rows = deletion(90, { seed: 0, strata: first.targets.values });
    const [da, db] = [first, second].map(({ targets, predictions }) =>
      rows.of(METRICS.auroc.prepare(targets, predictions)),
    );
    expect(covariance(da, da)).toBeCloseTo(cov(a[0], a[0]) + cov(a[1], a[1]), 12);
    expect(covariance(da, db)).toBeCloseTo(cov(a[0], b[0]) + cov(a[1], b[1]), 12);
  });

  it('delete whole groups: copies of a row add no information', () => {
    const values = Float64Array.from({ length: 20 }, () => random.normal());
    const copies = Float64Array.from({ length: 60 }, (_, i) => values[i % 20]);
    const mse = (own: Float64Array) =>
      METRICS.mse.prepare(
        { rows: own.length, columns: 1, values: new Float64Array(own.length) },
        { rows: own.length, columns: 1, values: own },
      );
    const alone = deletion(20, { seed: 0 }).of(mse(values));
    const groups = Array.from({ length: 60 }, (_, i) => i % 20);
    const grouped = deletion(60, { seed: 0, groups }).of(mse(copies));
    const ignored = deletion(60, { seed: 0 }).of(mse(copies));
    expect(covariance(grouped, grouped)).toBeCloseTo(covariance(alone, alone), 12);
    expect(covariance(ignored, ignored)).toBeLessThan(0.4 * covariance(alone, alone));
  });

  it('of many rows in blocks are close to those of single rows', () => {
    const { targets, predictions } = binary(3000, 1);
    const score = METRICS.mcc.prepare(targets, predictions);
    const variance = (blocks: number) => {
      const own = deletion(3000, { seed: 1, strata: targets.values, blocks }).of(score);
      return covariance(own, own);
    };
    expect(variance(1000) / variance(3000)).toBeGreaterThan(0.9);
    expect(variance(1000) / variance(3000)).toBeLessThan(1.1);
  });

  it('from halves have the variance of a mean', () => {
    const values = Float64Array.from({ length: 41 }, (_, i) => (i * i) % 17);
    const targets = { rows: 41, columns: 1, values: new Float64Array(41) };
    const score = METRICS.mse.prepare(targets, { rows: 41, columns: 1, values: values.map(Math.sqrt) });
    const mean = values.reduce((a, b) => a + b) / 41;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 40 / 41;
    const own = deletion(41, { seed: 3, method: 'halves', blocks: 4000 }).of(score);
    expect(covariance(own, own) / variance).toBeCloseTo(1, 1);
  });

  it('are undefined when the score is undefined without a block, and refuse what has no variance', () => {
    const one = deletion(3, { seed: 0 }).of((m) => (m && m[0] === 0 ? Number.NaN : 1));
    expect([...one]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(() => deletion(1, { seed: 0 })).toThrow('at least 2 are needed');
    expect(() => deletion(3, { seed: 0, strata: [0] })).toThrow('1 strata for 3 rows');
    expect(() => deletion(3, { seed: 0, groups: [7, 7, 7] })).toThrow('all test rows are of one group');
  });

  it('of a mean over seeds are the mean of the deviations', () => {
    expect([...meanDeviations([Float64Array.of(1, 2), Float64Array.of(3, -2)])]).toEqual([2, 0]);
  });
});
