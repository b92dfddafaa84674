import { describe, expect, it } from 'vitest';
import { bootstrapInterval, pairedDifference } from '../../src/metrics/bootstrap.ts';
import type { PreparedMetric } from '../../src/metrics/metric.ts';
import { METRICS } from '../../src/metrics/metric-table.ts';
import { type Random, random } from '../../src/metrics/random.ts';
import { recentreHalves, resamplingFor, rowSampler } from '../../src/metrics/resampling.ts';
import { targetsOf } from './matrices.ts';

const halves = { resampling: 'halves', resamples: 150 } as const;

/** AMI of clusters that are right for 60% of the rows and random for the others. */
function clustering(rows: number, classes: number, contenders: number, source: Random): PreparedMetric[] {
  const truth = Array.from({ length: rows }, () => source.below(classes));
  return Array.from({ length: contenders }, () => {
    const found = truth.map((y) => (source.uniform() < 0.6 ? y : source.below(classes)));
    return METRICS.ami.prepare(targetsOf(rows, truth), targetsOf(rows, found));
  });
}

describe('halves', () => {
  it('hold half of the rows, each once, every row as often as any other', () => {
    for (const rows of [2, 9, 10]) {
      const draw = rowSampler('halves', rows);
      const source = random(1);
      const drawn = new Uint16Array(rows);
      const times = new Float64Array(rows);
      for (let i = 0; i < 4000; i++) {
        draw(drawn, source);
        expect(drawn.reduce((sum, times) => sum + times, 0)).toBe(Math.floor(rows / 2));
        expect(Math.max(...drawn)).toBe(1);
        for (let row = 0; row < rows; row++) times[row] += drawn[row];
      }
      // binomial standard deviation 32
      for (const count of times) expect(Math.abs(count - (4000 * Math.floor(rows / 2)) / rows)).toBeLessThan(130);
    }
    expect(() => rowSampler('halves', 2, [0, 1])).toThrow('leave out `strata`');
  });

  it('give a mean the standard error of theory, for even and odd numbers of rows', () => {
    for (const rows of [20, 21]) {
      const values = Array.from({ length: rows }, (_, row) => (row * row) % 17);
      const targets = targetsOf(rows, Array<number>(rows).fill(0));
      const score = METRICS.mse.prepare(targets, targetsOf(rows, values.map(Math.sqrt)));
      const mean = values.reduce((sum, v) => sum + v, 0) / rows;
      const error = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (rows - 1) / rows);
      const result = bootstrapInterval([score], rows, { seed: 1, resampling: 'halves', resamples: 4000 });
      expect(result.estimate).toBeCloseTo(mean, 9);
      expect(result.standardError / error).toBeCloseTo(1, 1);
      expect((result.low + result.high) / 2 / mean).toBeCloseTo(1, 1);
    }
  });

  it('recentre what is defined and leave the rest', () => {
    const scores = Float64Array.from([1, Number.NaN, 3]);
    recentreHalves(scores, 10, 8);
    expect([...scores]).toEqual([9, Number.NaN, 11]);
  });

  it('are for clusterings', () => {
    expect(resamplingFor('clustering')).toBe('halves');
    for (const kind of ['binary', 'multiclass', 'multilabel', 'regression'] as const) {
      expect(resamplingFor(kind)).toBe('bootstrap');
    }
  });
});

describe('AMI of a clustering', () => {
  it('has its expectation in about 95% of intervals from halves, and in hardly any from the bootstrap', () => {
    const [rows, classes, experiments] = [150, 15, 150];
    const source = random(4);
    let expected = 0;
    for (let i = 0; i < 1500; i++) expected += clustering(rows, classes, 1, source)[0]() / 1500;
    const covered = { halves: 0, bootstrap: 0 };
    for (let i = 0; i < experiments; i++) {
      const prepared = clustering(rows, classes, 1, source);
      for (const resampling of ['halves', 'bootstrap'] as const) {
        const { low, high } = bootstrapInterval(prepared, rows, { seed: i, resamples: 150, resampling });
        if (low <= expected && expected <= high) covered[resampling]++;
      }
    }
    // binomial standard deviation 0.018
    expect(covered.halves / experiments).toBeGreaterThan(0.89);
    expect(covered.halves / experiments).toBeLessThan(0.995);
    expect(covered.bootstrap / experiments).toBeLessThan(0.5);
  });

  it('differs between two equally good contenders in about 5% of comparisons, and between unequal ones in most', () => {
    const source = random(6);
    const experiments = 150;
    let differing = 0;
    for (let i = 0; i < experiments; i++) {
      const [a, b] = clustering(150, 15, 2, source);
      const { p } = pairedDifference([a], [b], 150, { ...halves, seed: i, higherIsBetter: true });
      if (p <= 0.05) differing++;
    }
    expect(differing / experiments).toBeLessThan(0.11);
    const truth = Array.from({ length: 300 }, (_, row) => row % 20);
    const targets = targetsOf(300, truth);
    const good = METRICS.ami.prepare(
      targets,
      targetsOf(
        300,
        truth.map((y, row) => (row % 4 < 3 ? y : row % 7)),
      ),
    );
    const poor = METRICS.ami.prepare(
      targets,
      targetsOf(
        300,
        truth.map((y, row) => (row % 4 < 2 ? y : row % 7)),
      ),
    );
    const found = pairedDifference([good], [poor], 300, { ...halves, seed: 1, higherIsBetter: true });
    expect(found.difference).toBeCloseTo(good() - poor(), 12);
    expect(found.low).toBeGreaterThan(0);
    expect(found.p).toBeCloseTo(2 / 151, 12);
  });

  it('equals itself: difference 0, no width, p 1', () => {
    const [a] = clustering(100, 10, 1, random(2));
    const found = pairedDifference([a], [a], 100, { ...halves, seed: 1, higherIsBetter: true });
    expect(found).toMatchObject({ difference: 0, low: 0, high: 0, p: 1 });
  });
});
