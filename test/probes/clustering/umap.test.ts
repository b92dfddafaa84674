import { describe, expect, it } from 'vitest';
import type { Matrix } from '../../../src/core/matrix.ts';
import { createRandom } from '../../../src/core/random.ts';
import { placesOf } from '../../../src/probes/clustering/component-layout.ts';
import { type UmapOptions, umap } from '../../../src/probes/clustering/umap.ts';
import {
  exactNeighbours,
  fuzzyUnion,
  membershipStrengths,
  type Neighbours,
  type SparseGraph,
  smoothKnnDistances,
} from '../../../src/probes/clustering/umap-graph.ts';
import { connectedComponents, initialLayout } from '../../../src/probes/clustering/umap-initial.ts';
import {
  defaultEpochs,
  epochsPerSample,
  fitCurve,
  optimiseLayout,
} from '../../../src/probes/clustering/umap-layout.ts';
import type { Distance } from '../../../src/probes/neighbours/knn.ts';
import golden from '../goldens/umap-parts.json' with { type: 'json' };
import { matrix } from '../support.ts';

const cpu = { device: 'cpu', threads: 1 } as const;

/** Largest difference of two lists, relative to the larger of 1 and the expected value. */
function difference(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(actual[i] - value) / Math.max(1, Math.abs(value))),
    0,
  );
}

describe.each(golden.graphs)('the neighbour graph as umap-learn has it: $name', (wanted) => {
  const { rows, neighbours: count } = wanted;
  const given: Neighbours = {
    rows,
    count,
    indices: Int32Array.from(wanted.indices),
    distances: Float32Array.from(wanted.distances),
  };
  const sigmas = Float32Array.from(wanted.sigmas);
  const rhos = Float32Array.from(wanted.rhos);

  it('finds the same neighbours, each row first its own', async () => {
    const features = matrix(rows, wanted.columns, wanted.features);
    const found = await exactNeighbours(features, count, wanted.metric as Distance, cpu);
    expect([...found.indices]).toEqual(wanted.indices);
    expect(difference(found.distances, wanted.distances)).toBeLessThan(1e-6);
  });

  it('gives every row the same scale and the same distance to its nearest', () => {
    const smooth = smoothKnnDistances(given);
    expect(difference(smooth.rhos, wanted.rhos)).toBeLessThan(1e-6);
    expect(difference(smooth.sigmas, wanted.sigmas)).toBeLessThan(1e-5);
  });

  it('holds neighbours as strongly', () => {
    expect(difference(membershipStrengths(given, sigmas, rhos), wanted.strengths)).toBeLessThan(1e-5);
  });

  it('unites both directions into the same edges and weights', () => {
    const graph = fuzzyUnion(given, membershipStrengths(given, sigmas, rhos));
    expect([...graph.offsets]).toEqual(wanted.offsets);
    expect([...graph.columns]).toEqual(wanted.graphColumns);
    expect(difference(graph.weights, wanted.weights)).toBeLessThan(1e-5);
  });
});

it.each(golden.curves)('fits a and b as umap-learn does: minDist $minDist, spread $spread', (wanted) => {
  const { a, b } = fitCurve(wanted.minDist, wanted.spread);
  expect(a / wanted.a).toBeCloseTo(1, 5);
  expect(b / wanted.b).toBeCloseTo(1, 5);
});

describe('the layout', () => {
  const { vertices, dim, epochs, a, b, start, draws, ...wanted } = golden.layout;
  const graph: SparseGraph = {
    vertices,
    offsets: Int32Array.from(wanted.offsets),
    columns: Int32Array.from(wanted.columns),
    weights: Float32Array.from(wanted.weights),
  };

  it('visits edges as often as umap-learn does', () => {
    expect(difference(epochsPerSample(graph.weights), wanted.periods)).toBeLessThan(1e-6);
    expect([10_000, 10_001].map(defaultEpochs)).toEqual([500, 200]);
  });

  it('moves points as umap-learn does when the same random vertices are drawn', () => {
    const points = Float32Array.from(start);
    const used = new Int32Array(vertices);
    const drawVertex = (head: number) => draws[head][used[head]++];
    optimiseLayout(graph, points, dim, { curve: { a, b }, epochs, negativeSamples: 4, drawVertex });
    expect(difference(points, start)).toBeGreaterThan(0.1);
    expect(difference(points, wanted.end)).toBeLessThan(1e-4);
  });

  it('without random vertices pulls neighbours together', () => {
    const pair = {
      vertices: 2,
      offsets: Int32Array.of(0, 1, 2),
      columns: Int32Array.of(1, 0),
      weights: Float32Array.of(1, 1),
    };
    const points = Float32Array.of(0, 6);
    optimiseLayout(pair, points, 1, { curve: { a, b }, epochs: 50, negativeSamples: 0, drawVertex: () => 0 });
    expect(Math.abs(points[0] - points[1])).toBeLessThan(0.5);
    expect(points[0] + points[1]).toBeCloseTo(6, 4);
  });
});

describe('the initial layout', () => {
  const random = () => createRandom('initial');
  const ring = (size: number, pieces = 1): SparseGraph => ({
    vertices: size * pieces,
    offsets: Int32Array.from({ length: size * pieces + 1 }, (_, v) => 2 * v),
    columns: Int32Array.from({ length: 2 * size * pieces }, (_, e) => {
      const vertex = e >> 1;
      const first = vertex - (vertex % size);
      return first + (((vertex % size) + (e % 2 === 0 ? 1 : size - 1)) % size);
    }),
    weights: new Float32Array(2 * size * pieces).fill(1),
  });
  const noise = (rows: number): Matrix => {
    const source = random();
    return matrix(
      rows,
      4,
      Array.from({ length: 4 * rows }, () => source.normal()),
    );
  };

  it.each(['cosine', 'euclidean'] as const)(
    'places many connected components as umap-learn does: %s',
    async (metric) => {
      const { rows, columns, features, labels, count, dim, ...wanted } = golden.places;
      const options = { dim, metric, random: random(), threads: 1 };
      const places = await placesOf(matrix(rows, columns, features), Int32Array.from(labels), count, options);
      expect(difference(places, wanted[metric])).toBeLessThan(1e-5);
    },
  );

  it('places few connected components at plus and minus the unit vectors', async () => {
    const options = { dim: 2, metric: 'cosine', random: random(), threads: 1 } as const;
    expect([...(await placesOf(noise(3), Int32Array.of(0, 1, 2), 3, options))]).toEqual([1, 0, 0, 1, -1, 0]);
  });

  it('numbers the connected components of a graph', () => {
    const { labels, count } = connectedComponents(ring(4, 3));
    expect(count).toBe(3);
    expect([...labels]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it('lays a ring out as a circle that fills [0, 10]', async () => {
    const { points, connectedComponents, randomReason } = await initialLayout(ring(60), noise(60), {
      dim: 2,
      metric: 'euclidean',
      random: random(),
      threads: 1,
    });
    expect([connectedComponents, randomReason]).toEqual([1, undefined]);
    for (let v = 0; v < 60; v++) {
      expect(Math.hypot(points[2 * v] - 5, points[2 * v + 1] - 5)).toBeCloseTo(5, 1);
    }
  });

  it('keeps connected components apart', async () => {
    const { points, connectedComponents } = await initialLayout(ring(30, 2), noise(60), {
      dim: 2,
      metric: 'euclidean',
      random: random(),
      threads: 1,
    });
    expect(connectedComponents).toBe(2);
    for (let v = 0; v < 60; v++) expect(points[2 * v] * (v < 30 ? 1 : -1)).toBeGreaterThan(v < 30 ? 4.9 : -5.1);
  });
});

/** Trustworthiness (Venna & Kaski 2001) of an embedding under cosine, as scikit-learn defines it. */
function trustworthiness(features: Matrix, embedding: Matrix, k: number): number {
  const n = features.rows;
  const row = (m: Matrix, r: number) => m.values.subarray(r * m.columns, (r + 1) * m.columns);
  const cosine = (x: ArrayLike<number>, y: ArrayLike<number>) => {
    let [xy, xx, yy] = [0, 0, 0];
    for (let i = 0; i < x.length; i++) [xy, xx, yy] = [xy + x[i] * y[i], xx + x[i] ** 2, yy + y[i] ** 2];
    return 1 - xy / Math.sqrt(xx * yy);
  };
  const euclidean = (x: ArrayLike<number>, y: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (x[i] - y[i]) ** 2;
    return sum;
  };
  const ranked = (m: Matrix, r: number, distance: typeof cosine) =>
    Array.from({ length: n }, (_, i) => ({ i, d: distance(row(m, r), row(m, i)) }))
      .filter(({ i }) => i !== r)
      .sort((a, b) => a.d - b.d)
      .map(({ i }) => i);
  let penalty = 0;
  for (let r = 0; r < n; r++) {
    const rank = ranked(features, r, cosine);
    for (const near of ranked(embedding, r, euclidean).slice(0, k)) penalty += Math.max(0, rank.indexOf(near) + 1 - k);
  }
  return 1 - (2 * penalty) / (n * k * (2 * n - 3 * k - 1));
}

describe('umap', () => {
  const { rows, columns, components, neighbours, features, ...wanted } = golden.whole;
  const blobs = matrix(rows, columns, features);
  const options: UmapOptions = { components, neighbours, metric: 'cosine', seed: 1, ...cpu };

  it('keeps neighbourhoods as well as umap-learn does', async () => {
    const embedding = await umap(blobs, options);
    expect([embedding.rows, embedding.columns, embedding.details.epochs]).toEqual([300, 5, 500]);
    expect(trustworthiness(blobs, embedding, 10)).toBeGreaterThan(Math.min(...wanted.trustworthiness) - 0.005);
  });

  it('gives one embedding per seed, and tells how far it is', async () => {
    const told: number[] = [];
    const short = { ...options, epochs: 20 };
    const first = await umap(blobs, { ...short, progress: (fraction) => told.push(fraction) });
    expect((await umap(blobs, short)).values).toEqual(first.values);
    expect((await umap(blobs, { ...short, seed: '2' })).values).not.toEqual(first.values);
    expect(told.length).toBeGreaterThan(5);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });

  it.each([
    ['rows that are all alike', matrix(30, 3, new Array(90).fill(2)), {}],
    [
      'rows of zeros under cosine',
      matrix(
        30,
        3,
        Array.from({ length: 90 }, (_, i) => (i < 30 ? 0 : Math.sin(i))),
      ),
      {},
    ],
    [
      'more components than rows',
      matrix(
        12,
        3,
        Array.from({ length: 36 }, (_, i) => Math.sin(i * i)),
      ),
      { components: 50 },
    ],
  ])('stays finite on %s', async (_, awkward, changes) => {
    const { values, details } = await umap(awkward, { ...options, epochs: 30, ...changes });
    expect(values.every(Number.isFinite)).toBe(true);
    expect(details.connectedComponents).toBeGreaterThan(0);
  });

  it('says why rows began at random', async () => {
    const few = matrix(
      12,
      3,
      Array.from({ length: 36 }, (_, i) => 1 + 0.01 * Math.sin(i * i)),
    );
    const { details } = await umap(few, { ...options, metric: 'euclidean', neighbours: 11, components: 50, epochs: 5 });
    expect(details.randomReason).toBe('12 rows have no 50 eigenvectors beside the trivial one');
  });

  it.each([
    [
      'fewer rows than neighbours',
      matrix(5, 1, [1, 2, 3, 4, 5]),
      {},
      'needs more than 5 rows, but there are 5. Set neighbours to 4',
    ],
    [
      'a value that is not a number',
      matrix(6, 2, [1, 2, 3, 4, 5, NaN, 7, 8, 9, 1, 2, 3]),
      {},
      'row 2, column 1 is NaN',
    ],
    ['no components', blobs, { components: 0 }, 'components must be a whole number of at least 1, not 0'],
    ['one neighbour', blobs, { neighbours: 1 }, 'neighbours must be a whole number of at least 2, not 1'],
    ['no epochs', blobs, { epochs: 0 }, 'epochs must be a whole number of at least 1'],
    ['minDist above spread', blobs, { minDist: 2 }, 'minDist 2, spread 1'],
  ])('refuses %s', async (_, refused, changes, message) => {
    await expect(umap(refused, { ...options, ...changes })).rejects.toThrow(message);
  });
});
