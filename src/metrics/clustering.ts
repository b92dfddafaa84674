/**
 * Scores of a partition of the rows against their true classes, blind to what the clusters are called: adjusted mutual
 * information (AMI; Vinh, Epps & Bailey 2010, J. Mach. Learn. Res. 11:2837) and normalised mutual information (NMI), both
 * divided by the arithmetic mean of the two entropies; the adjusted Rand index (ARI; Hubert & Arabie 1985, J. Classif. 2:193);
 * V-measure with homogeneity and completeness (Rosenberg & Hirschberg 2007). Definitions and limit cases are scikit-learn's.
 *
 * Resampling: the ordinary bootstrap is wrong here. A row drawn twice always shares class and cluster with its copy, so
 * resamples agree better than the rows they come from. Simulated with 2,000 rows in 400 classes, half of them put into a random
 * cluster: AMI .328, on bootstrap resamples .524 in the mean, 15 standard deviations higher; no interval in 300 held the truth.
 * Intervals therefore come from half-samples (`random-halves.ts`), which held the expected score of nominally 95% in 93 to 96% (AMI)
 * and 95 to 97% (ARI), but only 83 to 94% (NMI, V-measure: the fewer rows per class, the worse) of 300 simulations each with
 * 200 or 1,000 rows of 10 to 200 classes. They are about these clusters: what another clustering of other rows would give is not seen.
 */

import type { Predictions, Targets } from '../core/matrix.ts';
import { type ClusterAnswers, clusterAnswers } from './checks.ts';
import { expectedMutualInformation, type Sizes } from './expected-information.ts';
import type { Metric, MetricName, PreparedMetric } from './metric.ts';
import { multiplicitiesOf } from './multiplicities.ts';

/** What all scores here are made from. Classes, clusters and pairs that were not drawn count 0 and change nothing. */
interface Contingency {
  /** Rows, each as often as drawn. */
  total: number;
  /** `[classes]` rows of each class; `[clusters]`; `[pairs]` rows of each class and cluster that occur together. */
  readonly classes: Float64Array;
  readonly clusters: Float64Array;
  readonly pairs: Float64Array;
}

/** Prepares a score that is a function of the contingency table; undefined (NaN) when no row was drawn. */
function fromContingency(
  metric: string,
  answers: ClusterAnswers,
  score: (table: Contingency) => number,
): PreparedMetric {
  const multiplicities = multiplicitiesOf(metric, answers.rows);
  const table: Contingency = {
    total: 0,
    classes: new Float64Array(answers.classes),
    clusters: new Float64Array(answers.clusters),
    pairs: new Float64Array(answers.pairs),
  };
  return (given) => {
    const weights = multiplicities(given);
    table.total = 0;
    for (const counts of [table.classes, table.clusters, table.pairs]) counts.fill(0);
    for (let row = 0; row < answers.rows; row++) {
      const weight = weights[row];
      if (weight === 0) continue;
      table.total += weight;
      table.classes[answers.actual[row]] += weight;
      table.clusters[answers.predicted[row]] += weight;
      table.pairs[answers.pair[row]] += weight;
    }
    return table.total === 0 ? Number.NaN : score(table);
  };
}

/** n log n of the counts up to here, which are nearly all counts that occur. */
const COUNT_ENTROPIES = Float64Array.from({ length: 1024 }, (_, n) => (n === 0 ? 0 : n * Math.log(n)));

/** Sum of n log n. */
function sumEntropies(counts: Float64Array): number {
  let sum = 0;
  for (const n of counts) sum += n < COUNT_ENTROPIES.length ? COUNT_ENTROPIES[n] : n * Math.log(n);
  return sum;
}

/** Entropies in nats of classes, clusters and both, and their mutual information, never below 0. */
function information({ total, classes, clusters, pairs }: Contingency) {
  const entropy = (counts: Float64Array) => Math.max(0, Math.log(total) - sumEntropies(counts) / total);
  const [ofClasses, ofClusters] = [entropy(classes), entropy(clusters)];
  return { ofClasses, ofClusters, shared: Math.max(0, ofClasses + ofClusters - entropy(pairs)) };
}

/** How many classes or clusters there are of each size, those of size 0 left out. */
function sizesOf(counts: Float64Array): Sizes {
  const sizes = new Map<number, number>();
  for (const count of counts) if (count > 0) sizes.set(count, (sizes.get(count) ?? 0) + 1);
  return sizes;
}

function present(counts: Float64Array): number {
  let sum = 0;
  for (const count of counts) sum += Number(count > 0);
  return sum;
}

/** Every class is one cluster and every cluster one class. */
function perfect({ classes, clusters, pairs }: Contingency): boolean {
  const together = present(pairs);
  return together === present(classes) && together === present(clusters);
}

/** One class beside several clusters, or the reverse: nothing is shared, and by convention the score is 0. */
function trivial({ classes, clusters }: Contingency): boolean {
  return present(classes) === 1 || present(clusters) === 1;
}

function mutualInformationScore(table: Contingency): number {
  if (perfect(table)) return 1;
  if (trivial(table)) return 0;
  const { ofClasses, ofClusters, shared } = information(table);
  return shared / ((ofClasses + ofClusters) / 2);
}

function clusteringMetric(
  name: MetricName,
  label: string,
  chance: number | undefined,
  score: (table: Contingency) => number,
): Metric {
  return {
    name,
    label,
    kinds: ['clustering'],
    higherIsBetter: true,
    ...(chance === undefined ? {} : { chance }),
    prepare: (targets, predictions) => fromContingency(name, clusterAnswers(name, targets, predictions), score),
  };
}

/**
 * (MI - E[MI]) / (mean entropy - E[MI]), the expectation over random partitions with these class and cluster sizes: 1 for the
 * classes themselves, about 0 for chance, below 0 for worse.
 */
export const ami = clusteringMetric('ami', 'AMI', 0, (table) => {
  if (perfect(table)) return 1;
  if (trivial(table)) return 0;
  const { ofClasses, ofClusters, shared } = information(table);
  const expected = expectedMutualInformation(sizesOf(table.classes), sizesOf(table.clusters), table.total);
  return (shared - expected) / Math.max((ofClasses + ofClusters) / 2 - expected, Number.EPSILON);
});

/** Rand index over pairs of rows, less its expectation over random partitions with these sizes, over the most it could be. */
export const ari = clusteringMetric('ari', 'ARI', 0, (table) => {
  if (perfect(table)) return 1;
  const pairsWithin = (counts: Float64Array) => counts.reduce((sum, n) => sum + (n * (n - 1)) / 2, 0);
  const [ofClasses, ofClusters] = [pairsWithin(table.classes), pairsWithin(table.clusters)];
  const expected = (ofClasses / (table.total * (table.total - 1))) * 2 * ofClusters;
  return (pairsWithin(table.pairs) - expected) / ((ofClasses + ofClusters) / 2 - expected);
});

/** MI / mean entropy. Not adjusted for chance: it rises with the number of clusters. */
export const nmi = clusteringMetric('nmi', 'NMI', undefined, mutualInformationScore);

/** Harmonic mean of homogeneity and completeness (beta 1), which equals {@link nmi}; reported under both of its names. */
export const vMeasure = clusteringMetric('vMeasure', 'V-measure', undefined, mutualInformationScore);

/** 1 - H(class | cluster) / H(class): 1 when no cluster holds two classes, or there is one class only. */
export function homogeneity(targets: Targets, predictions: Predictions, multiplicities?: Uint16Array): number {
  const score = fromContingency('homogeneity', clusterAnswers('homogeneity', targets, predictions), (table) => {
    const { ofClasses, shared } = information(table);
    return present(table.classes) === 1 ? 1 : Math.min(1, shared / ofClasses);
  });
  return score(multiplicities);
}

/** 1 - H(cluster | class) / H(cluster): 1 when no class lies in two clusters, or there is one cluster only. */
export function completeness(targets: Targets, predictions: Predictions, multiplicities?: Uint16Array): number {
  const score = fromContingency('completeness', clusterAnswers('completeness', targets, predictions), (table) => {
    const { ofClusters, shared } = information(table);
    return present(table.clusters) === 1 ? 1 : Math.min(1, shared / ofClusters);
  });
  return score(multiplicities);
}
