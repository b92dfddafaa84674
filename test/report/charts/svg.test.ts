import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { chart } from '../../../src/report/charts/chart.ts';
import { intervalRows } from '../../../src/report/charts/interval-rows.ts';
import { forestAxis, forestMarks, lineChart, niceTicks } from '../../../src/report/charts/svg.ts';

/** The float64 number next above `value`. */
function nextAfter(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value >= 0 ? 1n : -1n));
  return view.getFloat64(0);
}

describe('ticks of an axis', () => {
  it('are round numbers inside the domain', () => {
    expect(niceTicks({ low: 0, high: 1 }, 5)).toEqual([0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
    expect(niceTicks({ low: -7, high: 12 }, 4)).toEqual([-5, 0, 5, 10]);
    expect(niceTicks({ low: 0.13, high: 0.14 }, 2)).toEqual([0.13, 0.135, 0.14]);
  });

  it('are few, ascending and finite for every pair of neighbouring float64 numbers', () => {
    const generator = createRandom(5);
    const values = [0, 1, 0.9999999999999998, 0.797, 1e-300, 5e-324, 1e300, 123456789.123, 2 ** 52, 2 ** 53];
    for (let i = 0; i < 300; i++) values.push((generator.next() - 0.5) * 10 ** (generator.next() * 600 - 300));
    for (const value of values) {
      for (const low of [value, -value]) expectUsable(niceTicks({ low, high: nextAfter(low) }, 5), 12);
    }
  });

  it('are few, ascending and finite for ranges of every size', () => {
    const generator = createRandom(6);
    for (let i = 0; i < 3000; i++) {
      const low = (generator.next() - 0.5) * 10 ** (generator.next() * 616 - 308);
      const high = low + generator.next() * 10 ** (generator.next() * 616 - 308);
      const count = 1 + generator.integer(8);
      const ticks = niceTicks({ low, high }, count);
      expectUsable(ticks, 2 * count + 2);
      const room = 1e-6 * (high - low);
      for (const tick of ticks) expect(tick >= low - room && tick <= high + room).toBe(true);
    }
    expectUsable(niceTicks({ low: -Number.MAX_VALUE, high: Number.MAX_VALUE }, 5), 12);
  });

  it('are one for equal ends and none for ends that are not finite', () => {
    for (const value of [0, -3, 1e-320, 1e308]) expect(niceTicks({ low: value, high: value }, 5)).toEqual([value]);
    expect(niceTicks({ low: 2, high: 1 }, 5)).toEqual([2]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(niceTicks({ low: bad, high: 1 }, 5)).toEqual([]);
      expect(niceTicks({ low: 0, high: bad }, 5)).toEqual([]);
    }
  });

  function expectUsable(ticks: readonly number[], most: number): void {
    expect(ticks.length).toBeGreaterThan(0);
    expect(ticks.length).toBeLessThanOrEqual(most);
    expect(ticks.every((tick, i) => Number.isFinite(tick) && (i === 0 || tick > ticks[i - 1]))).toBe(true);
  }
});

describe('charts of values that differ in the last bit', () => {
  const [low, high] = [0.9999999999999998, 1];
  const points = [
    [1, low],
    [2, high],
  ] as const;

  it('are drawn', () => {
    expect(lineChart([{ points, className: 'valid' }], 260, 130, 'epoch')).toContain('<svg');
    const axis = { label: 'Pearson r' };
    for (const logarithmic of [false, true]) {
      const y = { ...axis, logarithmic };
      expect(chart({ description: 'd', x: axis, y, lines: [{ className: 'c', points }] })).toContain('<svg');
    }
    expect(intervalRows('d', 'Pearson r', [{ label: 'a', className: 'c', mean: low, low, high }])).toContain('<svg');
    const domain = { low: -2.2e-16, high: 2.2e-16 };
    expect(forestAxis(domain, 0, 100, 10)).toContain('<text');
    expect(forestMarks(null, true, { low, high }, { left: 0, right: 100, top: 0, bottom: 10 })).not.toContain('NaN');
  });

  it('are drawn without numbers that are not finite', () => {
    for (const values of [
      [1e308, -1e308],
      [5e-324, 0],
      [3, 3],
    ]) {
      const drawn = lineChart(
        [{ points: values.map((value, i) => [i, value] as const), className: 'c' }],
        260,
        130,
        'x',
      );
      expect(drawn).not.toMatch(/NaN|Infinity/);
    }
  });
});
