import { describe, expect, it } from 'vitest';
import { fitStandardiser } from '../../../src/probes/linear/standardise.ts';
import { matrix } from '../support.ts';

describe('standardiser', () => {
  it('gives training columns mean 0 and standard deviation 1, and others the same map', () => {
    const standardiser = fitStandardiser(matrix(4, 2, [1, 10, 2, 20, 3, 30, 4, 40]));
    expect([...standardiser.mean]).toEqual([2.5, 25]);
    expect([...standardiser.scale]).toEqual([Math.sqrt(1.25), Math.sqrt(125)]);
    expect([...standardiser.apply64(matrix(2, 2, [9, 9, 2.5, 25]), 1, 2).values]).toEqual([0, 0]);
    expect(standardiser.apply(matrix(1, 2, [3.5, 35])).values[0]).toBeCloseTo(1 / Math.sqrt(1.25), 6);
  });

  it('turns a constant feature into 0, also where its mean is not exact', () => {
    const standardiser = fitStandardiser(matrix(3, 2, [0.1, 1, 0.1, 2, 0.1, 3]));
    expect(standardiser.constantFeatures).toBe(1);
    expect(standardiser.scale[0]).toBe(1);
    expect(standardiser.apply(matrix(1, 2, [0.1, 2])).values[0]).toBeCloseTo(0, 7);
  });

  it('refuses empty and infinite features, and other widths', () => {
    expect(() => fitStandardiser(matrix(0, 2, []))).toThrow('Training features are empty');
    expect(() => fitStandardiser(matrix(1, 2, [1, Number.POSITIVE_INFINITY]))).toThrow('row 0, column 1 is Infinity');
    expect(() => fitStandardiser(matrix(1, 1, [1])).apply(matrix(1, 2, [1, 2]))).toThrow('2 columns');
    expect(() => fitStandardiser({ rows: 2, columns: 2, values: new Float32Array(3) })).toThrow(
      'do not make 2 rows of 2',
    );
  });
});
