/** What a metric is: its name, the kinds of tasks it is defined for, and its score on resampled rows. */
import type { Predictions, Targets, TaskKind } from '../core/matrix.ts';

/**
 * A metric prepared for one (targets, predictions) pair. Called with integer multiplicities (how often each row was drawn,
 * length `rows`) it gives the score of that bootstrap resample exactly as if rows were repeated; without, the plain score.
 * Where the score is undefined (for example AUROC with one class present) it returns NaN and never a made-up number.
 */
export type PreparedMetric = (multiplicities?: Uint16Array) => number;

export interface Metric {
  readonly name: MetricName;
  /** Column heading, e.g. "MCC". */
  readonly label: string;
  readonly kinds: readonly TaskKind[];
  readonly higherIsBetter: boolean;
  /** Score of an uninformed guesser, where a constant exists (AUROC .5, MCC 0, Pearson 0); otherwise undefined. */
  readonly chance?: number;
  prepare(targets: Targets, predictions: Predictions): PreparedMetric;
}

export const METRIC_NAMES = [
  'accuracy',
  'balancedAccuracy',
  'macroF1',
  'microF1',
  'weightedF1',
  'mcc',
  'auroc',
  'averagePrecision',
  'logLoss',
  'calibrationError',
  'pearson',
  'spearman',
  'r2',
  'mse',
  'ami',
  'ari',
  'nmi',
  'vMeasure',
] as const;
export type MetricName = (typeof METRIC_NAMES)[number];
