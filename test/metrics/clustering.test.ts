import { describe, expect, it } from 'vitest';
import { completeness, homogeneity } from '../../src/metrics/clustering.ts';
import type { MetricName } from '../../src/metrics/metric.ts';
import { METRICS, metricsFor } from '../../src/metrics/metric-table.ts';
import golden from './goldens/clustering.json' with { type: 'json' };
import { targetsOf } from './matrices.ts';

// Small cases against scikit-learn, and multiplicities, are in metrics.test.ts.

describe('homogeneity and completeness equal scikit-learn', () => {
  it.each(golden.cases)('$name', ({ rows, targets, predictions, multiplicities, parts }) => {
    const answers = [targetsOf(rows, targets), targetsOf(rows, predictions)] as const;
    const drawn = multiplicities ? Uint16Array.from(multiplicities) : undefined;
    expect(homogeneity(...answers, drawn)).toBeCloseTo(parts.homogeneity, 9);
    expect(completeness(...answers, drawn)).toBeCloseTo(parts.completeness, 9);
  });
});

describe('21,000 rows in thousands of classes and clusters', () => {
  const rows = 21000;
  const truth = Array.from({ length: rows }, (_, i) => (i * 7919 + ((i * i) % 1013)) % 4363);
  const targets = targetsOf(rows, truth);
  const found = truth.map((y, i) => ((i * 31) % 10 < 7 ? y : (i * 104729) % 4001));
  const predictions = targetsOf(rows, found);
  const half = Uint16Array.from(truth, (_, i) => Number((i * 16807) % 19 < 9));

  it.each(Object.keys(golden.formula.whole) as (keyof typeof golden.formula.whole)[])('%s', (name) => {
    const prepared = METRICS[name].prepare(targets, predictions);
    expect(Math.abs(prepared() - golden.formula.whole[name])).toBeLessThan(1e-9);
    expect(Math.abs(prepared(half) - golden.formula.half[name])).toBeLessThan(1e-9);
  });
});

describe('clusterings', () => {
  const names = metricsFor('clustering').map(({ name }) => name);
  const score = (name: MetricName, targets: number[], predictions: number[]) =>
    METRICS[name].prepare(targetsOf(targets.length, targets), targetsOf(predictions.length, predictions))();

  it('score the same, to the last bit, whatever the clusters are called', () => {
    const truth = [0, 0, 1, 1, 2, 2, 2, 3];
    const found = [0, 1, 1, 1, 2, 2, 0, 3];
    for (const name of names) {
      const renamed = found.map((cluster) => [40, 7, 0, 2 ** 40][cluster]);
      expect(score(name, truth, renamed), name).toBe(score(name, truth, found));
    }
  });

  it('are adjusted for chance by AMI and ARI and not by NMI', () => {
    const truth = Array.from({ length: 400 }, (_, row) => row % 100);
    const found = truth.map((_, row) => (row * 7919 + ((row * row) % 31)) % 97);
    expect(Math.abs(score('ami', truth, found))).toBeLessThan(0.1);
    expect(Math.abs(score('ari', truth, found))).toBeLessThan(0.1);
    expect(score('nmi', truth, found)).toBeGreaterThan(0.5);
  });

  it('are refused where an index is none, or columns are too many', () => {
    for (const name of names) {
      expect(() => score(name, [0, 1.5], [0, 1]), name).toThrow(`${name}: target at row 1, column 0 is 1.5`);
      expect(() => score(name, [0, 1], [0, -1]), name).toThrow(`${name}: prediction at row 1, column 0 is -1`);
      expect(() => METRICS[name].prepare(targetsOf(2, [0, 1]), targetsOf(2, [1, 0, 0, 1])), name).toThrow(
        'one column of class indices and one of cluster indices, not 1 target and 2 prediction columns',
      );
    }
  });
});
