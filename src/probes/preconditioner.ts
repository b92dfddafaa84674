/**
 * An approximate inverse Hessian for logistic regression, so that L-BFGS needs tens of iterations on features of any
 * conditioning. The Hessian for class k is C X' diag(p_k (1 - p_k)) X + I; here the curvature p (1 - p) is averaged over the
 * classes, and X'X is estimated from a sample of rows (evenly spaced). It changes the path of the optimiser, never its end.
 * Compare Boehning (1992), who bounds p (1 - p) by 1/2 instead.
 */
import type { Algebra, Matrix64 } from './linear-algebra.ts';
import { type LogisticProblem, type Preconditioner, probabilities } from './logistic-objective.ts';

/** Wider features get a sample smaller than their width, and the inverse comes from the sample's side (Woodbury). */
const WIDE = 1024;
/** Features beyond this width would need gigabytes: plain L-BFGS then. */
const WIDEST = 8192;
const SMALLEST_CURVATURE = 1e-4;

function sampleRows({ features }: LogisticProblem): Matrix64 {
  const { rows, columns: dim } = features;
  const size = Math.min(rows, dim > WIDE ? WIDE : Math.max(512, 2 * dim));
  const values = new Float64Array(size * dim);
  for (let i = 0; i < size; i++) {
    const row = Math.floor((i * rows) / size);
    values.set(features.values.subarray(row * dim, (row + 1) * dim), i * dim);
  }
  return { rows: size, columns: dim, values };
}

/** Mean over columns of p (1 - p) for every sampled row at the given parameters. */
async function curvatures(sample: Matrix64, problem: LogisticProblem, point: Float64Array, algebra: Algebra) {
  const { columns } = problem;
  const dim = sample.columns;
  const weights = { rows: dim, columns, values: Float64Array.from(point.subarray(0, dim * columns)) };
  const logits = await algebra.product(sample, weights);
  for (let i = 0; i < logits.values.length; i++) logits.values[i] += point[dim * columns + (i % columns)];
  const p = probabilities(problem.link, logits).values;
  return Float64Array.from({ length: sample.rows }, (_, row) => {
    let sum = 0;
    for (let k = row * columns; k < (row + 1) * columns; k++) sum += p[k] * (1 - p[k]);
    return Math.max(SMALLEST_CURVATURE, sum / columns);
  });
}

/** The preconditioner at a point for penalty C; undefined for features too wide to hold a `[dim, dim]` matrix. */
export async function preconditionerAt(
  problem: LogisticProblem,
  point: Float64Array,
  C: number,
  algebra: Algebra,
): Promise<Preconditioner | undefined> {
  const { rows, columns: dim } = problem.features;
  if (dim > WIDEST) return undefined;
  const sample = sampleRows(problem);
  const curvature = await curvatures(sample, problem, point, algebra);
  const mean = curvature.reduce((sum, value) => sum + value, 0) / sample.rows;
  const inflate = (C * rows) / sample.rows;
  for (let i = 0; i < sample.values.length; i++) {
    sample.values[i] *= Math.sqrt(inflate * curvature[Math.floor(i / dim)]);
  }
  const plusIdentity = (m: Matrix64): Matrix64 => {
    for (let i = 0; i < m.rows; i++) m.values[i * m.rows + i] += 1;
    return m;
  };
  let inverse: Matrix64;
  if (dim <= sample.rows) {
    inverse = await algebra.inverse(plusIdentity(await algebra.product(sample, sample, { transposeA: true })));
  } else {
    // (I + A'A)^-1 = I - A' (I + AA')^-1 A
    const inner = await algebra.inverse(plusIdentity(await algebra.product(sample, sample, { transposeB: true })));
    inverse = await algebra.product(sample, await algebra.product(inner, sample), { transposeA: true });
    for (let i = 0; i < inverse.values.length; i++) inverse.values[i] = -inverse.values[i];
    plusIdentity(inverse);
  }
  return { weights: Float32Array.from(inverse.values), intercept: 1 / (C * rows * mean) };
}
