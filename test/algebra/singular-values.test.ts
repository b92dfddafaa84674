import { describe, expect, it } from 'vitest';
import { frobeniusNorm, gram, type Matrix64, multiplyTransposed, transposed } from '../../src/algebra/dense.ts';
import { polarDecomposition, singularValues } from '../../src/algebra/singular-values.ts';
import { createRandom } from '../../src/core/random.ts';

const gaussian = (rows: number, columns: number, seed = 1): Matrix64 => {
  const random = createRandom(seed);
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => random.normal()) };
};

describe('products', () => {
  it('are the same in tiles, at their edges and by definition', () => {
    const [a, b] = [gaussian(7, 401), gaussian(9, 401, 2)]; // one tile and an edge each way, one block of columns and a rest
    const product = multiplyTransposed(a, b);
    for (let r = 0; r < 7; r++)
      for (let c = 0; c < 9; c++) {
        let sum = 0;
        for (let i = 0; i < 401; i++) sum += a.values[r * 401 + i] * b.values[c * 401 + i];
        expect(product.values[r * 9 + c]).toBeCloseTo(sum, 10);
      }
  });

  it('of a matrix with itself are symmetric to the last bit, and what the general product gives', () => {
    const a = gaussian(11, 5);
    expect(gram(a).values).toEqual(multiplyTransposed(a, a).values);
  });
});

describe('singular values', () => {
  it('of the Hilbert matrix of order 6 are as tabulated, the smallest too', () => {
    const values = Float64Array.from({ length: 36 }, (_, i) => 1 / (Math.floor(i / 6) + (i % 6) + 1));
    const found = singularValues({ rows: 6, columns: 6, values });
    // numpy.linalg.svd(scipy.linalg.hilbert(6)).S
    const expected = [
      1.61889985892433, 0.242360870575213, 0.0163215213198758, 0.000615748354182671, 1.25707571226222e-5,
      1.08279948656552e-7,
    ];
    for (const [i, value] of expected.entries()) expect(found[i] / value).toBeCloseTo(1, 8);
  });

  it.each([
    [30, 8],
    [8, 30],
  ])('of [%i, %i] are the square roots of the trace and determinant of the smaller product', (rows, columns) => {
    const a = gaussian(rows, columns);
    const values = singularValues(a);
    expect(values.length).toBe(8);
    expect(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))).toBeCloseTo(frobeniusNorm(a), 10);
    const fourth = values.reduce((sum, value) => sum + value ** 4, 0);
    expect(Math.sqrt(fourth)).toBeCloseTo(frobeniusNorm(gram(rows < columns ? a : transposed(a))), 8);
  });

  it('of a matrix of rank 2 are two, and zeros', () => {
    const [left, right] = [gaussian(9, 2), gaussian(6, 2, 2)];
    const values = singularValues(multiplyTransposed(left, right));
    expect(values[1]).toBeGreaterThan(0.1);
    for (const value of values.slice(2)) expect(value).toBeLessThan(1e-14);
  });

  it('of a bidiagonal matrix with a zero on its diagonal, and of zeros, are found too', () => {
    const values = Float64Array.from([1, 2, 0, 0, 0, 3, 0, 0, 4]); // M M' has the eigenvalues 25, 5, 0
    const found = singularValues({ rows: 3, columns: 3, values });
    for (const [i, value] of [5, Math.sqrt(5), 0].entries()) expect(found[i]).toBeCloseTo(value, 14);
    expect([...singularValues({ rows: 3, columns: 2, values: new Float64Array(6) })]).toEqual([0, 0]);
  });
});

describe('polar decomposition', () => {
  it('gives an orthogonal factor whose trace with the matrix is the nuclear norm', () => {
    const a = gaussian(12, 12);
    const { factor, nuclearNorm, rank } = polarDecomposition(a);
    expect(rank).toBe(12);
    for (const [i, value] of gram(factor).values.entries()) expect(value).toBeCloseTo(i % 13 === 0 ? 1 : 0, 12);
    expect(nuclearNorm).toBeCloseTo(
      singularValues(a).reduce((sum, value) => sum + value, 0),
      10,
    );
    expect(factor.values.reduce((sum, value, i) => sum + value * a.values[i], 0)).toBeCloseTo(nuclearNorm, 10);
  });

  it('of a singular matrix is a partial isometry of its rank', () => {
    const { factor, rank } = polarDecomposition(multiplyTransposed(gaussian(6, 2), gaussian(6, 2, 2)));
    expect(rank).toBe(2);
    expect(frobeniusNorm(factor) ** 2).toBeCloseTo(2, 10);
  });
});
