/**
 * The numbers that every score is made from: targets and predictions as dense row-major matrices, and what a metric is.
 * Pure data; nothing here reads files or knows of models.
 */

/** A dense row-major matrix: element (r, c) is `values[r * columns + c]`. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array | Float64Array;
}

/** What a task asks for. Decides the layout of targets and predictions (see {@link Targets} and {@link Predictions}). */
export const TASK_KINDS = ['binary', 'multiclass', 'multilabel', 'regression', 'clustering'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/**
 * True answers, `[rows, columns]`.
 * binary / multiclass: one column holding the class index (0..classes-1; binary: 1 = the positive class).
 * multilabel: one 0/1 column per label. regression: one column per target. clustering: one column holding the class index.
 */
export interface Targets extends Matrix {
  readonly values: Float64Array;
}

/**
 * Predicted answers, `[rows, columns]`.
 * binary: two columns, P(negative), P(positive). multiclass: one probability column per class, rows summing to 1.
 * multilabel: one probability column per label. regression: one column per target.
 * clustering: one column holding the cluster index, a whole number of at least 0 whose value says nothing.
 */
export type Predictions = Matrix;

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
