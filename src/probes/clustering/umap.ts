/**
 * Uniform manifold approximation and projection (McInnes, Healy & Melville 2018, arXiv 1802.03426), following umap-learn 0.5 with
 * its defaults: exact nearest neighbours and their fuzzy union (umap-graph.ts), light edges dropped, a spectral beginning
 * (umap-initial.ts) and stochastic gradient descent (umap-layout.ts). One seed gives one embedding. Embeds only the rows given:
 * no transform of new rows, no labels, no densMAP.
 */
import type { Matrix } from '../../core/matrix.ts';
import { createRandom } from '../../core/random.ts';
import type { Device } from '../../runtime/device.ts';
import type { Distance } from '../neighbours/knn.ts';
import { exactNeighbours, fuzzyGraph, withoutLightEdges } from './umap-graph.ts';
import { initialLayout } from './umap-initial.ts';
import { defaultEpochs, fitCurve, optimiseLayout } from './umap-layout.ts';

export interface UmapOptions {
  /** Columns of the embedding. */
  readonly components: number;
  /** Nearest neighbours of a row, itself among them: at least 2 and fewer than there are rows. */
  readonly neighbours: number;
  readonly metric: Distance;
  /** Distance at which neighbours are laid out: 0.1 unless told, at most `spread`. */
  readonly minDist?: number;
  /** Scale of the layout: 1 unless told. */
  readonly spread?: number;
  /** 500 up to 10,000 rows, 200 beyond, unless told. */
  readonly epochs?: number;
  /** Random rows pushed away from per pull of an edge: 5 unless told. */
  readonly negativeSamples?: number;
  readonly seed: number | string;
  readonly device: Device;
  readonly threads: number;
  readonly progress?: (fraction: number, message: string) => void;
}

/** An embedding `[rows, components]`, and how it came about. */
export interface UmapEmbedding extends Matrix {
  readonly values: Float32Array;
  readonly details: {
    readonly epochs: number;
    readonly edges: number;
    readonly connectedComponents: number;
    /** Why some rows began at random rather than at eigenvectors of the graph; absent when none did. */
    readonly randomReason?: string;
  };
}

const PROGRESS_STEPS = 20;

function requireWhole(value: number, least: number, name: string): void {
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`UMAP: ${name} must be a whole number of at least ${least}, not ${value}.`);
  }
}

/**
 * Embeds the rows of `features` `[rows, columns]`. Throws when there are not more rows than neighbours, when a value is not finite
 * (naming its row), and on options out of range.
 */
export async function umap(features: Matrix, options: UmapOptions): Promise<UmapEmbedding> {
  const {
    components,
    neighbours,
    metric,
    seed,
    device,
    threads,
    minDist = 0.1,
    spread = 1,
    negativeSamples = 5,
  } = options;
  const epochs = options.epochs ?? defaultEpochs(features.rows);
  requireWhole(components, 1, 'components');
  requireWhole(neighbours, 2, 'neighbours');
  requireWhole(epochs, 1, 'epochs');
  requireWhole(negativeSamples, 0, 'negativeSamples');
  const curve = fitCurve(minDist, spread);
  const progress = options.progress ?? (() => undefined);

  progress(0, `${neighbours} nearest neighbours of ${features.rows} rows`);
  const whole = fuzzyGraph(await exactNeighbours(features, neighbours, metric, { device, threads }));
  // An edge lighter than this would not be visited once.
  const graph = withoutLightEdges(whole, whole.weights.reduce((most, weight) => Math.max(most, weight), 0) / epochs);
  const random = createRandom(`umap ${seed}`);
  progress(0.1, `initial layout of ${graph.columns.length / 2} edges`);
  const initial = await initialLayout(graph, features, { dim: components, metric, random, threads });
  const every = Math.max(1, Math.floor(epochs / PROGRESS_STEPS));
  optimiseLayout(graph, initial.points, components, {
    curve,
    epochs,
    negativeSamples,
    drawVertex: () => random.integer(graph.vertices),
    onEpoch: (epoch) => {
      if (epoch % every === 0) progress(0.2 + (0.8 * epoch) / epochs, `epoch ${epoch} of ${epochs}`);
    },
  });
  const { points: values, connectedComponents, randomReason } = initial;
  return {
    rows: features.rows,
    columns: components,
    values,
    details: {
      epochs,
      edges: graph.columns.length / 2,
      connectedComponents,
      ...(randomReason === undefined ? {} : { randomReason }),
    },
  };
}
