/**
 * Dense float64 algebra with the heavy products on the engine's CPU device: matrix products and the inverse of a symmetric
 * positive-definite matrix by halving (Schur complements), so that nearly all of its 2 n^3 operations are engine products.
 * The sizes that probes meet: up to a few thousand rows. Not a general linear-algebra package.
 */
import { Graph } from '../onnx/graph.ts';
import * as op from '../onnx/ops.ts';
import { serialise } from '../onnx/serialise.ts';
import { openSession, type Session } from '../runtime/session.ts';

export interface Matrix64 {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export interface Algebra {
  /** op(a) op(b), where op transposes if asked. */
  product(a: Matrix64, b: Matrix64, options?: { transposeA?: boolean; transposeB?: boolean }): Promise<Matrix64>;
  /** Inverse of a symmetric positive-definite matrix. Throws when it is not positive definite to working precision. */
  inverse(matrix: Matrix64): Promise<Matrix64>;
  dispose(): Promise<void>;
}

/** Below this size plain Cholesky is faster than calling the engine. */
const LEAF = 64;

function leafInverse({ rows: n, values }: Matrix64): Matrix64 {
  // Cholesky: lower[i, j] with values = lower lower'.
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
  // inverse(lower), then inverse = inverse(lower)' inverse(lower).
  const inverse = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    inverse[j * n + j] = 1 / lower[j * n + j];
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= lower[i * n + k] * inverse[k * n + j];
      inverse[i * n + j] = sum / lower[i * n + i];
    }
  }
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += inverse[k * n + i] * inverse[k * n + j];
      result[i * n + j] = sum;
      result[j * n + i] = sum;
    }
  }
  return { rows: n, columns: n, values: result };
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

  // [[A, B'], [B, D]]: with T = B inv(A) and S = D - T B', the inverse is
  // [[inv(A) + T' inv(S) T, -T' inv(S)], [-inv(S) T, inv(S)]].
  const inverse = async (matrix: Matrix64): Promise<Matrix64> => {
    const n = matrix.rows;
    if (matrix.columns !== n) throw new Error(`Only square matrices have an inverse, not [${n}, ${matrix.columns}].`);
    if (n <= LEAF) return leafInverse(matrix);
    const top = n >> 1;
    const bottom = n - top;
    const b = block(matrix, top, 0, bottom, top); // [bottom, top]
    const inverseA = await inverse(block(matrix, 0, 0, top, top));
    const t = await product(b, inverseA); // [bottom, top]
    const schur = await product(t, b, { transposeB: true }); // [bottom, bottom]
    for (let r = 0; r < bottom; r++) {
      for (let c = 0; c <= r; c++) {
        const rounded = (schur.values[r * bottom + c] + schur.values[c * bottom + r]) / 2;
        schur.values[r * bottom + c] = matrix.values[(top + r) * n + top + c] - rounded;
        schur.values[c * bottom + r] = schur.values[r * bottom + c];
      }
    }
    const inverseS = await inverse(schur);
    const corner = await product(inverseS, t); // [bottom, top]
    const added = await product(t, corner, { transposeA: true }); // [top, top]
    const values = new Float64Array(n * n);
    for (let r = 0; r < top; r++) {
      for (let c = 0; c <= r; c++) {
        const sum = inverseA.values[r * top + c] + (added.values[r * top + c] + added.values[c * top + r]) / 2;
        values[r * n + c] = sum;
        values[c * n + r] = sum;
      }
    }
    for (let r = 0; r < bottom; r++) {
      for (let c = 0; c < top; c++) {
        values[(top + r) * n + c] = -corner.values[r * top + c];
        values[c * n + top + r] = -corner.values[r * top + c];
      }
      values.set(inverseS.values.subarray(r * bottom, (r + 1) * bottom), (top + r) * n + top);
    }
    return { rows: n, columns: n, values };
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
