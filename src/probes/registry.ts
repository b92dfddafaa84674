/** Every probe by id, and the probe that a kind of task gets when none is named. */
import type { TaskKind } from '../metrics/types.ts';
import { clusteringProbe, REDUCERS } from './clustering.ts';
import { fineTuneProbe } from './fine-tune.ts';
import { knnProbe, nearestNeighbourProbe, softKnnProbe } from './knn.ts';
import { logisticProbe } from './logistic.ts';
import { mlpProbe } from './mlp.ts';
import { referenceLogisticProbe } from './reference-logistic.ts';
import { ridgeProbe } from './ridge.ts';
import { sgdLinearProbe } from './sgd-linear.ts';
import type { AnyProbe } from './types.ts';

export const PROBES: Readonly<Record<string, AnyProbe>> = Object.fromEntries(
  [
    logisticProbe(),
    ridgeProbe(),
    knnProbe('cosine'),
    knnProbe('euclidean'),
    nearestNeighbourProbe(),
    softKnnProbe(),
    mlpProbe(),
    referenceLogisticProbe(),
    sgdLinearProbe(),
    fineTuneProbe(),
    ...REDUCERS.map(clusteringProbe),
  ].map((probe: AnyProbe) => [probe.id, probe]),
);

const DEFAULTS: Readonly<Record<TaskKind, string>> = {
  binary: 'logistic',
  multiclass: 'logistic',
  multilabel: 'logistic',
  regression: 'ridge',
  clustering: 'ward-pca',
};

/** Linear probes are the default; a clustering task gets Ward on principal components. */
export function defaultProbe(kind: TaskKind): AnyProbe {
  return PROBES[DEFAULTS[kind]];
}
