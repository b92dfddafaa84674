import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { truncatedNormal } from '../../../src/onnx/layers/initialisers.ts';

describe('the truncated normal', () => {
  it('has the spread of scipy.stats.truncnorm(-2, 2) and nothing beyond its cutoff', () => {
    const random = createRandom('truncated');
    const values = truncatedNormal(0.02, 2)(() => random.next(), [200, 100]);
    const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(values).toHaveLength(20_000);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.04 + 1e-9);
    // Its standard deviation is 0.8796 of the normal's; the standard error here is 0.5 % of it.
    expect(Math.abs(Math.sqrt(meanSquare) / 0.02 - 0.8796)).toBeLessThan(0.015);
  });

  it('refuses a cutoff that hardly any draw would meet', () => {
    expect(() => truncatedNormal(1, 0)(() => 0.5, [1])).toThrow('a cutoff of 0 deviations');
  });
});
