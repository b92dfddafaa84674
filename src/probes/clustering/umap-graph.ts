/**
 * The neighbour graph of UMAP (McInnes, Healy & Melville 2018, arXiv 1802.03426, sections 2.2 and 3.1; algorithms 1 to 3): exact
 * nearest neighbours, a scale per row that makes the memberships sum to log2 k, and the fuzzy union of the two directions of
 * every edge. Local connectivity 1, bandwidth 1, pure union, as umap-learn has them by default. Numbers are rounded to float32
 * where umap-learn rounds, so that the search for the scale stops at the same step.
 *
 * Differences from umap-learn: neighbours are exact at every size (umap-learn approximates from 4,096 rows on); a row is always
 * its own first neighbour, also among duplicates; exactly opposite rows (cosine distance 2) stay connected.
 */
import type { Matrix } from '../../core/matrix.ts';
import type { Device } from '../../runtime/device.ts';
import { type Distance, openNeighbourSearch } from '../neighbours/knn.ts';

/** The `count` nearest rows of every row, itself first: indices and distances `[rows, count]`, nearest first. */
export interface Neighbours {
  readonly rows: number;
  readonly count: number;
  readonly indices: Int32Array;
  readonly distances: Float32Array;
}

/** A symmetric weighted graph in compressed rows: edges of vertex v at `offsets[v]` to `offsets[v + 1]`, columns ascending. */
export interface SparseGraph {
  readonly vertices: number;
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  readonly weights: Float32Array;
}

/** The engine ranks in float32; this many more candidates are ranked again in float64. */
const SPARE_CANDIDATES = 8;
/** Cosine distances below this are rounding of float32, that is, zero. */
const COSINE_RESOLUTION = 2 ** -24;
const SCALE_STEPS = 64;
const SCALE_TOLERANCE = 1e-5;
/** The scale is at least this share of the mean distance. */
const SMALLEST_SCALE = 1e-3;
const LARGEST_FLOAT32 = 3.4028234663852886e38;

function squaredLengths({ rows, columns, values }: Matrix): Float64Array {
  const result = new Float64Array(rows);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[r] += values[r * columns + c] ** 2;
  return result;
}

/** Distance of rows i and j. A row of zeros has cosine distance 1 to every other row, as scikit-learn has it. */
function distanceBetween({ columns, values }: Matrix, squares: Float64Array, metric: Distance, i: number, j: number) {
  let sum = 0;
  if (metric === 'euclidean') {
    for (let c = 0; c < columns; c++) sum += (values[i * columns + c] - values[j * columns + c]) ** 2;
    return Math.sqrt(sum);
  }
  if (squares[i] === 0 || squares[j] === 0) return 1;
  for (let c = 0; c < columns; c++) sum += values[i * columns + c] * values[j * columns + c];
  const distance = 1 - sum / (Math.sqrt(squares[i]) * Math.sqrt(squares[j]));
  return distance < COSINE_RESOLUTION ? 0 : distance;
}

/**
 * Exact nearest neighbours of every row among all rows; equal distances count in the order of rows.
 * Throws when there are not more rows than `count`, and on a value that is not finite, naming its row.
 */
export async function exactNeighbours(
  features: Matrix,
  count: number,
  metric: Distance,
  options: { device: Device; threads: number },
): Promise<Neighbours> {
  const { rows } = features;
  if (rows <= count) {
    throw new Error(
      `UMAP with ${count} neighbours needs more than ${count} rows, but there are ${rows}. ` +
        `Set neighbours to ${Math.max(rows - 1, 2)} or less, or give more rows.`,
    );
  }
  const found = Math.min(rows, count + SPARE_CANDIDATES);
  const search = await openNeighbourSearch(features, metric, options);
  const candidates = await search.nearest(features, found).finally(() => search.dispose()); // [rows, found]
  const squares = squaredLengths(features);
  const indices = new Int32Array(rows * count);
  const distances = new Float32Array(rows * count);
  for (let r = 0; r < rows; r++) {
    const others = Array.from(candidates.subarray(r * found, (r + 1) * found))
      .filter((index) => index !== r)
      .map((index) => ({ index, distance: distanceBetween(features, squares, metric, r, index) }))
      .sort((a, b) => a.distance - b.distance || a.index - b.index);
    indices[r * count] = r;
    for (let k = 1; k < count; k++) {
      indices[r * count + k] = others[k - 1].index;
      distances[r * count + k] = others[k - 1].distance;
    }
  }
  return { rows, count, indices, distances };
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Bisection for the scale at which the memberships of one row's neighbours sum to `target`. */
function scaleOf(distances: Float32Array, nearest: number, target: number): number {
  const { fround, exp } = Math;
  let low = 0;
  let high = LARGEST_FLOAT32;
  let scale = 1;
  for (let step = 0; step < SCALE_STEPS; step++) {
    let sum = 0;
    for (let j = 1; j < distances.length; j++) {
      const beyond = fround(distances[j] - nearest);
      sum = fround(sum + (beyond > 0 ? fround(exp(-fround(beyond / scale))) : 1));
    }
    if (Math.abs(sum - target) < SCALE_TOLERANCE) break;
    if (sum > target) high = scale;
    else low = scale;
    scale = high === LARGEST_FLOAT32 ? fround(scale * 2) : fround((low + high) / 2);
  }
  return scale;
}

/** Per row: `rhos`, the distance to the nearest row that is not at distance 0 (0 if none), and `sigmas`, the scale. */
export function smoothKnnDistances({ rows, count, distances }: Neighbours): {
  sigmas: Float32Array;
  rhos: Float32Array;
} {
  const sigmas = new Float32Array(rows);
  const rhos = new Float32Array(rows);
  const meanOfAll = mean(distances);
  for (let r = 0; r < rows; r++) {
    const own = distances.subarray(r * count, (r + 1) * count);
    rhos[r] = own.find((distance) => distance > 0) ?? 0;
    const smallest = SMALLEST_SCALE * (rhos[r] > 0 ? mean(own) : meanOfAll);
    sigmas[r] = Math.max(scaleOf(own, rhos[r], Math.log2(count)), smallest);
  }
  return { sigmas, rhos };
}

/** How strongly each row holds its neighbours, `[rows, count]`: exp(-(d - rho) / sigma), at most 1, and 0 for itself. */
export function membershipStrengths(
  { rows, count, indices, distances }: Neighbours,
  sigmas: Float32Array,
  rhos: Float32Array,
): Float32Array {
  const result = new Float32Array(rows * count);
  for (let r = 0; r < rows; r++) {
    for (let at = r * count; at < (r + 1) * count; at++) {
      const beyond = distances[at] - rhos[r];
      if (indices[at] === r) result[at] = 0;
      else result[at] = beyond <= 0 || sigmas[r] === 0 ? 1 : Math.exp(-beyond / sigmas[r]);
    }
  }
  return result;
}

/** For every vertex, where in `[rows, count]` it is somebody's neighbour: positions at `offsets[v]` to `offsets[v + 1]`. */
function occurrences({ rows, indices }: Neighbours): { offsets: Int32Array; positions: Int32Array } {
  const offsets = new Int32Array(rows + 1);
  for (const index of indices) offsets[index + 1] += 1;
  for (let v = 0; v < rows; v++) offsets[v + 1] += offsets[v];
  const next = offsets.slice(0, rows);
  const positions = new Int32Array(indices.length);
  for (let at = 0; at < indices.length; at++) positions[next[indices[at]]++] = at;
  return { offsets, positions };
}

/** Fuzzy union of the two directions of every edge: a + b - ab. */
export function fuzzyUnion(neighbours: Neighbours, strengths: Float32Array): SparseGraph {
  const { rows, count, indices } = neighbours;
  const incoming = occurrences(neighbours);
  const offsets = new Int32Array(rows + 1);
  const columns = new Int32Array(2 * indices.length);
  const weights = new Float32Array(2 * indices.length);
  let filled = 0;
  for (let r = 0; r < rows; r++) {
    const row = new Map<number, number>();
    for (let at = r * count; at < (r + 1) * count; at++) row.set(indices[at], strengths[at]);
    for (let i = incoming.offsets[r]; i < incoming.offsets[r + 1]; i++) {
      const at = incoming.positions[i];
      const from = Math.floor(at / count);
      const out = row.get(from) ?? 0;
      row.set(from, out + strengths[at] - out * strengths[at]);
    }
    for (const column of [...row.keys()].sort((a, b) => a - b)) {
      const weight = row.get(column) as number;
      if (weight === 0) continue;
      columns[filled] = column;
      weights[filled++] = weight;
    }
    offsets[r + 1] = filled;
  }
  return { vertices: rows, offsets, columns: columns.slice(0, filled), weights: weights.slice(0, filled) };
}

/** The fuzzy simplicial set of given neighbours: their strengths, united. */
export function fuzzyGraph(neighbours: Neighbours): SparseGraph {
  const { sigmas, rhos } = smoothKnnDistances(neighbours);
  return fuzzyUnion(neighbours, membershipStrengths(neighbours, sigmas, rhos));
}

/** The graph without edges lighter than `threshold`. */
export function withoutLightEdges(graph: SparseGraph, threshold: number): SparseGraph {
  const offsets = new Int32Array(graph.vertices + 1);
  const kept: number[] = [];
  for (let v = 0; v < graph.vertices; v++) {
    for (let e = graph.offsets[v]; e < graph.offsets[v + 1]; e++) if (graph.weights[e] >= threshold) kept.push(e);
    offsets[v + 1] = kept.length;
  }
  const columns = Int32Array.from(kept, (e) => graph.columns[e]);
  return { vertices: graph.vertices, offsets, columns, weights: Float32Array.from(kept, (e) => graph.weights[e]) };
}
