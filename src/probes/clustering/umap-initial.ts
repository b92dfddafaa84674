/**
 * Where UMAP's layout begins: the eigenvectors of the normalised Laplacian I - D^-1/2 W D^-1/2 of the neighbour graph with the
 * smallest eigenvalues, the trivial one left out (McInnes, Healy & Melville 2018, arXiv 1802.03426, section 3.2 and algorithm 4).
 * A graph in several pieces is laid out as umap-learn 0.5 does it: pieces lie around places of their own (umap-places.ts), small
 * enough that no coordinate passes half the way to the next place; large pieces by their own eigenvectors, small ones at random.
 *
 * Differences from umap-learn: the eigensolver (see spectral.ts); a graph in one piece with too few rows for so many eigenvectors
 * begins at random, where umap-learn stops with an error; every piece is as large as its place allows, where umap-learn 0.5.12
 * takes the rounding of a place's distance to itself for a neighbouring place and lets some pieces (about a quarter, on barcodes)
 * begin as one point.
 */

import { largestEigenvectors, type SymmetricOperator } from '../../algebra/spectral.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { Random } from '../../core/random.ts';
import type { Distance } from '../neighbours/knn.ts';
import { largestMagnitude, placesOf, roomAround } from './component-layout.ts';
import type { SparseGraph } from './umap-graph.ts';

/** Points `[rows, dim]`, row-major. */
export interface InitialLayout {
  readonly points: Float32Array;
  readonly connectedComponents: number;
  /** Why some rows began at random rather than at eigenvectors; undefined when none did. */
  readonly randomReason?: string;
}

/** Half the width of a random layout. */
const RANDOM_EXTENT = 10;
/** Largest coordinate of the initial layout before its columns are scaled to [0, 10]. */
const EXTENT = 10;
const NOISE = 1e-4;
/** Residual of a Laplacian eigenvector, relative to its eigenvalue, as umap-learn asks of ARPACK; and the least eigenvalue asked for. */
const TOLERANCE = 1e-4;
const LEAST_EIGENVALUE = 1e-4;

/** The piece that each vertex lies in, pieces numbered by their first vertex. */
export function connectedComponents({ vertices, offsets, columns }: SparseGraph): {
  labels: Int32Array;
  count: number;
} {
  const labels = new Int32Array(vertices).fill(-1);
  const queue = new Int32Array(vertices);
  let count = 0;
  for (let start = 0; start < vertices; start++) {
    if (labels[start] >= 0) continue;
    labels[start] = count;
    queue[0] = start;
    for (let [head, tail] = [0, 1]; head < tail; head++) {
      const vertex = queue[head];
      for (let e = offsets[vertex]; e < offsets[vertex + 1]; e++) {
        if (labels[columns[e]] >= 0) continue;
        labels[columns[e]] = count;
        queue[tail++] = columns[e];
      }
    }
    count += 1;
  }
  return { labels, count };
}

/** The graph of some vertices, which must have no edges to others. */
function piece(graph: SparseGraph, members: readonly number[], local: Int32Array): SparseGraph {
  for (const [i, vertex] of members.entries()) local[vertex] = i;
  const offsets = new Int32Array(members.length + 1);
  const edges: number[] = [];
  for (const [i, vertex] of members.entries()) {
    for (let e = graph.offsets[vertex]; e < graph.offsets[vertex + 1]; e++) edges.push(e);
    offsets[i + 1] = edges.length;
  }
  const columns = Int32Array.from(edges, (e) => local[graph.columns[e]]);
  return { vertices: members.length, offsets, columns, weights: Float32Array.from(edges, (e) => graph.weights[e]) };
}

/** v -> D^-1/2 W D^-1/2 v: its largest eigenvalues belong to the smallest of the normalised Laplacian. */
export function normalisedAdjacency({ vertices, offsets, columns, weights }: SparseGraph): SymmetricOperator {
  const degrees = new Float64Array(vertices);
  for (let v = 0; v < vertices; v++) for (let e = offsets[v]; e < offsets[v + 1]; e++) degrees[v] += weights[e];
  const scaled = new Float64Array(weights.length);
  for (let v = 0; v < vertices; v++) {
    for (let e = offsets[v]; e < offsets[v + 1]; e++)
      scaled[e] = weights[e] / Math.sqrt(degrees[v] * degrees[columns[e]]);
  }
  return (vector, into) => {
    for (let v = 0; v < vertices; v++) {
      let sum = 0;
      for (let e = offsets[v]; e < offsets[v + 1]; e++) sum += scaled[e] * vector[columns[e]];
      into[v] = sum;
    }
  };
}

/** Coordinates `[dim][vertices]` of a connected graph, or the reason why there are none. */
function laplacianEigenvectors(graph: SparseGraph, dim: number, random: Random): readonly Float64Array[] | string {
  if (graph.vertices <= dim + 1) {
    return `${graph.vertices} rows have no ${dim} eigenvectors beside the trivial one`;
  }
  const { vectors, converged, excess } = largestEigenvectors(normalisedAdjacency(graph), graph.vertices, dim + 1, {
    random,
    tolerance: (value) => TOLERANCE * Math.max(1 - value, LEAST_EIGENVALUE),
    filtered: true,
  });
  if (!converged) return `the eigenvectors did not converge (residual ${excess.toPrecision(2)} times the tolerance)`;
  return vectors.slice(1);
}

const uniform = (random: Random, extent: number) => (2 * random.next() - 1) * extent;

interface RawLayout {
  readonly raw: Float64Array;
  readonly randomReason?: string;
}

function singlePiece(graph: SparseGraph, dim: number, random: Random): RawLayout {
  const raw = new Float64Array(graph.vertices * dim);
  const vectors = laplacianEigenvectors(graph, dim, random);
  if (typeof vectors === 'string') return { raw: raw.map(() => uniform(random, RANDOM_EXTENT)), randomReason: vectors };
  for (let i = 0; i < raw.length; i++) raw[i] = vectors[i % dim][Math.floor(i / dim)];
  return { raw };
}

function manyPieces(
  graph: SparseGraph,
  labels: Int32Array,
  count: number,
  places: Float64Array,
  dim: number,
  random: Random,
): RawLayout {
  const raw = new Float64Array(graph.vertices * dim);
  const members: number[][] = Array.from({ length: count }, () => []);
  for (let v = 0; v < graph.vertices; v++) members[labels[v]].push(v);
  const local = new Int32Array(graph.vertices);
  let [small, failed, reason] = [0, 0, ''];
  for (const [p, own] of members.entries()) {
    const room = roomAround(places, p, count, dim);
    const isSmall = own.length < 2 * dim || own.length <= dim + 1;
    const vectors = isSmall ? '' : laplacianEigenvectors(piece(graph, own, local), dim, random);
    if (isSmall) small += 1;
    else if (typeof vectors === 'string') [failed, reason] = [failed + 1, vectors];
    const expansion = typeof vectors === 'string' ? room : room / largestMagnitude(vectors.map(largestMagnitude));
    for (const [i, vertex] of own.entries()) {
      for (let d = 0; d < dim; d++) {
        const offset = typeof vectors === 'string' ? uniform(random, 1) : vectors[d][i];
        raw[vertex * dim + d] = places[p * dim + d] + offset * expansion;
      }
    }
  }
  const parts = [
    small > 0 ? `${small} of ${count} connected components have fewer than ${2 * dim} rows` : '',
    failed > 0 ? `in ${failed} of ${count} connected components ${reason}` : '',
  ].filter((part) => part !== '');
  return { raw, randomReason: parts.length > 0 ? parts.join('; ') : undefined };
}

/** The largest coordinate becomes 10, a little noise parts points that coincide, and every column is scaled to [0, 10]. */
function scaled(raw: Float64Array, dim: number, random: Random): Float32Array {
  const expansion = EXTENT / (largestMagnitude(raw) || 1);
  const points = Float32Array.from(raw, (value) => Math.fround(value * expansion) + NOISE * random.normal());
  for (let d = 0; d < dim; d++) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = d; i < points.length; i += dim) [low, high] = [Math.min(low, points[i]), Math.max(high, points[i])];
    for (let i = d; i < points.length; i += dim) points[i] = (EXTENT * (points[i] - low)) / (high - low || 1);
  }
  return points;
}

/** The initial layout of a neighbour graph; `features` are the rows that the graph was made from, for the pieces' centroids. */
export async function initialLayout(
  graph: SparseGraph,
  features: Matrix,
  options: { dim: number; metric: Distance; random: Random; threads: number },
): Promise<InitialLayout> {
  const { dim, random } = options;
  const { labels, count } = connectedComponents(graph);
  const layout = async (): Promise<RawLayout> => {
    if (count === 1) return singlePiece(graph, dim, random);
    return manyPieces(graph, labels, count, await placesOf(features, labels, count, options), dim, random);
  };
  const { raw, randomReason } = await layout();
  return { points: scaled(raw, dim, random), connectedComponents: count, randomReason };
}
