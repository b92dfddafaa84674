/**
 * The layout of UMAP (McInnes, Healy & Melville 2018, arXiv 1802.03426, section 3.2 and algorithm 5): stochastic gradient
 * descent on the fuzzy cross entropy between the neighbour graph and the similarities 1 / (1 + a d^(2b)) of the points. Edges are
 * visited as often as they are heavy, both ends are moved, and every visit draws random vertices that push the head away.
 * Sequential, so that one seed gives one layout; the schedule of visits and of the learning rate is that of umap-learn 0.5.
 */
import type { SparseGraph } from './umap-graph.ts';

/** Shape of the similarity 1 / (1 + a d^(2b)) in the layout. */
export interface Curve {
  readonly a: number;
  readonly b: number;
}

const CURVE_POINTS = 300;
/** No coordinate moves further than this times the learning rate. */
const CLIP = 4;
/** Keeps the push between points that nearly coincide finite. */
const SOFTENING = 0.001;

/**
 * Least squares fit of the curve to 1 up to `minDist` and exp(-(d - minDist) / spread) beyond, on 300 points up to 3 spreads, by
 * Levenberg-Marquardt from a = b = 1. Throws when 0 <= minDist <= spread does not hold.
 */
export function fitCurve(minDist: number, spread: number): Curve {
  if (!(spread > 0) || !(minDist >= 0) || minDist > spread) {
    throw new Error(`UMAP needs 0 <= minDist <= spread and spread above 0, not minDist ${minDist}, spread ${spread}.`);
  }
  const x = Float64Array.from({ length: CURVE_POINTS }, (_, i) => (3 * spread * i) / (CURVE_POINTS - 1));
  const y = x.map((d) => (d < minDist ? 1 : Math.exp(-(d - minDist) / spread)));
  const error = (a: number, b: number) => x.reduce((sum, d, i) => sum + (1 / (1 + a * d ** (2 * b)) - y[i]) ** 2, 0);
  let [a, b, damping] = [1, 1, 1e-3];
  let current = error(a, b);
  for (let step = 0; step < 200 && damping < 1e12; step++) {
    let [aa, ab, bb, ga, gb] = [0, 0, 0, 0, 0];
    for (let i = 1; i < CURVE_POINTS; i++) {
      const power = x[i] ** (2 * b);
      const value = 1 / (1 + a * power);
      const da = -value * value * power;
      const db = da * a * 2 * Math.log(x[i]);
      const residual = value - y[i];
      aa += da * da;
      ab += da * db;
      bb += db * db;
      ga += da * residual;
      gb += db * residual;
    }
    const [p, q] = [aa * (1 + damping), bb * (1 + damping)];
    const determinant = p * q - ab * ab;
    const [nextA, nextB] = [a - (q * ga - ab * gb) / determinant, b - (p * gb - ab * ga) / determinant];
    const next = error(nextA, nextB);
    if (next < current) {
      [a, b, current, damping] = [nextA, nextB, next, damping / 10];
    } else damping *= 10;
  }
  return { a, b };
}

/** 500 up to 10,000 rows, 200 beyond. */
export function defaultEpochs(rows: number): number {
  return rows <= 10_000 ? 500 : 200;
}

/** How many epochs pass between two visits of an edge: 1 for the heaviest. */
export function epochsPerSample(weights: Float32Array): Float64Array {
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  return Float64Array.from(weights, (weight) => heaviest / weight);
}

/** One end of each edge: the vertex whose row of the graph it stands in. */
function headsOf({ vertices, offsets }: SparseGraph): Int32Array {
  const heads = new Int32Array(offsets[vertices]);
  for (let v = 0; v < vertices; v++) heads.fill(v, offsets[v], offsets[v + 1]);
  return heads;
}

// These two run a hundred million times in a large layout: indices stay whole numbers, and two steps at a time halve the
// waiting for additions.

function squaredDistance(points: Float32Array, i: number, j: number, dim: number): number {
  let even = 0;
  let odd = 0;
  const last = i + dim - 1;
  for (; i < last; i += 2, j += 2) {
    const x = points[i] - points[j];
    const y = points[i + 1] - points[j + 1];
    even += x * x;
    odd += y * y;
  }
  if (i === last) even += (points[i] - points[j]) ** 2;
  return even + odd;
}

/** Moves point i by factor * (i - j): a push in which no coordinate can reach the limit. */
function pushGently(points: Float32Array, i: number, j: number, dim: number, factor: number): void {
  const last = i + dim - 1;
  for (; i < last; i += 2, j += 2) {
    const x = points[i];
    const y = points[i + 1];
    points[i] = x + factor * (x - points[j]);
    points[i + 1] = y + factor * (y - points[j + 1]);
  }
  if (i === last) points[i] += factor * (points[i] - points[j]);
}

const clip = (value: number) => Math.min(CLIP, Math.max(-CLIP, value));

/** Moves point i by rate * clip(coefficient * (i - j)) in each coordinate, and j the other way. */
function pull(points: Float32Array, i: number, j: number, dim: number, coefficient: number, rate: number): void {
  for (let d = 0; d < dim; d++) {
    const move = rate * clip(coefficient * (points[i + d] - points[j + d]));
    points[i + d] += move;
    points[j + d] -= move;
  }
}

/** Moves point i by rate * clip(coefficient * (i - j)) in each coordinate. */
function push(points: Float32Array, i: number, j: number, dim: number, coefficient: number, rate: number): void {
  for (let d = 0; d < dim; d++) points[i + d] += rate * clip(coefficient * (points[i + d] - points[j + d]));
}

export interface LayoutOptions {
  readonly curve: Curve;
  readonly epochs: number;
  /** Random vertices pushed away from per visit of an edge. */
  readonly negativeSamples: number;
  /** A random vertex, drawn for the given head. */
  readonly drawVertex: (head: number) => number;
  /** Called before every epoch. */
  readonly onEpoch?: (epoch: number) => void;
}

/** Improves `points` `[vertices, dim]` in place, `epochs` times over the edges. d^(2b) is exp(b log d^2): faster than a power. */
export function optimiseLayout(graph: SparseGraph, points: Float32Array, dim: number, options: LayoutOptions): void {
  const { curve, epochs, negativeSamples, drawVertex, onEpoch } = options;
  const { a, b } = curve;
  const heads = headsOf(graph);
  const tails = graph.columns;
  const period = epochsPerSample(graph.weights);
  const nextVisit = period.slice();
  const negativePeriod = period.map((epochsBetween) => epochsBetween / negativeSamples);
  const nextNegative = negativePeriod.slice();
  let rate = 1;
  for (let epoch = 0; epoch < epochs; epoch++) {
    onEpoch?.(epoch);
    for (let e = 0; e < heads.length; e++) {
      if (nextVisit[e] > epoch) continue;
      const head = heads[e];
      const i = Math.imul(head, dim);
      const near = squaredDistance(points, i, tails[e] * dim, dim);
      if (near > 0) {
        const power = Math.exp(b * Math.log(near));
        pull(points, i, tails[e] * dim, dim, (-2 * a * b * power) / (near * (a * power + 1)), rate);
      }
      nextVisit[e] += period[e];
      if (negativeSamples === 0) continue;
      const draws = Math.trunc((epoch - nextNegative[e]) / negativePeriod[e]);
      for (let draw = 0; draw < draws; draw++) {
        const other = Math.imul(drawVertex(head), dim);
        const far = squaredDistance(points, i, other, dim);
        if (far === 0) continue;
        const coefficient = (2 * b) / ((SOFTENING + far) * (a * Math.exp(b * Math.log(far)) + 1));
        if (coefficient * coefficient * far > CLIP * CLIP) push(points, i, other, dim, coefficient, rate);
        else pushGently(points, i, other, dim, coefficient * rate);
      }
      nextNegative[e] += draws * negativePeriod[e];
    }
    rate = 1 - epoch / epochs;
  }
}
