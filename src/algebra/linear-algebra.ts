/**
 * Dense float64 algebra with the heavy products on the engine's CPU device: matrix products and the
 * inverse of a symmetric positive-definite matrix through its Cholesky factor. Factor and inverse
 * factor are computed together by halving the matrix, so that nearly all operations are engine
 * products. Schur complements are formed from factors, never from inverses, which keeps
 * ill-conditioned matrices positive definite. Meant for the sizes of probes: up to a few thousand
 * rows.
 */
import { Graph } from '../onnx/graph.ts';
import { serialise } from '../onnx/io/serialise.ts';
import * as op from '../onnx/operators/functions.ts';
import { openSession, type Session } from '../runtime/session.ts';
import type { Matrix64 } from './dense.ts';

export type { Matrix64 };

export interface Algebra {
  /** op(a) op(b), where op transposes when requested. */
  product(a: Matrix64, b: Matrix64, options?: { transposeA?: boolean; transposeB?: boolean }): Promise<Matrix64>;
  /** Inverse of a symmetric positive-definite matrix. Throws when it is not positive definite to working precision. */
  inverse(matrix: Matrix64): Promise<Matrix64>;
  dispose(): Promise<void>;
}

/** Below this size plain Cholesky is faster than calling the engine. */
const LEAF = 64;

/** inv(L) where L is lower triangular and L L' is the matrix. */
function leafInverseFactor({ rows: n, values }: Matrix64): Matrix64 {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = values[i * n + j];
      for (let k = 0; k < j; k++) sum -= lower[i * n + k] * lower[j * n + k];
      if (i === j) {
        if (!(sum > 0)) throw new Error('The matrix is not positive definite: use a stronger penalty.');
        lower[i * n + i] = Math.sqrt(sum);
      } else lower[i * n + j] = sum / lower[j * n + j];
    }
  }
  const inverse = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    inverse[j * n + j] = 1 / lower[j * n + j];
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= lower[i * n + k] * inverse[k * n + j];
      inverse[i * n + j] = sum / lower[i * n + i];
    }
  }
  return { rows: n, columns: n, values: inverse };
}

/** [[a, 0], [b, c]]. */
function lowerBlocks(a: Matrix64, b: Matrix64, c: Matrix64): Matrix64 {
  const n = a.rows + c.rows;
  const values = new Float64Array(n * n);
  for (let r = 0; r < a.rows; r++) values.set(a.values.subarray(r * a.columns, (r + 1) * a.columns), r * n);
  for (let r = 0; r < c.rows; r++) {
    values.set(b.values.subarray(r * b.columns, (r + 1) * b.columns), (a.rows + r) * n);
    values.set(c.values.subarray(r * c.columns, (r + 1) * c.columns), (a.rows + r) * n + a.columns);
  }
  return { rows: n, columns: n, values };
}

function block(m: Matrix64, row: number, column: number, rows: number, columns: number): Matrix64 {
  const values = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const start = (row + r) * m.columns + column;
    values.set(m.values.subarray(start, start + columns), r * columns);
  }
  return { rows, columns, values };
}

/** Opens the engine for float64 products. Dispose of it when done. */
export async function openAlgebra(threads: number): Promise<Algebra> {
  const sessions = new Map<string, Promise<Session>>();
  const sessionFor = (transA: boolean, transB: boolean): Promise<Session> => {
    const key = `${transA},${transB}`;
    let session = sessions.get(key);
    if (!session) {
      const graph = new Graph();
      const a = graph.input('a', 'float64', transA ? ['inner', 'rows'] : ['rows', 'inner']);
      const b = graph.input('b', 'float64', transB ? ['columns', 'inner'] : ['inner', 'columns']);
      graph.output('c', op.gemm(a, b, null, { transA, transB }));
      session = openSession(serialise(graph).bytes, { device: 'cpu', threads, label: 'float64 product' });
      sessions.set(key, session);
    }
    return session;
  };

  const product: Algebra['product'] = async (a, b, { transposeA = false, transposeB = false } = {}) => {
    const session = await sessionFor(transposeA, transposeB);
    const feed = ({ rows, columns, values }: Matrix64) =>
      ({ type: 'float64', data: values, dims: [rows, columns] }) as const;
    const { c } = await session.run({ a: feed(a), b: feed(b) });
    return { rows: c.dims[0], columns: c.dims[1], values: c.data as Float64Array };
  };

  // [[A, B'], [B, D]] = L L' with L = [[K, 0], [T, S]]: K K' = A, T = B inv(K)', S S' = D - T T',
  // and inv(L) = [[inv(K), 0], [-inv(S) T inv(K), inv(S)]].
  const inverseFactor = async (matrix: Matrix64): Promise<Matrix64> => {
    const n = matrix.rows;
    if (n <= LEAF) return leafInverseFactor(matrix);
    const top = n >> 1;
    const k = await inverseFactor(block(matrix, 0, 0, top, top));
    const t = await product(block(matrix, top, 0, n - top, top), k, { transposeB: true }); // [n - top, top]
    const schur = block(matrix, top, top, n - top, n - top);
    const subtracted = await product(t, t, { transposeB: true });
    for (let i = 0; i < schur.values.length; i++) schur.values[i] -= subtracted.values[i];
    const s = await inverseFactor(schur);
    const corner = await product(await product(s, t), k);
    for (let i = 0; i < corner.values.length; i++) corner.values[i] = -corner.values[i];
    return lowerBlocks(k, corner, s);
  };
  const inverse = async (matrix: Matrix64): Promise<Matrix64> => {
    const { rows, columns } = matrix;
    if (rows !== columns) throw new Error(`Only square matrices have an inverse, not [${rows}, ${columns}].`);
    const factor = await inverseFactor(matrix);
    return product(factor, factor, { transposeA: true });
  };

  return {
    product,
    inverse,
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
      sessions.clear();
    },
  };
}
