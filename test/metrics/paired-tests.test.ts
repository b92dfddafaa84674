import { describe, expect, it } from 'vitest';
import { holm, verdict } from '../../src/metrics/holm.ts';
import { mcNemar, squaredErrors, wilcoxonSignedRank } from '../../src/metrics/paired-tests.ts';
import goldens from './goldens/comparisons.json' with { type: 'json' };
import { predictionsOf, targetsOf } from './matrices.ts';

describe('McNemar exact test', () => {
  it.each(goldens.mcNemar)('$onlyFirst against $onlySecond rows, as scipy.stats.binomtest', (golden) => {
    const { onlyFirst, onlySecond } = golden;
    const rows = onlyFirst + onlySecond + 4;
    const right = (isRight: (row: number) => boolean) =>
      predictionsOf(
        rows,
        [...Array(rows).keys()].flatMap((row) => (isRight(row) ? [0, 0, 1] : [1, 0, 0])),
        1,
      );
    const targets = targetsOf(rows, Array<number>(rows).fill(2));
    // two rows that both answer right, two that both answer wrong
    const first = right((row) => row < onlyFirst + 2);
    const second = right((row) => row < 2 || (row >= onlyFirst + 2 && row < rows - 2));
    const result = mcNemar(targets, first, second);
    expect(result).toMatchObject({ onlyFirst, onlySecond });
    expect(Math.abs(result.p - golden.p)).toBeLessThan(1e-9);
    expect(mcNemar(targets, second, first).p).toBe(result.p);
  });
});

describe('Wilcoxon signed-rank test', () => {
  it.each(goldens.wilcoxon.map((golden) => ({ ...golden, rows: golden.differences.length })))(
    '$rows differences, as scipy.stats.wilcoxon (p $p)',
    ({ differences, statistic, p }) => {
      const result = wilcoxonSignedRank(differences);
      expect(result.statistic).toBeCloseTo(statistic, 9);
      expect(Math.abs(result.p - p)).toBeLessThan(1e-9);
      expect(result.method).toBe(result.rows > 50 ? 'normal' : 'exact');
      expect(wilcoxonSignedRank(differences.map((d) => -d)).p).toBeCloseTo(result.p, 12);
    },
  );

  it('nothing differs: p 1', () => {
    expect(wilcoxonSignedRank([0, 0, 0])).toEqual({ statistic: 0, rows: 0, p: 1, method: 'exact' });
    expect(wilcoxonSignedRank([]).p).toBe(1);
  });

  it('refuses numbers that are none', () => {
    expect(() => wilcoxonSignedRank([1, Number.NaN])).toThrow('difference at row 1 is NaN');
  });

  it('compares squared errors, mean over targets', () => {
    const targets = targetsOf(2, [1, 2, 3, 4]);
    expect([...squaredErrors(targets, predictionsOf(2, [1, 4, 0, 3], 1))]).toEqual([2, 5]);
    expect(() => squaredErrors(targets, predictionsOf(2, [1, 4], 1))).toThrow('2 target columns but 1 prediction');
  });
});

describe('Holm correction', () => {
  it.each(goldens.holm)('equals statsmodels on $p', ({ p, adjusted }) => {
    holm(p).forEach((actual, i) => {
      expect(actual).toBeCloseTo(adjusted[i], 12);
    });
  });

  it('an undefined comparison stays undefined and is not counted', () => {
    expect(holm([0.01, Number.NaN, 0.03])).toEqual([0.02, Number.NaN, 0.03]);
    expect(holm([Number.NaN])).toEqual([Number.NaN]);
    expect(holm([])).toEqual([]);
  });

  it('refuses what is no p value', () => {
    expect(() => holm([0.5, 1.2])).toThrow('p value 1 is 1.2');
    expect(() => holm([-0.1])).toThrow('p value 0 is -0.1');
  });
});

describe('verdict', () => {
  const above = { low: 0.01, high: 0.1 };
  const below = { low: -0.1, high: -0.01 };
  const around = { low: -0.1, high: 0.1 };
  it.each([
    ['better', 0.05, 0.04, above],
    ['better', 0.05, 0.05, above],
    ['worse', -0.05, 0.001, below],
    ['indistinguishable', 0.05, 0.051, above],
    ['indistinguishable', 0.05, 0.01, around],
    ['indistinguishable', 0, 1, { low: 0, high: 0 }],
    ['undefined', Number.NaN, 0.01, above],
    ['undefined', 0.05, Number.NaN, above],
    ['undefined', 0.05, 0.01, { low: Number.NaN, high: 0.1 }],
  ] as const)('%s: difference %d, adjusted p %d', (expected, difference, p, interval) => {
    expect(verdict(difference, p, interval)).toBe(expected);
  });

  it('takes another level', () => {
    expect(verdict(0.05, 0.04, above, 0.01)).toBe('indistinguishable');
  });
});
