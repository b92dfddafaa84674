/**
 * k nearest neighbours on the features as they are, by cosine or Euclidean distance, k chosen on validation rows. Every neighbour
 * has one vote: probabilities are shares of votes, regression is the neighbours' mean. Similarities come from the engine in
 * blocks of queries; the training set is searched whole, with no index and no approximation.
 *
 * Two variants are protocols of the barcode papers, on the last layer: the nearest neighbour alone (`nn-cosine`), and soft votes
 * (`knn-cosine-soft`), where a neighbour of cosine similarity s weighs exp(s / T).
 *
 * Ties: equally near training rows count in the order of their rows; equal validation scores go to the smaller k. Classes with
 * equal votes keep equal probabilities. A zero vector has cosine similarity 0 to everything.
 */

import { requireFinite } from '../../algebra/finite.ts';
import type { Matrix } from '../../core/matrix.ts';
import { Graph } from '../../onnx/graph.ts';
import { serialise } from '../../onnx/io/serialise.ts';
import * as op from '../../onnx/operators/functions.ts';
import { runInBatches } from '../../runtime/batches.ts';
import type { Device } from '../../runtime/device.ts';
import { openSession, type TensorValue } from '../../runtime/session.ts';
import { probeDeviceName } from '../linear/linear-map.ts';
import { choosePath } from '../linear/path.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from '../probe.ts';
import { combine, cosines, evenly, softly, type Weigh } from './votes.ts';

export type Distance = 'cosine' | 'euclidean';

export interface KnnOptions {
  readonly k: readonly number[];
  /** T of soft votes by cosine similarity; absent where every neighbour has one vote. */
  readonly temperature?: number;
}

export const KNN_DEFAULTS: KnnOptions = { k: [1, 3, 5, 10, 20, 50] };

/** Similarities held at once: queries x training rows. */
const BLOCK_VALUES = 2 ** 24;

export interface NeighbourSearch {
  /** Rows of the training set nearest to each query, nearest first: `[queries, count]`. */
  nearest(queries: Matrix, count: number): Promise<Int32Array>;
  dispose(): Promise<void>;
}

/** cosine: rows divided by their length. euclidean: rows minus the training mean, which keeps float32 differences precise. */
function prepare(features: Matrix, distance: Distance, centre: Float64Array, start: number, end: number): Float32Array {
  const { columns, values } = features;
  const result = new Float32Array((end - start) * columns);
  for (let r = start; r < end; r++) {
    const to = (r - start) * columns;
    let squares = 0;
    for (let c = 0; c < columns; c++) squares += values[r * columns + c] ** 2;
    const length = Math.sqrt(squares) || 1;
    for (let c = 0; c < columns; c++) {
      const value = values[r * columns + c];
      result[to + c] = distance === 'cosine' ? value / length : value - centre[c];
    }
  }
  return result;
}

/** Indices of the `count` largest of `similarities[start, start + rows)`, largest first, equals by index. */
function largest(similarities: Float32Array, start: number, rows: number, count: number, into: Int32Array, at: number) {
  const best = new Float32Array(count);
  let filled = 0;
  for (let i = 0; i < rows; i++) {
    const value = similarities[start + i];
    if (filled === count && !(value > best[count - 1])) continue;
    let position = filled < count ? filled++ : count - 1;
    while (position > 0 && value > best[position - 1]) {
      best[position] = best[position - 1];
      into[at + position] = into[at + position - 1];
      position -= 1;
    }
    best[position] = value;
    into[at + position] = i;
  }
}

/** Opens an exact search over fixed training rows. */
export async function openNeighbourSearch(
  train: Matrix,
  distance: Distance,
  options: { device: Device; threads: number },
): Promise<NeighbourSearch> {
  requireFinite(train, 'Training features');
  const { rows, columns } = train;
  const centre = new Float64Array(columns);
  for (let i = 0; i < train.values.length; i++) centre[i % columns] += train.values[i] / rows;
  const stored = prepare(train, distance, centre, 0, rows);
  // Largest q.x - |x|^2 / 2 is smallest |q - x|^2; for cosine the rows have length one and the offset is left out.
  const offset = new Float32Array(rows);
  if (distance === 'euclidean') {
    for (let r = 0; r < rows; r++) {
      let squares = 0;
      for (let c = 0; c < columns; c++) squares += stored[r * columns + c] ** 2;
      offset[r] = -squares / 2;
    }
  }
  const graph = new Graph();
  const q = graph.input('q', 'float32', ['queries', columns]);
  const x = graph.input('x', 'float32', [rows, columns]);
  graph.output('similarity', op.gemm(q, x, graph.input('offset', 'float32', [rows]), { transB: true }));
  const session = await openSession(serialise(graph).bytes, { ...options, label: `${distance} neighbours` });
  const fixed: Record<string, TensorValue> = {
    x: { type: 'float32', data: stored, dims: [rows, columns] },
    offset: { type: 'float32', data: offset, dims: [rows] },
  };
  return {
    async nearest(queries, count) {
      requireFinite(queries, 'Features');
      if (queries.columns !== columns) {
        throw new Error(`Features have ${queries.columns} columns, but the probe was fitted on ${columns}.`);
      }
      if (count > rows) throw new Error(`${count} neighbours were asked for, but there are ${rows} training rows.`);
      const result = new Int32Array(queries.rows * count);
      const block = Math.max(1, Math.min(1024, Math.floor(BLOCK_VALUES / rows)));
      await runInBatches(queries.rows, block, async (start, end) => {
        const data = prepare(queries, distance, centre, start, end);
        const { similarity } = await session.run({
          ...fixed,
          q: { type: 'float32', data, dims: [end - start, columns] },
        });
        const values = similarity.data as Float32Array;
        for (let r = start; r < end; r++) largest(values, (r - start) * rows, rows, count, result, r * count);
      });
      return result;
    },
    dispose: () => session.dispose(),
  };
}

function checkTargets({ features, targets }: ProbeData, { kind, outputs }: ProbeContext): void {
  if (features.rows !== targets.rows || features.rows === 0) {
    throw new Error(`Training has ${features.rows} rows of features and ${targets.rows} rows of targets.`);
  }
  const classes = kind === 'binary' || kind === 'multiclass';
  const columns = classes ? 1 : outputs;
  if (targets.columns !== columns) throw new Error(`Targets have ${targets.columns} columns, not ${columns}.`);
  const wrong = targets.values.findIndex((y) =>
    classes ? !(Number.isInteger(y) && y >= 0 && y < outputs) : !Number.isFinite(y),
  );
  if (wrong >= 0) {
    throw new Error(
      `Target in row ${Math.floor(wrong / columns)} is ${targets.values[wrong]}, which is not a ${kind} target.`,
    );
  }
}

type Description = Pick<Probe, 'id' | 'title' | 'citation' | 'layers'>;

const COVER_HART = 'Cover & Hart 1967, IEEE Trans. Inf. Theory 13:21';

function describedProbe(description: Description, distance: Distance, options: KnnOptions): Probe {
  if (options.k.length === 0 || options.k.some((k) => !Number.isInteger(k) || k < 1)) {
    throw new Error(`k nearest neighbours: every k must be a positive whole number, not [${options.k.join(', ')}].`);
  }
  if (options.temperature !== undefined && !(options.temperature > 0)) {
    throw new Error(`k nearest neighbours: the temperature must be positive, not ${options.temperature}.`);
  }
  return {
    ...description,
    kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
    stochastic: false,
    options: { distance, ...options },
    fit: (train, valid, context) => fitKnn(distance, train, valid, context, options),
  };
}

/** k nearest neighbours as a probe; see the head of this file. */
export function knnProbe(distance: Distance, changes: Pick<Partial<KnnOptions>, 'k'> = {}): Probe {
  const description = {
    id: `knn-${distance}`,
    title: `k nearest neighbours, ${distance} (k chosen on validation)`,
    citation: COVER_HART,
  };
  return describedProbe(description, distance, { ...KNN_DEFAULTS, ...changes });
}

/** The one nearest neighbour by cosine, as genera of unseen species are predicted by BarcodeBERT and BarcodeMAE. */
export function nearestNeighbourProbe(): Probe {
  const description = {
    id: 'nn-cosine',
    title: 'Nearest neighbour, cosine (k = 1)',
    citation: `${COVER_HART}; Millan Arias et al. 2023, arXiv:2311.02401 (knn_probing.py)`,
    layers: 'last',
  } as const;
  return describedProbe(description, 'cosine', { k: [1] });
}

/** Soft votes of up to 50 neighbours; the default temperature is that of BarcodeMAE+. One `k` in `changes` fixes it. */
export function softKnnProbe(changes: Partial<KnnOptions> = {}): Probe {
  const options = { ...KNN_DEFAULTS, temperature: 0.02, ...changes };
  const description = {
    id: 'knn-cosine-soft',
    title: `k nearest neighbours, cosine, votes exp(similarity / ${options.temperature}) (k chosen on validation)`,
    citation: `${COVER_HART}; bioscan-ml/BarcodeMAE-plus`,
    layers: 'last',
  } as const;
  return describedProbe(description, 'cosine', options);
}

async function fitKnn(
  distance: Distance,
  train: ProbeData,
  valid: ProbeData,
  context: ProbeContext,
  { k: offered, temperature }: KnnOptions,
): Promise<FittedProbe> {
  checkTargets(train, context);
  const usable = offered.filter((k) => k <= train.features.rows).sort((a, b) => a - b);
  if (usable.length === 0) {
    throw new Error(`Every k of ${offered.join(', ')} is larger than the ${train.features.rows} training rows.`);
  }
  const where = { device: probeDeviceName(context.device), threads: context.threads };
  const search = await openNeighbourSearch(train.features, distance, where);
  const weigher = (queries: Matrix, nearest: Int32Array, found: number): Weigh =>
    temperature === undefined ? evenly : softly(cosines(train.features, queries, nearest, found), found, temperature);
  try {
    const most = usable[usable.length - 1];
    const nearest = await search.nearest(valid.features, most);
    const weigh = weigher(valid.features, nearest, most);
    const chosen = await choosePath({
      settings: usable,
      patience: usable.length,
      context,
      describe: (k) => `k=${k}`,
      evaluate: async (k) => {
        const predicted = combine(nearest, most, k, weigh, train.targets, context);
        return { score: context.validationScore(valid.targets, predicted), fitted: k, record: { k } };
      },
    });
    const k = chosen.fitted;
    return {
      predict: async (features) => {
        const found = await search.nearest(features, k);
        return combine(found, k, k, weigher(features, found, k), train.targets, context);
      },
      validationScore: chosen.score,
      details: { k, distance, ...(temperature === undefined ? {} : { temperature }), path: chosen.path },
      dispose: () => search.dispose(),
    };
  } catch (error) {
    await search.dispose();
    throw error;
  }
}
