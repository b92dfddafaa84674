/**
 * Where the pieces of a neighbour graph in several connected components lie when UMAP's layout begins, as umap-learn 0.5 places
 * them: at plus and minus the unit vectors, or, for more pieces than these, at a spectral embedding of the pieces' centroids with
 * affinity exp(-distance^2) (Belkin & Niyogi 2003, Neural Comput. 15:1373, with the normalised Laplacian, as scikit-learn has it).
 */

import { openAlgebra } from '../../algebra/linear-algebra.ts';
import { dot, largestEigenvectors, type SymmetricOperator } from '../../algebra/spectral.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { Random } from '../../core/random.ts';
import type { Distance } from '../neighbours/knn.ts';

const AFFINITY_TOLERANCE = 1e-8;
/** Affinities are made in blocks of so many rows. */
const BLOCK_ROWS = 512;

export function largestMagnitude(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

/** Mean of the rows of every piece, `[pieces, columns]`; for cosine the means are divided by their length. */
function centroids(features: Matrix, labels: Int32Array, count: number, metric: Distance) {
  const { rows, columns } = features;
  const values = new Float64Array(count * columns);
  const sizes = new Float64Array(count);
  for (let r = 0; r < rows; r++) {
    sizes[labels[r]] += 1;
    for (let c = 0; c < columns; c++) values[labels[r] * columns + c] += features.values[r * columns + c];
  }
  for (let p = 0; p < count; p++) {
    const own = values.subarray(p * columns, (p + 1) * columns);
    const scale = metric === 'cosine' ? Math.sqrt(dot(own, own)) || 1 : sizes[p];
    for (let c = 0; c < columns; c++) own[c] /= scale;
  }
  return { rows: count, columns, values };
}

/** exp(-distance^2) between the rows, `[rows, rows]`, zero on the diagonal. */
async function affinities(points: Matrix & { values: Float64Array }, metric: Distance, threads: number) {
  const { rows, columns, values } = points;
  const result = new Float32Array(rows * rows);
  const squares = Float64Array.from({ length: rows }, (_, r) => {
    const own = values.subarray(r * columns, (r + 1) * columns);
    return dot(own, own);
  });
  const algebra = await openAlgebra(threads);
  try {
    for (let start = 0; start < rows; start += BLOCK_ROWS) {
      const height = Math.min(BLOCK_ROWS, rows - start);
      const block = { rows: height, columns, values: values.subarray(start * columns, (start + height) * columns) };
      const products = await algebra.product(block, points, { transposeB: true }); // [height, rows]
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < rows; c++) {
          const product = products.values[r * rows + c];
          const squared =
            metric === 'cosine'
              ? Math.max(0, 1 - product) ** 2
              : Math.max(0, squares[start + r] + squares[c] - 2 * product);
          result[(start + r) * rows + c] = start + r === c ? 0 : Math.exp(-squared);
        }
      }
    }
  } finally {
    await algebra.dispose();
  }
  return result;
}

/**
 * Spectral embedding of a dense affinity matrix `[size, size]`, as scikit-learn's SpectralEmbedding: eigenvectors over the square
 * root of the degree, the entry of largest magnitude positive; then all divided by the largest coordinate. `[size, dim]`.
 */
function spectralPlaces(affinity: Float32Array, size: number, dim: number, random: Random): Float64Array {
  const roots = Float64Array.from({ length: size }, (_, r) => {
    let degree = 0;
    for (let c = 0; c < size; c++) degree += affinity[r * size + c];
    return Math.sqrt(degree);
  });
  const operator: SymmetricOperator = (vector, into) => {
    const divided = vector.map((value, c) => (roots[c] === 0 ? 0 : value / roots[c]));
    for (let r = 0; r < size; r++) {
      let sum = 0;
      for (let c = 0, at = r * size; c < size; c++) sum += affinity[at + c] * divided[c];
      into[r] = roots[r] === 0 ? vector[r] : sum / roots[r];
    }
  };
  const tolerance = () => AFFINITY_TOLERANCE;
  const { vectors } = largestEigenvectors(operator, size, dim + 1, { random, tolerance, filtered: false });
  const places = new Float64Array(size * dim);
  for (const [d, vector] of vectors.slice(1).entries()) {
    const coordinates = vector.map((value, r) => value / (roots[r] || 1));
    const most = largestMagnitude(coordinates);
    const sign = coordinates.includes(most) ? 1 : -1;
    for (let r = 0; r < size; r++) places[r * dim + d] = sign * coordinates[r];
  }
  const most = largestMagnitude(places) || 1;
  return places.map((value) => value / most);
}

/** Places `[count, dim]` at plus and minus the unit vectors, for at most 2 dim pieces. */
function unitPlaces(count: number, dim: number): Float64Array {
  const half = Math.ceil(count / 2);
  const places = new Float64Array(count * dim);
  for (let p = 0; p < count; p++) places[p * dim + (p % half)] = p < half ? 1 : -1;
  return places;
}

/** Places `[count, dim]` of the pieces that the rows of `features` belong to by `labels`. */
export async function placesOf(
  features: Matrix,
  labels: Int32Array,
  count: number,
  options: { dim: number; metric: Distance; random: Random; threads: number },
): Promise<Float64Array> {
  const { dim, metric, random, threads } = options;
  if (count <= 2 * dim) return unitPlaces(count, dim);
  const affinity = await affinities(centroids(features, labels, count, metric), metric, threads);
  return spectralPlaces(affinity, count, dim, random);
}

/** Half the distance from a place to the nearest other one. */
export function roomAround(places: Float64Array, own: number, count: number, dim: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (let other = 0; other < count; other++) {
    let squares = 0;
    for (let d = 0; d < dim; d++) squares += (places[own * dim + d] - places[other * dim + d]) ** 2;
    if (squares > 0) nearest = Math.min(nearest, squares);
  }
  return Number.isFinite(nearest) ? Math.sqrt(nearest) / 2 : 1;
}
