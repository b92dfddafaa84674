/**
 * Principal components (Pearson 1901; Jolliffe 2002, chapter 3): the directions of largest variance
 * of centred rows, from the largest eigenvectors of their covariance, or of the matrix of products
 * of rows when there are fewer rows than columns. Equal to a full singular value decomposition up
 * to rounding: eigenvectors are iterated until their residuals are 1e-13 of the whole variance.
 *
 * Columns are not scaled and components are not whitened. The sign of a component is such that its
 * largest weight is positive.
 */
import type { Matrix } from '../core/matrix.ts';
import { createRandom } from '../core/random.ts';
import { centredColumns, columnMeans, type Matrix64 } from './dense.ts';
import { requireFinite } from './finite.ts';
import { type Algebra, openAlgebra } from './linear-algebra.ts';
import { largestEigenvectors, type SymmetricOperator } from './spectral.ts';

export interface PrincipalComponents {
  /** `[columns]` */
  readonly mean: Float64Array;
  /**
   * `[components, columns]` orthonormal rows, largest variance first; zeros when no variance is
   * left.
   */
  readonly components: Matrix64;
  /** `[components]` variance along each, rows - 1 in the denominator. */
  readonly variances: Float64Array;
  /** Variance of all columns together. */
  readonly totalVariance: number;
}

/** Largest residual of an eigenvector, as a share of the sum of all eigenvalues. */
const TOLERANCE = 1e-13;
/** Shares of variance below this are rounding errors. */
const NO_VARIANCE = 1e-14;

/**
 * Multiplies by a symmetric matrix, four sums at a time: a single sum would wait for every
 * addition.
 */
function operatorOf({ rows, values }: Matrix64): SymmetricOperator {
  return (vector, into) => {
    for (let r = 0; r < rows; r++) {
      const row = r * rows;
      let [a, b, c, d] = [0, 0, 0, 0];
      let i = 0;
      for (; i + 3 < rows; i += 4) {
        a += values[row + i] * vector[i];
        b += values[row + i + 1] * vector[i + 1];
        c += values[row + i + 2] * vector[i + 2];
        d += values[row + i + 3] * vector[i + 3];
      }
      for (; i < rows; i++) a += values[row + i] * vector[i];
      into[r] = a + b + (c + d);
    }
  };
}

/**
 * Scales a vector to length 1 and makes its largest weight (the first among equals) positive; zeros
 * stay.
 */
function orient(vector: Float64Array): Float64Array {
  let largest = 0;
  let squares = 0;
  for (const weight of vector) {
    squares += weight * weight;
    if (Math.abs(weight) > Math.abs(largest)) largest = weight;
  }
  const factor = squares > 0 ? Math.sign(largest) / Math.sqrt(squares) : 0;
  return vector.map((weight) => weight * factor);
}

/**
 * The first `components` principal components of the rows of `features`.
 * @throws for a number that is not finite, fewer than two rows, or more components than rows or columns.
 */
export async function principalComponents(
  features: Matrix,
  components: number,
  { threads }: { readonly threads: number },
): Promise<PrincipalComponents> {
  requireFinite(features, 'Features');
  const { rows, columns } = features;
  const most = Math.min(rows, columns);
  if (rows < 2) throw new Error(`Principal components need at least two rows, not ${rows}.`);
  if (!Number.isInteger(components) || components < 1 || components > most) {
    throw new Error(
      `${components} principal components of [${rows}, ${columns}] features; from 1 to ${most} are possible.`,
    );
  }
  const mean = columnMeans(features);
  const x = centredColumns(features, mean);
  const total = x.values.reduce((sum, value) => sum + value * value, 0);
  const algebra = await openAlgebra(threads);
  try {
    const { values, vectors } = await decompose(x, total, components, algebra);
    const weights = new Float64Array(components * columns);
    for (const [i, vector] of vectors.entries()) weights.set(orient(vector), i * columns);
    return {
      mean,
      components: { rows: components, columns, values: weights },
      variances: values.map((share) => (Math.max(0, share) * total) / (rows - 1)),
      totalVariance: total / (rows - 1),
    };
  } finally {
    await algebra.dispose();
  }
}

/** Shares of the sum of squares `total`, and directions `[columns]` of any length. */
async function decompose(x: Matrix64, total: number, components: number, algebra: Algebra) {
  const narrow = x.columns <= x.rows;
  const products = await algebra.product(x, x, narrow ? { transposeA: true } : { transposeB: true });
  if (total > 0) for (let i = 0; i < products.values.length; i++) products.values[i] /= total;
  const { values, vectors, converged } = largestEigenvectors(operatorOf(products), products.rows, components, {
    random: createRandom('principal components'),
    tolerance: () => TOLERANCE,
    filtered: false,
  });
  if (!converged) throw new Error(`Principal components of [${x.rows}, ${x.columns}] features did not converge.`);
  const kept = vectors.map((vector, i) => (values[i] > NO_VARIANCE ? vector : vector.map(() => 0)));
  if (narrow) return { values, vectors: kept };
  // Converts directions among rows, u, to directions among columns, X'u.
  const directions = new Float64Array(components * x.rows);
  for (const [i, vector] of kept.entries()) directions.set(vector, i * x.rows);
  const mapped = await algebra.product({ rows: components, columns: x.rows, values: directions }, x);
  return {
    values,
    vectors: kept.map((_, i) => mapped.values.slice(i * x.columns, (i + 1) * x.columns)),
  };
}

/**
 * `[rows, components]` coordinates of rows along the components. Throws when the number of columns
 * differs from the fit.
 */
export async function project(
  features: Matrix,
  { mean, components }: PrincipalComponents,
  { threads }: { readonly threads: number },
): Promise<Matrix64> {
  requireFinite(features, 'Features');
  if (features.columns !== mean.length) {
    throw new Error(`Features have ${features.columns} columns, but the components were found on ${mean.length}.`);
  }
  const algebra = await openAlgebra(threads);
  try {
    return await algebra.product(centredColumns(features, mean), components, { transposeB: true });
  } finally {
    await algebra.dispose();
  }
}
