import { describe, expect, it } from 'vitest';
import { dot, largestEigenvectors, type SymmetricOperator } from '../../src/algebra/spectral.ts';
import { createRandom } from '../../src/core/random.ts';
import { normalisedAdjacency } from '../../src/probes/clustering/umap-initial.ts';
import golden from '../probes/goldens/spectral.json' with { type: 'json' };

const diagonal =
  (values: readonly number[]): SymmetricOperator =>
  (vector, into) => {
    for (const [i, value] of values.entries()) into[i] = value * vector[i];
  };
const options = { random: createRandom('spectral'), tolerance: () => 1e-9, filtered: false };

describe.each(golden)('Laplacian eigenvectors as SciPy finds them: $name', (wanted) => {
  const { vertices, count } = wanted;
  const operator = normalisedAdjacency({
    vertices,
    offsets: Int32Array.from(wanted.offsets),
    columns: Int32Array.from(wanted.columns),
    weights: Float32Array.from(wanted.weights),
  });

  it.each([true, false])('filtered %s: the same eigenvalues, the same subspace', (filtered) => {
    const found = largestEigenvectors(operator, vertices, count, { ...options, filtered });
    expect(found.converged).toBe(true);
    for (const [i, value] of wanted.values.entries()) expect(1 - found.values[i]).toBeCloseTo(value, 7);
    // Each found vector lies in the span of SciPy's.
    for (const vector of found.vectors) {
      let inside = 0;
      for (let j = 0; j < count; j++) {
        inside += dot(vector, Float64Array.from(wanted.vectors.slice(j * vertices, (j + 1) * vertices))) ** 2;
      }
      expect(inside).toBeCloseTo(1, 4);
    }
  });
});

describe('largest eigenvectors', () => {
  it('finds every copy of a multiple eigenvalue', () => {
    const values = Array.from({ length: 500 }, (_, i) => (i < 5 ? 1 : i < 8 ? 0.99 : 0.9 * Math.cos(i)));
    const found = largestEigenvectors(diagonal(values), 500, 8, options);
    expect(found.converged).toBe(true);
    for (const [i, value] of [1, 1, 1, 1, 1, 0.99, 0.99, 0.99].entries())
      expect(found.values[i]).toBeCloseTo(value, 10);
  });

  it('copes with the identity', () => {
    const found = largestEigenvectors(diagonal(new Array(300).fill(1)), 300, 4, options);
    expect([...found.values].map((value) => Number(value.toFixed(9)))).toEqual([1, 1, 1, 1]);
  });

  it('gives all eigenvectors of a small matrix', () => {
    const found = largestEigenvectors(diagonal([3, 1, 2]), 3, 3, options);
    for (const [i, value] of [3, 2, 1].entries()) expect(found.values[i]).toBeCloseTo(value, 12);
  });

  it('says when it did not converge', () => {
    const crowded = Array.from({ length: 2000 }, (_, i) => 1 - (i / 2000) ** 2);
    const found = largestEigenvectors(diagonal(crowded), 2000, 20, { ...options, maximumCycles: 1 });
    expect(found.converged).toBe(false);
    expect(found.excess).toBeGreaterThan(1);
  });

  it('refuses more eigenvectors than rows', () => {
    expect(() => largestEigenvectors(diagonal([1]), 1, 2, options)).toThrow('2 eigenvectors of a matrix with 1 rows');
  });
});
