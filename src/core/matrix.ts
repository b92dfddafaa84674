/**
 * The data types that the whole program shares: dense row-major matrices, the kinds of tasks, and the layout of
 * targets and predictions for each kind.
 */

/** A dense row-major matrix: element (r, c) is `values[r * columns + c]`. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array | Float64Array;
}

/**
 * The kind of a task. It decides the layout of targets and predictions (see {@link Targets} and
 * {@link Predictions}).
 */
export const TASK_KINDS = ['binary', 'multiclass', 'multilabel', 'regression', 'clustering'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/**
 * True answers, `[rows, columns]`.
 * - binary, multiclass: one column with the class index (0..classes-1; binary: 1 is the positive
 *   class)
 * - multilabel: one 0/1 column per label
 * - regression: one column per target
 * - clustering: one column with the class index
 */
export interface Targets extends Matrix {
  readonly values: Float64Array;
}

/**
 * Predicted answers, `[rows, columns]`.
 * - binary: two columns, P(negative) and P(positive)
 * - multiclass: one probability column per class; rows sum to 1
 * - multilabel: one probability column per label
 * - regression: one column per target
 * - clustering: one column with the cluster index, a whole number of at least 0 without further
 *   meaning
 */
export type Predictions = Matrix;
