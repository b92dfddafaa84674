/**
 * Zero-shot clustering: rows are grouped without labels, by Ward's method into as many clusters as they are known to have classes,
 * the protocol of BarcodeBERT's and BarcodeMAE's "BIN reconstruction" (bioscan-ml/BarcodeBERT, baselines/zsc.py; Lowe et al. 2024,
 * arXiv:2406.02465), after a reduction of the features or on the features as they are. A table holds the reductions: another one
 * is another row.
 *
 * Nothing is fitted on training rows and nothing is chosen: validation rows are clustered with their own number of classes for a
 * validation score, the rows to predict with the number of outputs. Clusters belong to the rows clustered together; the same row
 * among other rows may get another.
 */

import { principalComponents, project } from '../../algebra/pca.ts';
import type { Matrix, Predictions } from '../../core/matrix.ts';
import { probeDeviceName } from '../linear/linear-map.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from '../probe.ts';
import { cutTree } from './linkage.ts';
import { umap } from './umap.ts';
import { ward } from './ward.ts';

export interface ReduceOptions {
  /** Columns wanted; fewer come back where rows or columns do not allow them. */
  readonly components: number;
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
}

/** Reduced rows, and what is worth telling of how they came about: plain JSON, stored with the result. */
export interface Reduced extends Matrix {
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Reducer {
  /** Of the probe. */
  readonly id: string;
  /** What happens before clustering, as it stands in the probe's title: "50 principal components". */
  readonly title: string;
  readonly citation: string;
  /** Draws random numbers. */
  readonly stochastic: boolean;
  /** Columns it reduces to unless told otherwise; absent where it leaves the features as they are. */
  readonly components?: number;
  /** What else changes the numbers; part of the cell's key. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** `[rows, columns]` -> `[rows, at most components]`. */
  reduce(
    features: Matrix,
    options: ReduceOptions,
    progress: (fraction: number, message: string) => void,
  ): Promise<Reduced>;
}

const WARD = 'Ward 1963, J. Am. Stat. Assoc. 58:236';

const asTheyAre: Reducer = {
  id: 'ward',
  title: 'the features as they are',
  citation: WARD,
  stochastic: false,
  reduce: async (features) => features,
};

const pca: Reducer = {
  id: 'ward-pca',
  title: '50 principal components',
  citation: `${WARD}; Jolliffe 2002, Principal Component Analysis`,
  stochastic: false,
  components: 50,
  async reduce(features, { components, threads }, progress) {
    const possible = Math.min(components, features.rows, features.columns);
    progress(0, `${possible} principal components of ${features.rows} rows`);
    return project(features, await principalComponents(features, possible, { threads }), { threads });
  },
};

/** Settings of the BarcodeBERT repository; what it does not set is umap-learn's default. */
const UMAP = { metric: 'cosine', neighbours: 5, minDist: 0.1 } as const;

const umapCosine: Reducer = {
  id: 'ward-umap',
  title: '50 UMAP components, as the papers do',
  citation: `${WARD}; McInnes, Healy & Melville 2018, arXiv:1802.03426`,
  stochastic: true,
  components: 50,
  options: UMAP,
  async reduce(features, { components, seed, device, threads }, progress) {
    // A spectral beginning needs more rows than components and one; a row has fewer neighbours than there are rows.
    const possible = Math.max(1, Math.min(components, features.rows - 2));
    const neighbours = Math.max(2, Math.min(UMAP.neighbours, features.rows - 1));
    const where = { device: probeDeviceName(device), threads };
    const reduced = await umap(features, { ...UMAP, components: possible, neighbours, seed, ...where, progress });
    const lowered = possible < components || neighbours < UMAP.neighbours;
    return {
      ...reduced,
      details: {
        components: possible,
        neighbours,
        ...(lowered ? { lowered: `${features.rows} rows allow no more components or neighbours` } : {}),
        ...reduced.details,
      },
    };
  },
};

export const REDUCERS: readonly Reducer[] = [pca, umapCosine, asTheyAre];

/** Share of the progress of one clustering that reduction takes. */
const REDUCTION = 0.5;

/** Ward clustering after `reducer`, as a probe; see the head of this file. */
export function clusteringProbe(reducer: Reducer): Probe {
  const { id, title, citation, stochastic, components } = reducer;
  return {
    id,
    title: `Ward clustering of ${title}, known number of clusters`,
    citation,
    kinds: ['clustering'],
    stochastic,
    layers: 'last',
    options: {
      linkage: 'ward',
      clusters: 'known',
      ...(components === undefined ? {} : { components }),
      ...reducer.options,
    },
    fit: (_, valid, context) => fitClustering(reducer, valid, context),
  };
}

async function fitClustering(reducer: Reducer, valid: ProbeData, context: ProbeContext): Promise<FittedProbe> {
  const { features, targets } = valid;
  const clusters = new Set(targets.values).size;
  const { found, details } = await cluster(reducer, features, clusters, context, 0);
  let reduction: Reduced['details'];
  return {
    async predict(others) {
      const predicted = await cluster(reducer, others, context.outputs, context, 0.5);
      reduction = predicted.details;
      return predicted.found;
    },
    validationScore: context.validationScore(targets, found),
    /** `reduction` is that of the rows predicted last. */
    get details() {
      return {
        validationRows: features.rows,
        validationClusters: clusters,
        clusters: context.outputs,
        ...(details === undefined ? {} : { validationReduction: details }),
        ...(reduction === undefined ? {} : { reduction }),
      };
    },
  };
}

/** `[rows, 1]` cluster of each row, and what the reducer told. Progress goes from `start` on by one half. */
async function cluster(
  reducer: Reducer,
  features: Matrix,
  clusters: number,
  { seed, device, threads, progress }: ProbeContext,
  start: number,
): Promise<{ found: Predictions; details: Reduced['details'] }> {
  const report = (fraction: number, message: string) => progress(start + fraction / 2, message);
  const components = reducer.components ?? features.columns;
  const points = await reducer.reduce(features, { components, seed, device, threads }, (fraction, message) =>
    report(REDUCTION * fraction, message),
  );
  if (points.rows !== features.rows) {
    throw new Error(`${reducer.id}: ${features.rows} rows were reduced to ${points.rows}, which must be as many.`);
  }
  const tree = ward(points, (fraction) =>
    report(REDUCTION + (1 - REDUCTION) * fraction, `Ward clustering of ${points.rows} rows`),
  );
  const values = Float64Array.from(cutTree(tree, clusters));
  return { found: { rows: points.rows, columns: 1, values }, details: points.details };
}
