/** Every metric by name. Degenerate cases, multi-class and multi-label definitions are stated at each metric. */

import type { TaskKind } from '../core/matrix.ts';
import { ami, ari, nmi, vMeasure } from './clustering.ts';
import { accuracy, balancedAccuracy, macroF1, mcc, microF1, weightedF1 } from './confusion.ts';
import { mse, pearson, r2, spearman } from './correlation.ts';
import { METRIC_NAMES, type Metric, type MetricName } from './metric.ts';
import { calibrationError, logLoss } from './probability.ts';
import { auroc, averagePrecision } from './ranking.ts';

export const METRICS: Readonly<Record<MetricName, Metric>> = {
  accuracy,
  balancedAccuracy,
  macroF1,
  microF1,
  weightedF1,
  mcc,
  auroc,
  averagePrecision,
  logLoss,
  calibrationError,
  pearson,
  spearman,
  r2,
  mse,
  ami,
  ari,
  nmi,
  vMeasure,
};

/** Metrics defined for a kind of task, in the order of `METRIC_NAMES`. */
export function metricsFor(kind: TaskKind): Metric[] {
  return METRIC_NAMES.map((name) => METRICS[name]).filter(({ kinds }) => kinds.includes(kind));
}

/**
 * The metric of that name.
 * @throws for an unknown name, suggesting the nearest one and listing all.
 */
export function metric(name: string): Metric {
  if (Object.hasOwn(METRICS, name)) return METRICS[name as MetricName];
  const known = METRIC_NAMES.join(', ');
  const suggestion = nearest(name);
  throw new Error(`Unknown metric "${name}".${suggestion ? ` Did you mean "${suggestion}"?` : ''} Metrics: ${known}`);
}

/** What other tools call the same thing. */
const SYNONYMS: Readonly<Record<string, MetricName>> = {
  acc: 'accuracy',
  f1: 'macroF1',
  matthewscorrcoef: 'mcc',
  matthews: 'mcc',
  auc: 'auroc',
  rocauc: 'auroc',
  auprc: 'averagePrecision',
  aupr: 'averagePrecision',
  prauc: 'averagePrecision',
  ap: 'averagePrecision',
  crossentropy: 'logLoss',
  nll: 'logLoss',
  ece: 'calibrationError',
  pearsonr: 'pearson',
  spearmanr: 'spearman',
  adjustedmutualinformation: 'ami',
  adjustedmutualinfo: 'ami',
  adjustedrandindex: 'ari',
  adjustedrand: 'ari',
  normalizedmutualinformation: 'nmi',
  normalisedmutualinformation: 'nmi',
};

function nearest(name: string): MetricName | undefined {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (Object.hasOwn(SYNONYMS, plain)) return SYNONYMS[plain];
  const ranked = METRIC_NAMES.map((known) => ({ known, edits: editDistance(plain, known.toLowerCase()) }));
  ranked.sort((a, b) => a.edits - b.edits);
  return ranked[0].edits <= Math.max(1, Math.floor(plain.length / 3)) ? ranked[0].known : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + Number(a[i - 1] !== b[j - 1]);
      current.push(Math.min(substitution, previous[j] + 1, current[j - 1] + 1));
    }
    previous = current;
  }
  return previous[b.length];
}
