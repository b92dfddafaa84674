/**
 * An approximate inverse Hessian for logistic regression, so that L-BFGS needs tens of iterations on features of any
 * conditioning. The Hessian for class k is C X' diag(p_k (1 - p_k)) X + I; here the curvature p (1 - p) is averaged over the
 * classes, and X'X is estimated from a sample of rows (evenly spaced). It changes the path of the optimiser, never its end.
 * Compare Boehning (1992), who bounds p (1 - p) by 1/2 instead.
 */
import type { Algebra, Matrix64 } from '../../algebra/linear-algebra.ts';
import { type LogisticProblem, type Preconditioner, probabilities } from './logistic-objective.ts';

/** Sampled rows per feature: twice as many rows as features estimate X'X well enough. */
const ROWS_PER_FEATURE = 2;
/** The preconditioner may cost about as much as this many evaluations of the objective. */
const WORTH_EVALUATIONS = 25;
const FEWEST_ROWS = 256;
/** Up to this width the difference of Woodbury's formula is taken in float64, which converges in fewer iterations. */
const LARGEST_DENSE = 1024;
/**
 * Keeps the intercepts' curvature above zero. It must stay far below the true curvature: under a weak penalty p (1 - p)
 * falls to 1e-7, and a preconditioner of a larger curvature predicts too small a decrease, which ends the fit too early.
 */
const SMALLEST_CURVATURE = 1e-12;

/** Evenly spaced rows. The sample's side of the inverse costs size^2 dim, an evaluation rows * dim * columns. */
function sampleRows({ features, columns }: LogisticProblem): Matrix64 {
  const { rows, columns: dim } = features;
  const affordable = Math.max(FEWEST_ROWS, Math.floor(Math.sqrt(WORTH_EVALUATIONS * rows * columns)));
  const size = Math.min(rows, ROWS_PER_FEATURE * dim, affordable);
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

export interface PreconditionerSource {
  /** The preconditioner at a point for penalty C, from whichever side of the sample is smaller. */
  at(point: Float64Array, C: number): Promise<Preconditioner>;
}

/** Preconditioners of one problem. The sample's Gram matrix is computed once for all penalties. */
export function preconditioners(problem: LogisticProblem, algebra: Algebra): PreconditionerSource {
  const { rows, columns: dim } = problem.features;
  const sample = sampleRows(problem);
  const narrow = dim <= sample.rows;
  let gram: Promise<Matrix64> | undefined;
  /** A A' of the scaled sample A = diag(scales) X. */
  const scaledGram = async (scales: Float64Array): Promise<Matrix64> => {
    gram ??= algebra.product(sample, sample, { transposeB: true });
    const { rows: size, values } = await gram;
    return {
      rows: size,
      columns: size,
      values: values.map((value, i) => value * scales[Math.floor(i / size)] * scales[i % size]),
    };
  };
  return {
    async at(point, C) {
      const curvature = await curvatures(sample, problem, point, algebra);
      const mean = curvature.reduce((sum, value) => sum + value, 0) / sample.rows;
      const intercept = 1 / (C * rows * mean);
      const inflate = (C * rows) / sample.rows;
      const scales = curvature.map((value) => Math.sqrt(inflate * value));
      const scaled = { ...sample, values: sample.values.map((value, i) => value * scales[Math.floor(i / dim)]) };
      // Inverse of I + A'A, or by Woodbury I - A' (I + AA')^-1 A.
      const product = narrow ? await algebra.product(scaled, scaled, { transposeA: true }) : await scaledGram(scales);
      addIdentity(product);
      const inverse = await algebra.inverse(product);
      if (narrow) return { weights: { form: 'dense', matrix: Float32Array.from(inverse.values) }, intercept };
      if (dim > LARGEST_DENSE) {
        const [a, b] = [Float32Array.from(scaled.values), Float32Array.from(inverse.values)];
        return { weights: { form: 'factored', a, b }, intercept };
      }
      const removed = await algebra.product(scaled, await algebra.product(inverse, scaled), { transposeA: true });
      for (let i = 0; i < removed.values.length; i++) removed.values[i] = -removed.values[i];
      addIdentity(removed);
      return { weights: { form: 'dense', matrix: Float32Array.from(removed.values) }, intercept };
    },
  };
}

function addIdentity(m: Matrix64): void {
  for (let i = 0; i < m.rows; i++) m.values[i * m.rows + i] += 1;
}
