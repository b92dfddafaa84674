/**
 * Exact Ward clustering of points by Euclidean distance: of all clusters the two merge whose union adds least to the sum of
 * squared distances to cluster means (Ward 1963, J. Am. Stat. Assoc. 58:236). Mutual nearest neighbours are found along a chain
 * (Murtagh 1983, Comput. J. 26:354) and the merges are sorted by height afterwards, which gives the same tree.
 *
 * No distance matrix is kept. Clusters of a and b points whose means are m apart have distance m sqrt(2 a b / (a + b)), so
 * a neighbour is searched among means; a mean is given up once the columns summed so far exceed the best distance found
 * (partial distance search; Bei & Gray 1985, IEEE Trans. Commun. 33:1132), the columns of largest variance first. Nearly all
 * means go after the first four columns, which lie together in memory. O(rows^2) time at worst times columns, O(rows) memory.
 *
 * Ties are resolved as in SciPy's `linkage`: a chain begins at the first cluster there is; of equally near neighbours the one
 * before in the chain is taken, else the first; a merged cluster has the place of its later part; equal heights keep the order
 * of merging. That holds for equal rows and for points on a grid of whole numbers until their first merge; whether distances
 * of merged clusters tie is a matter of rounding, here as there, and may come out differently.
 */

import { requireFinite } from '../../algebra/finite.ts';
import type { Matrix } from '../../core/matrix.ts';
import { type Linkage, toLinkage } from './linkage.ts';

/** Columns that every candidate is compared in, and columns added between comparisons after that. */
const LEAD = 4;
const STEP = 8;
/** Room for rounding between a partial distance and the bound that it is compared with. */
const SLACK = 1 + 1e-12;
/** Empty places are closed once this share is left. */
const FULL = 0.75;
const NONE = -1;

/** Clusters by place. Of two merged the later place goes on, the earlier is empty: its mean is infinitely far away. */
interface Clusters {
  places: number;
  alive: number;
  /** `[places, LEAD]` and `[places, rest]` means, columns of largest variance in front, zeros at the end. */
  readonly lead: Float64Array;
  readonly tail: Float64Array;
  readonly rest: number;
  /** `[places]` points in the cluster, 1 / that, and one of them. */
  readonly sizes: Float64Array;
  readonly shares: Float64Array;
  readonly points: Int32Array;
}

/**
 * Ward's tree over the rows of `points`, equal to `scipy.cluster.hierarchy.linkage(points, 'ward')`.
 * @param progress told the share of the work that is done.
 * @throws for fewer than two rows, or a number that is not finite.
 */
export function ward(points: Matrix, progress: (fraction: number) => void = () => undefined): Linkage {
  const { rows } = points;
  if (rows < 2) throw new Error(`Clustering needs at least two rows, not ${rows}.`);
  const clusters = singletons(points);
  const pairs = new Int32Array(2 * (rows - 1));
  const heights = new Float64Array(rows - 1);
  const chain = new Int32Array(rows);
  let length = 0;
  for (let merge = 0; merge < rows - 1; merge++) {
    if (clusters.alive <= FULL * clusters.places) close(clusters, chain.subarray(0, length));
    if (length === 0) chain[length++] = clusters.sizes.findIndex((size) => size > 0);
    let found = neighbour(clusters, chain[length - 1], length > 1 ? chain[length - 2] : NONE);
    while (length === 1 || found.place !== chain[length - 2]) {
      // A neighbour further down the chain is nearer than was known there, by rounding: go on from it.
      const known = chain.subarray(0, length).indexOf(found.place);
      if (known === NONE) chain[length++] = found.place;
      else length = known + 1;
      found = neighbour(clusters, chain[length - 1], length > 1 ? chain[length - 2] : NONE);
    }
    length -= 2;
    const [x, y] = [Math.min(chain[length], chain[length + 1]), Math.max(chain[length], chain[length + 1])];
    pairs[2 * merge] = clusters.points[x];
    pairs[2 * merge + 1] = clusters.points[y];
    heights[merge] = Math.sqrt(found.squared);
    unite(clusters, x, y);
    if (merge % 256 === 0) progress(1 - (clusters.alive / rows) ** 2);
  }
  progress(1);
  return toLinkage({ rows, pairs, heights });
}

/** Columns by falling variance, equal ones in order. */
function columnsByVariance({ rows, columns, values }: Matrix): Uint32Array {
  const mean = new Float64Array(columns);
  const variance = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) mean[i % columns] += values[i] / rows;
  for (let i = 0; i < values.length; i++) variance[i % columns] += (values[i] - mean[i % columns]) ** 2;
  return Uint32Array.from({ length: columns }, (_, c) => c).sort((a, b) => variance[b] - variance[a] || a - b);
}

function singletons(points: Matrix): Clusters {
  requireFinite(points, 'Features');
  const { rows, columns, values } = points;
  const order = columnsByVariance(points);
  const rest = STEP * Math.ceil(Math.max(0, columns - LEAD) / STEP);
  const lead = new Float64Array(rows * LEAD);
  const tail = new Float64Array(rows * rest);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const value = values[r * columns + order[c]];
      if (c < LEAD) lead[r * LEAD + c] = value;
      else tail[r * rest + c - LEAD] = value;
    }
  }
  return {
    places: rows,
    alive: rows,
    lead,
    tail,
    rest,
    sizes: new Float64Array(rows).fill(1),
    shares: new Float64Array(rows).fill(1),
    points: Int32Array.from({ length: rows }, (_, i) => i),
  };
}

/** Squared distance of eight numbers from `i` and eight from `j`. */
function octet(values: Float64Array, i: number, j: number): number {
  const d0 = values[i] - values[j];
  const d1 = values[i + 1] - values[j + 1];
  const d2 = values[i + 2] - values[j + 2];
  const d3 = values[i + 3] - values[j + 3];
  const d4 = values[i + 4] - values[j + 4];
  const d5 = values[i + 5] - values[j + 5];
  const d6 = values[i + 6] - values[j + 6];
  const d7 = values[i + 7] - values[j + 7];
  return d0 * d0 + d1 * d1 + (d2 * d2 + d3 * d3) + (d4 * d4 + d5 * d5 + (d6 * d6 + d7 * d7));
}

/** The cluster nearest to the one at x and its squared distance: `preferred` if none is nearer, else the first of the nearest. */
function neighbour(clusters: Clusters, x: number, preferred: number): { place: number; squared: number } {
  const { places, lead, tail, rest, shares } = clusters;
  const share = shares[x];
  const x0 = lead[x * LEAD];
  const x1 = lead[x * LEAD + 1];
  const x2 = lead[x * LEAD + 2];
  const x3 = lead[x * LEAD + 3];
  let place = NONE;
  let best = Number.POSITIVE_INFINITY; // half the squared distance
  for (let z = preferred === NONE ? 0 : preferred, next = preferred === NONE ? 1 : 0; z < places; z = next++) {
    const d0 = lead[z * LEAD] - x0;
    const d1 = lead[z * LEAD + 1] - x1;
    const d2 = lead[z * LEAD + 2] - x2;
    const d3 = lead[z * LEAD + 3] - x3;
    const both = share + shares[z];
    const bound = best * both * SLACK;
    let sum = d0 * d0 + d1 * d1 + (d2 * d2 + d3 * d3);
    if (sum > bound || z === x) continue;
    for (let c = 0; c < rest && sum <= bound; c += STEP) sum += octet(tail, x * rest + c, z * rest + c);
    const half = sum / both;
    if (half < best) {
      best = half;
      place = z;
    }
  }
  return { place, squared: 2 * best };
}

/** Merges the cluster at x into the one at y. */
function unite(clusters: Clusters, x: number, y: number): void {
  const { lead, tail, rest, sizes, shares } = clusters;
  const size = sizes[x] + sizes[y];
  const average = (values: Float64Array, width: number) => {
    for (let c = 0; c < width; c++) {
      values[y * width + c] = (sizes[x] * values[x * width + c] + sizes[y] * values[y * width + c]) / size;
    }
  };
  average(lead, LEAD);
  average(tail, rest);
  lead.fill(Number.POSITIVE_INFINITY, x * LEAD, (x + 1) * LEAD);
  sizes[x] = 0;
  sizes[y] = size;
  shares[y] = 1 / size;
  clusters.alive -= 1;
}

/** Moves clusters together, in order, so that no place is empty; places in `chain` are renamed. */
function close(clusters: Clusters, chain: Int32Array): void {
  const { places, lead, tail, rest, sizes, shares, points } = clusters;
  const moved = new Int32Array(places).fill(NONE);
  let to = 0;
  for (let from = 0; from < places; from++) {
    if (sizes[from] === 0) continue;
    lead.copyWithin(to * LEAD, from * LEAD, (from + 1) * LEAD);
    tail.copyWithin(to * rest, from * rest, (from + 1) * rest);
    sizes[to] = sizes[from];
    shares[to] = shares[from];
    points[to] = points[from];
    moved[from] = to++;
  }
  clusters.places = to;
  for (let i = 0; i < chain.length; i++) chain[i] = moved[chain[i]];
}
