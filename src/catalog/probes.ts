/** Every probe by id, and the default probe of each kind of task. */
import type { TaskKind } from '../core/matrix.ts';
import { clusteringProbe, REDUCERS } from '../probes/clustering/clustering.ts';
import { fineTuneProbe } from '../probes/fine-tune.ts';
import { logisticProbe } from '../probes/linear/logistic.ts';
import { referenceLogisticProbe } from '../probes/linear/reference-logistic.ts';
import { ridgeProbe } from '../probes/linear/ridge.ts';
import { sgdLinearProbe } from '../probes/linear/sgd-linear.ts';
import { mlpProbe } from '../probes/mlp.ts';
import { knnProbe, nearestNeighbourProbe, softKnnProbe } from '../probes/neighbours/knn.ts';
import type { AnyProbe } from '../probes/probe.ts';

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

/** Linear probes are the default; clustering tasks use Ward on principal components. */
export function defaultProbe(kind: TaskKind): AnyProbe {
  return PROBES[DEFAULTS[kind]];
}
