/**
 * Centred kernel alignment (Kornblith et al. 2019, ICML; the biased estimate, as `ckatorch` and the paper's code compute it): the cosine of two
 * centred kernel matrices over the same rows, 1 for embeddings equal up to rotation and scale. Linear kernel through the products of features where
 * these are fewer than rows; RBF kernel exp(-d^2 / (2 m)), m the median of all squared distances (the lower one, diagonal included, as in torch.median).
 */

import {
  centredColumns,
  denseOf,
  frobeniusNorm,
  gram,
  type Matrix64,
  multiplyTransposed,
  requireSameRows,
  transposed,
} from '../../algebra/dense.ts';
import type { Matrix } from '../../core/matrix.ts';

/**
 * Linear CKA of two embeddings of the same rows, 0 to 1. Widths may differ. NaN when all rows of
 * one are equal.
 */
export function linearCka(a: Matrix, b: Matrix): number {
  requireSameRows('linear CKA', a, b);
  const first = centredColumns(denseOf(a, 'first embedding'));
  const second = centredColumns(denseOf(b, 'second embedding'));
  if (Math.max(a.columns, b.columns) > a.rows) return cosineOf(gram(first), gram(second));
  const [left, right] = [transposed(first), transposed(second)];
  return linearCkaOfProducts(multiplyTransposed(left, right), frobeniusNorm(gram(left)), frobeniusNorm(gram(right)));
}

/** Linear CKA from A'B and the Frobenius norms of A'A and B'B of centred embeddings. */
export function linearCkaOfProducts(cross: Matrix64, firstNorm: number, secondNorm: number): number {
  return frobeniusNorm(cross) ** 2 / (firstNorm * secondNorm);
}

function cosineOf(a: Matrix64, b: Matrix64): number {
  let inner = 0;
  for (let i = 0; i < a.values.length; i++) inner += a.values[i] * b.values[i];
  return inner / (frobeniusNorm(a) * frobeniusNorm(b));
}

/** A centred RBF kernel matrix; only one half is stored, because it is symmetric. */
export interface RbfKernel {
  readonly rows: number;
  /**
   * Elements below the diagonal, row by row: (r, c) is at r (r - 1) / 2 + c. Not centred; 4 bytes
   * each, rows^2 / 2 of them.
   */
  readonly below: Float32Array;
  /**
   * `[rows]` value subtracted from row r and column r: the mean of the row minus half the mean of
   * all.
   */
  readonly offsets: Float64Array;
  /** Frobenius norm of the centred matrix. */
  readonly norm: number;
}

/**
 * RBF CKA of two embeddings of the same rows, 0 to 1. NaN when half of all distances are 0. Needs
 * rows^2 x 12 bytes.
 */
export function rbfCka(a: Matrix, b: Matrix): number {
  requireSameRows('RBF CKA', a, b);
  const kernels = [a, b].map((matrix) => rbfKernel(gram(denseOf(matrix, 'embedding'))));
  return rbfCkaOfKernels(kernels[0], kernels[1]);
}

/** The kernel from the matrix of dot products of all rows, `[rows, rows]`. */
export function rbfKernel({ rows, values: products }: Matrix64): RbfKernel {
  const distances = new Float64Array((rows * (rows - 1)) / 2); // squared
  for (let r = 1, at = 0; r < rows; r++)
    for (let c = 0; c < r; c++, at++)
      distances[at] = Math.max(0, products[r * rows + r] + products[c * rows + c] - 2 * products[r * rows + c]);
  // Of all rows^2 distances, sorted, the first `rows` are the zeros of the diagonal; every other
  // distance occurs twice.
  const middle = ((rows * rows - 1) >> 1) - rows;
  const median = middle < 0 ? 0 : distances.slice().sort()[middle >> 1];
  const below = Float32Array.from(distances, (distance) => Math.exp(-distance / (2 * median)));
  const offsets = new Float64Array(rows).fill(1);
  for (let r = 1, at = 0; r < rows; r++)
    for (let c = 0; c < r; c++, at++) {
      offsets[r] += below[at];
      offsets[c] += below[at];
    }
  const mean = offsets.reduce((sum, value) => sum + value, 0) / rows ** 2;
  for (let r = 0; r < rows; r++) offsets[r] = offsets[r] / rows - mean / 2;
  const kernel = { rows, below, offsets, norm: 1 };
  return { ...kernel, norm: Math.sqrt(centredProduct(kernel, kernel)) };
}

/** RBF CKA of two kernels over the same rows. */
export function rbfCkaOfKernels(a: RbfKernel, b: RbfKernel): number {
  return centredProduct(a, b) / (a.norm * b.norm);
}

/** Sum over all elements of the product of two centred kernel matrices. */
function centredProduct(a: RbfKernel, b: RbfKernel): number {
  let [diagonal, half] = [0, 0];
  for (let r = 0, at = 0; r < a.rows; r++) {
    const [x, y] = [a.offsets[r], b.offsets[r]];
    diagonal += (1 - 2 * x) * (1 - 2 * y);
    for (let c = 0; c < r; c++, at++) half += (a.below[at] - x - a.offsets[c]) * (b.below[at] - y - b.offsets[c]);
  }
  return diagonal + 2 * half;
}
