import { describe, expect, it } from 'vitest';
import { bootstrapInterval, pairedDifference } from '../../../src/metrics/bootstrap.ts';
import type { PreparedMetric } from '../../../src/metrics/metric.ts';
import { METRICS } from '../../../src/metrics/metric-table.ts';
import { resamplesFor } from '../../../src/report/board/comparison.ts';
import { differenceOf, intervalOf, resampleJointly } from '../../../src/report/board/joint-bootstrap.ts';

const ROWS = 300;
const strata = Float64Array.from({ length: ROWS }, (_, row) => row % 2);
const wave = (row: number, phase: number) => Math.sin(12.9898 * row + phase) * 0.5;

/** Accuracy of a predictor that is right as often as `skill` beats a fixed pseudo-random wave. */
function accuracyOf(skill: number, phase: number): PreparedMetric {
  const values = new Float64Array(2 * ROWS);
  for (let row = 0; row < ROWS; row++) {
    const right = 0.5 + 0.4 * Math.sign(skill + wave(row, phase));
    values[2 * row + strata[row]] = right;
    values[2 * row + 1 - strata[row]] = 1 - right;
  }
  return METRICS.accuracy.prepare({ rows: ROWS, columns: 1, values: strata }, { rows: ROWS, columns: 2, values });
}

describe('the joint bootstrap', () => {
  const options = { resamples: 400, seed: 3, strata };
  const [a, b] = [accuracyOf(0.3, 0), accuracyOf(0.1, 1)];

  it('equals the intervals and paired differences of the metrics folder when each contender has one seed', () => {
    const joint = resampleJointly([[a], [b]], ROWS, options);
    const alone = bootstrapInterval([a], ROWS, options);
    expect(intervalOf(joint, 0, 0.95)).toMatchObject({ estimate: alone.estimate, low: alone.low, high: alone.high });
    const { difference, low, high, p } = pairedDifference([a], [b], ROWS, { ...options, higherIsBetter: true });
    expect(differenceOf(joint, 0, 1, { level: 0.95, higherIsBetter: true })).toEqual({
      estimate: difference,
      low,
      high,
      p,
    });
  });

  it('equals them for halves too, which need no strata', () => {
    const halves = { resamples: 400, seed: 3, resampling: 'halves' } as const;
    const joint = resampleJointly([[a], [b]], ROWS, halves);
    const alone = bootstrapInterval([b], ROWS, halves);
    expect(intervalOf(joint, 1, 0.95)).toMatchObject({ estimate: alone.estimate, low: alone.low, high: alone.high });
    const { difference, low, high, p } = pairedDifference([a], [b], ROWS, { ...halves, higherIsBetter: false });
    const found = differenceOf(joint, 0, 1, { level: 0.95, higherIsBetter: false });
    expect([found.estimate, found.p]).toEqual([difference, p]);
    expect(found.low).toBeCloseTo(low, 12);
    expect(found.high).toBeCloseTo(high, 12);
    expect(
      differenceOf(resampleJointly([[a], [a]], ROWS, halves), 0, 1, { level: 0.95, higherIsBetter: true }),
    ).toEqual({
      estimate: 0,
      low: 0,
      high: 0,
      p: 1,
    });
  });

  it('agrees with them within the error of resampling when there are several seeds', () => {
    const seeds = [accuracyOf(0.1, 1), accuracyOf(0.25, 2), accuracyOf(0.4, 3)];
    const many = { ...options, resamples: 4000 };
    const joint = resampleJointly([seeds, [b]], ROWS, many);
    const alone = pairedDifference(seeds, [b], ROWS, { ...many, higherIsBetter: false });
    const found = differenceOf(joint, 0, 1, { level: 0.95, higherIsBetter: false });
    expect(found.estimate).toBeCloseTo(alone.difference, 12);
    expect(Math.abs(found.low - alone.low)).toBeLessThan(0.15 * alone.standardError);
    expect(Math.abs(found.high - alone.high)).toBeLessThan(0.15 * alone.standardError);
  });

  it('finds no difference between identical predictions: 0, p 1', () => {
    const joint = resampleJointly([[a], [a]], ROWS, options);
    expect(differenceOf(joint, 0, 1, { level: 0.95, higherIsBetter: true })).toEqual({
      estimate: 0,
      low: 0,
      high: 0,
      p: 1,
    });
  });

  it('leaves undefined what is undefined, without harm to the others', () => {
    const joint = resampleJointly([[() => Number.NaN], [a]], ROWS, options);
    expect(intervalOf(joint, 0, 0.95)).toEqual({
      estimate: Number.NaN,
      low: Number.NaN,
      high: Number.NaN,
      p: Number.NaN,
    });
    expect(intervalOf(joint, 1, 0.95).low).toBe(bootstrapInterval([a], ROWS, options).low);
  });

  it('takes enough resamples for one clear difference to pass the correction', () => {
    for (const comparisons of [1, 14, 60, 400]) {
      expect((comparisons * 2) / (1 + resamplesFor(comparisons, 2000))).toBeLessThan(0.05);
    }
  });
});
