import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Algebra, type Matrix64, openAlgebra } from '../../src/algebra/linear-algebra.ts';

let algebra: Algebra;
beforeAll(async () => {
  algebra = await openAlgebra(1);
});
afterAll(() => algebra.dispose());

const random = (rows: number, columns: number): Matrix64 => ({
  rows,
  columns,
  values: Float64Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 12.9898 + rows) * Math.cos(i * 78.233)),
});

describe('float64 algebra on the engine', () => {
  it('multiplies with either side transposed', async () => {
    const a = { rows: 2, columns: 3, values: Float64Array.of(1, 2, 3, 4, 5, 6) };
    const b = { rows: 3, columns: 1, values: Float64Array.of(1, 0, -1) };
    expect(await algebra.product(a, b)).toEqual({ rows: 2, columns: 1, values: Float64Array.of(-2, -2) });
    const square = await algebra.product(a, a, { transposeB: true });
    expect(square).toEqual({ rows: 2, columns: 2, values: Float64Array.of(14, 32, 32, 77) });
    expect((await algebra.product(a, a, { transposeA: true })).rows).toBe(3);
  });

  it.each([1, 5, 64, 65, 150])('inverts a positive-definite matrix of %i rows', async (n) => {
    const factor = random(n + 3, n);
    const matrix = await algebra.product(factor, factor, { transposeA: true });
    for (let i = 0; i < n; i++) matrix.values[i * n + i] += 1e-3;
    const identity = await algebra.product(matrix, await algebra.inverse(matrix));
    for (let i = 0; i < n * n; i++)
      expect(Math.abs(identity.values[i] - (i % (n + 1) === 0 ? 1 : 0))).toBeLessThan(1e-7);
  });

  it('stays accurate where the matrix is nearly singular', async () => {
    // Rank 20 plus 1e-3: condition number about 1e8. Solutions are compared after multiplying back.
    const factor = random(20, 200);
    const matrix = await algebra.product(factor, factor, { transposeA: true });
    for (let i = 0; i < 200; i++) matrix.values[i * 200 + i] = 1e3 * matrix.values[i * 200 + i] + 1e-3;
    for (let i = 0; i < 200 * 200; i++) if (i % 201 !== 0) matrix.values[i] *= 1e3;
    const identity = await algebra.product(matrix, await algebra.inverse(matrix));
    for (let i = 0; i < 200 * 200; i++)
      expect(Math.abs(identity.values[i] - (i % 201 === 0 ? 1 : 0))).toBeLessThan(1e-4);
  });

  it('refuses a matrix that is not positive definite, or not square', async () => {
    const indefinite = { rows: 2, columns: 2, values: Float64Array.of(1, 2, 2, 1) };
    await expect(algebra.inverse(indefinite)).rejects.toThrow('not positive definite');
    await expect(algebra.inverse(random(2, 3))).rejects.toThrow('Only square matrices');
  });
});
