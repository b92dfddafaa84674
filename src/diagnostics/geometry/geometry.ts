/**
 * The geometry of a set of embeddings, one row per sequence (or token), and the agreement of two
 * embeddings of the same rows (`src/analyze/embeddings/embeddings.py` of lbcb-sci/GFMs, there for
 * mean-pooled last hidden states). Linear CKA is in `kernel-alignment.ts`. Distances are computed
 * from dot products in blocks of rows: memory is constant, time is proportional to rows^2 x
 * columns.
 */

import {
  centredColumns,
  denseOf,
  gram,
  type Matrix64,
  multiplyTransposed,
  requireSameRows,
  squaredLengths,
  transposed,
  unitRows,
} from '../../algebra/dense.ts';
import { singularValues } from '../../algebra/singular-values.ts';
import type { Matrix } from '../../core/matrix.ts';

export interface Geometry {
  readonly rows: number;
  readonly columns: number;
  /**
   * exp of the entropy of the singular values of the centred rows, scaled to sum to 1 (Roy &
   * Vetterli 2007, EUSIPCO): 1 on a line, at most the smaller of columns and rows - 1. A high value
   * means that many directions are in use. The paper's code adds 1e-9 inside the logarithm; this
   * code does not.
   */
  readonly effectiveRank: number;
  /**
   * (sum s^2)^2 / sum s^4 over the same singular values: similar to effective rank, but dominated
   * by the largest values.
   */
  readonly participationRatio: number;
  /**
   * log mean over pairs of exp(-2 |x - y|^2), rows scaled to length 1 (Wang & Isola 2020, ICML): 0
   * when all rows are equal; the lower, the more evenly spread.
   */
  readonly uniformity: number;
  /**
   * Length of the mean of the rows scaled to length 1, 0..1: 1 when all rows have the same
   * direction. The paper's "anisotropy".
   */
  readonly anisotropy: number;
  /**
   * Mean cosine over pairs of different rows; (rows x anisotropy^2 - 1) / (rows - 1) when no row is
   * zero.
   */
  readonly meanCosine: number;
  /** Mean and standard deviation (ddof 1) over pairs of the Euclidean distance of unscaled rows. */
  readonly meanDistance: number;
  readonly distanceStandardDeviation: number;
}

/** All measures of one embedding `[rows, columns]`. @throws for fewer than 3 rows, or numbers that are not finite. */
export function geometry(matrix: Matrix): Geometry {
  if (matrix.rows < 3) throw new Error(`geometry needs at least 3 embeddings, not ${matrix.rows}`);
  const rows = denseOf(matrix, 'embeddings');
  const lengths = squaredLengths(rows);
  const distances = { count: 0, shift: 0, sum: 0, squares: 0 };
  let potential = 0;
  overPairs(rows, (r, c, product) => {
    const distance = Math.sqrt(Math.max(0, lengths[r] + lengths[c] - 2 * product));
    if (distances.count === 0) distances.shift = distance;
    distances.count += 1;
    distances.sum += distance - distances.shift;
    distances.squares += (distance - distances.shift) ** 2;
    const cosine = product === 0 ? 0 : product / Math.sqrt(lengths[r] * lengths[c]);
    const unit = Number(lengths[r] > 0) + Number(lengths[c] > 0); // a row of zeros stays zero
    potential += Math.exp(-2 * Math.max(0, unit - 2 * cosine));
  });
  const { count, shift, sum, squares } = distances;
  const mean = unitMean(unitRows(rows));
  const ones = lengths.reduce((total, length) => total + Number(length > 0), 0);
  const n = matrix.rows;
  const directions = centredSingularValues(rows);
  return {
    rows: n,
    columns: matrix.columns,
    effectiveRank: rankByEntropy(directions),
    participationRatio: participation(directions),
    uniformity: Math.log(potential / count),
    anisotropy: mean,
    meanCosine: (n * n * mean * mean - ones) / (n * (n - 1)),
    meanDistance: shift + sum / count,
    distanceStandardDeviation: Math.sqrt(Math.max(0, squares - sum ** 2 / count) / (count - 1)),
  };
}

/** See {@link Geometry.effectiveRank}. NaN when all rows are equal. */
export function effectiveRank(matrix: Matrix): number {
  return rankByEntropy(centredSingularValues(denseOf(matrix, 'embeddings')));
}

/**
 * Singular values of the centred rows, as roots of the eigenvalues of the smaller matrix of
 * products: many times faster than a decomposition of the rows. A value below the rounding of the
 * largest eigenvalue (for 256 rows 2e-7 of the largest singular value) counts as zero; float32 has
 * no more digits.
 */
function centredSingularValues(rows: Matrix64): Float64Array {
  const centred = centredColumns(rows);
  const eigenvalues = singularValues(gram(rows.rows < rows.columns ? centred : transposed(centred)));
  const rounding = eigenvalues.length * Number.EPSILON * eigenvalues[0];
  return eigenvalues.map((value) => (value > rounding ? Math.sqrt(value) : 0));
}

function rankByEntropy(values: Float64Array): number {
  const sum = values.reduce((total, value) => total + value, 0);
  let entropy = 0;
  for (const value of values) if (value > 0) entropy -= (value / sum) * Math.log(value / sum);
  return sum > 0 ? Math.exp(entropy) : Number.NaN;
}

function participation(values: Float64Array): number {
  const sumOf = (power: number) => values.reduce((total, value) => total + value ** power, 0);
  return sumOf(2) ** 2 / sumOf(4);
}

/** Length of the mean row. */
function unitMean({ rows, columns, values }: Matrix64): number {
  const sums = new Float64Array(columns);
  values.forEach((value, i) => {
    sums[i % columns] += value;
  });
  return Math.sqrt(sums.reduce((total, sum) => total + sum * sum, 0)) / rows;
}

/** Mean over rows of the squared distance between row i of both, each scaled to length 1: 0 the same, 2 unrelated, at most 4. */
export function rowDistance(a: Matrix, b: Matrix): number {
  requireSameRows('row distance', a, b);
  if (a.columns !== b.columns)
    throw new Error(
      `row distance: the embeddings have ${a.columns} and ${b.columns} columns; the widths must be equal`,
    );
  const [first, second] = [unitRows(denseOf(a, 'first embedding')), unitRows(denseOf(b, 'second embedding'))];
  return first.values.reduce((sum, value, i) => sum + (value - second.values[i]) ** 2, 0) / a.rows;
}

/**
 * Share of a row's k nearest other rows, by cosine, that both embeddings have in common, averaged
 * over rows: 1 for equal neighbours, k / (rows - 1) by chance. The paper uses k = 10. Widths may
 * differ; ties go to the lower row. @throws when k is not in 1..rows - 1.
 */
export function neighbourOverlap(a: Matrix, b: Matrix, k = 10): number {
  requireSameRows('neighbour overlap', a, b);
  if (!(Number.isInteger(k) && k >= 1 && k < a.rows))
    throw new Error(`neighbour overlap: k = ${k} of ${a.rows} rows; k must be a whole number from 1 to ${a.rows - 1}`);
  const first = nearest(unitRows(denseOf(a, 'first embedding')), k);
  const second = nearest(unitRows(denseOf(b, 'second embedding')), k);
  let shared = 0;
  first.forEach((row, i) => {
    for (const other of row) if (second[i].has(other)) shared += 1;
  });
  return shared / (a.rows * k);
}

/** For each row, the k other rows with the largest dot product. */
function nearest(rows: Matrix64, k: number): Set<number>[] {
  const sets: Set<number>[] = [];
  for (const { start, products } of blocks(rows))
    for (let r = 0; r < products.rows; r++) {
      const row = products.values.subarray(r * rows.rows, (r + 1) * rows.rows);
      row[start + r] = Number.NEGATIVE_INFINITY;
      const least = row.slice().sort()[rows.rows - k];
      const set = new Set<number>();
      for (let i = 0; i < row.length; i++) if (row[i] > least) set.add(i);
      for (let i = 0; set.size < k; i++) if (row[i] === least) set.add(i);
      sets.push(set);
    }
  return sets;
}

const BLOCK_ROWS = 64;

/** Dot products of rows start.. with all rows, or with rows start.. only, block by block. */
function* blocks(rows: Matrix64, { later = false } = {}): Generator<{ start: number; products: Matrix64 }> {
  const { columns, values } = rows;
  const from = (start: number, end: number): Matrix64 => ({
    ...{ rows: end - start, columns },
    values: values.subarray(start * columns, end * columns),
  });
  for (let start = 0; start < rows.rows; start += BLOCK_ROWS) {
    const block = from(start, Math.min(start + BLOCK_ROWS, rows.rows));
    yield { start, products: multiplyTransposed(block, later ? from(start, rows.rows) : rows) };
  }
}

/** Calls `visit` with the dot product of every pair of different rows. */
function overPairs(rows: Matrix64, visit: (r: number, c: number, product: number) => void): void {
  for (const { start, products } of blocks(rows, { later: true }))
    for (let r = 0; r < products.rows; r++)
      for (let c = r + 1; c < products.columns; c++)
        visit(start + r, start + c, products.values[r * products.columns + c]);
}
