/**
 * What targets and predictions must look like before anything is scored: equal rows, finite numbers, probabilities that
 * are probabilities, classes that exist. Errors name row and column, counted from 0. Nothing is repaired here.
 *
 * The layout tells the kind of task (see `types.ts`): one target column beside two or more prediction columns holds class
 * indices; as many target columns as prediction columns holds one 0/1 column per label. Clusters are told apart from labels by
 * the metric that asks.
 */
import type { Matrix, Predictions, Targets } from '../core/matrix.ts';

/** How far a row of class probabilities may sum from 1 (they come from float32 softmaxes over up to thousands of classes). */
export const PROBABILITY_SUM_TOLERANCE = 1e-3;

/** One answer among `classes` per row. */
export interface ClassAnswers {
  readonly layout: 'classes';
  readonly rows: number;
  readonly classes: number;
  /** `[rows]` true class. */
  readonly actual: Int32Array;
  /** `[rows]` most probable class; ties go to the lowest index. */
  readonly predicted: Int32Array;
  readonly predictions: Predictions;
}

/** Any number of labels per row. */
export interface LabelAnswers {
  readonly layout: 'labels';
  readonly rows: number;
  readonly labels: number;
  /** `[rows, labels]` 1 where the label holds. */
  readonly actual: Uint8Array;
  /** `[rows, labels]` 1 where the probability exceeds one half (exactly one half is a no, as for ties of two classes). */
  readonly predicted: Uint8Array;
  readonly predictions: Predictions;
}

/** One cluster per row beside its true class, both renamed 0, 1, ... in the order in which they first occur. */
export interface ClusterAnswers {
  readonly rows: number;
  readonly classes: number;
  readonly clusters: number;
  /** Pairs of class and cluster that occur in a row. */
  readonly pairs: number;
  /** `[rows]` class, cluster, and pair of both. */
  readonly actual: Int32Array;
  readonly predicted: Int32Array;
  readonly pair: Int32Array;
}

/**
 * Checks and decodes the answers of a binary, multiclass or multilabel task.
 * @throws when shapes disagree, a class index or label is impossible, or a probability is not one.
 */
export function classificationAnswers(
  metric: string,
  targets: Targets,
  predictions: Predictions,
): ClassAnswers | LabelAnswers {
  checkShape(metric, 'targets', targets);
  checkShape(metric, 'predictions', predictions);
  checkRows(metric, targets, predictions);
  if (targets.columns === 1 && predictions.columns >= 2) return classAnswers(metric, targets, predictions);
  if (targets.columns === predictions.columns) return labelAnswers(metric, targets, predictions);
  throw new Error(
    `${metric}: ${targets.columns} target columns do not fit ${predictions.columns} prediction columns; expected one ` +
      'target column of class indices with one probability column per class, or one column per label in both',
  );
}

/** As {@link classificationAnswers}, for metrics that make no sense for several labels per row. */
export function singleClassAnswers(metric: string, targets: Targets, predictions: Predictions): ClassAnswers {
  const answers = classificationAnswers(metric, targets, predictions);
  if (answers.layout === 'classes') return answers;
  throw new Error(
    `${metric} is defined for binary and multiclass tasks: it needs one target column and at least two prediction ` +
      `columns, not ${targets.columns} and ${predictions.columns}`,
  );
}

/**
 * Checks the answers of a regression task, `[rows, targets]` on both sides.
 * @throws when shapes disagree or a number is not finite.
 */
export function checkRegression(metric: string, targets: Targets, predictions: Predictions): void {
  checkShape(metric, 'targets', targets);
  checkShape(metric, 'predictions', predictions);
  checkRows(metric, targets, predictions);
  if (targets.columns !== predictions.columns) {
    throw new Error(`${metric}: ${targets.columns} target columns but ${predictions.columns} prediction columns`);
  }
  checkFinite(metric, 'target', targets);
  checkFinite(metric, 'prediction', predictions);
}

/**
 * Checks the answers of a clustering task: one column on both sides, class indices and cluster indices.
 * @throws when shapes disagree or an index is not a whole number of at least 0.
 */
export function clusterAnswers(metric: string, targets: Targets, predictions: Predictions): ClusterAnswers {
  checkShape(metric, 'targets', targets);
  checkShape(metric, 'predictions', predictions);
  checkRows(metric, targets, predictions);
  if (targets.columns !== 1 || predictions.columns !== 1) {
    throw new Error(
      `${metric} is defined for clustering tasks: it needs one column of class indices and one of cluster indices, ` +
        `not ${targets.columns} target and ${predictions.columns} prediction columns`,
    );
  }
  checkIndices(metric, 'target', targets);
  checkIndices(metric, 'prediction', predictions);
  const [classes, actual] = numbered(targets.values);
  const [clusters, predicted] = numbered(predictions.values);
  const [pairs, pair] = numbered(Float64Array.from(actual, (index, row) => index * clusters + predicted[row]));
  return { rows: targets.rows, classes, clusters, pairs, actual, predicted, pair };
}

/** How many different values there are, and the place of each row's value in their order of first occurrence. */
function numbered(values: ArrayLike<number>): [number, Int32Array] {
  const places = new Map<number, number>();
  const indices = Int32Array.from(values, (value) => {
    let place = places.get(value);
    if (place === undefined) {
      place = places.size;
      places.set(value, place);
    }
    return place;
  });
  return [places.size, indices];
}

function classAnswers(metric: string, targets: Targets, predictions: Predictions): ClassAnswers {
  const { rows, columns: classes, values } = predictions;
  checkProbabilities(metric, predictions);
  const actual = new Int32Array(rows);
  const predicted = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const target = targets.values[row];
    if (!Number.isInteger(target) || target < 0 || target >= classes) {
      throw new Error(
        `${metric}: target at row ${row}, column 0 is ${target}; expected a class index from 0 to ${classes - 1} ` +
          `(predictions have ${classes} columns)`,
      );
    }
    actual[row] = target;
    let best = 0;
    let sum = 0;
    for (let column = 0; column < classes; column++) {
      const probability = values[row * classes + column];
      sum += probability;
      if (probability > values[row * classes + best]) best = column;
    }
    if (Math.abs(sum - 1) > PROBABILITY_SUM_TOLERANCE) {
      throw new Error(
        `${metric}: class probabilities at row ${row} (columns 0 to ${classes - 1}) sum to ${sum}; expected 1 within ` +
          `${PROBABILITY_SUM_TOLERANCE}. Apply a softmax or normalise them`,
      );
    }
    predicted[row] = best;
  }
  return { layout: 'classes', rows, classes, actual, predicted, predictions };
}

function labelAnswers(metric: string, targets: Targets, predictions: Predictions): LabelAnswers {
  const { rows, columns: labels, values } = predictions;
  checkProbabilities(metric, predictions);
  const actual = new Uint8Array(rows * labels);
  const predicted = new Uint8Array(rows * labels);
  for (let i = 0; i < actual.length; i++) {
    const target = targets.values[i];
    if (target !== 0 && target !== 1) {
      throw new Error(`${metric}: target at ${position(i, labels)} is ${target}; expected 0 or 1 for a label`);
    }
    actual[i] = target;
    predicted[i] = values[i] > 0.5 ? 1 : 0;
  }
  return { layout: 'labels', rows, labels, actual, predicted, predictions };
}

function checkShape(metric: string, name: string, matrix: Matrix): void {
  const { rows, columns, values } = matrix;
  if (!(rows > 0 && columns > 0)) throw new Error(`${metric}: ${name} are empty (${rows} rows x ${columns} columns)`);
  if (values.length !== rows * columns) {
    throw new Error(`${metric}: ${name} hold ${values.length} numbers, not ${rows} rows x ${columns} columns`);
  }
}

function checkRows(metric: string, targets: Matrix, predictions: Matrix): void {
  if (targets.rows !== predictions.rows) {
    throw new Error(`${metric}: ${targets.rows} target rows but ${predictions.rows} prediction rows`);
  }
}

function checkFinite(metric: string, name: string, { columns, values }: Matrix): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new Error(`${metric}: ${name} at ${position(i, columns)} is ${values[i]}; expected a finite number`);
    }
  }
}

function checkIndices(metric: string, name: string, { columns, values }: Matrix): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isSafeInteger(values[i]) || values[i] < 0) {
      throw new Error(
        `${metric}: ${name} at ${position(i, columns)} is ${values[i]}; expected an index, a whole number of at least 0`,
      );
    }
  }
}

function checkProbabilities(metric: string, predictions: Predictions): void {
  checkFinite(metric, 'prediction', predictions);
  const { columns, values } = predictions;
  for (let i = 0; i < values.length; i++) {
    if (values[i] < 0 || values[i] > 1) {
      throw new Error(
        `${metric}: prediction at ${position(i, columns)} is ${values[i]}; expected a probability between 0 and 1`,
      );
    }
  }
}

function position(index: number, columns: number): string {
  return `row ${Math.floor(index / columns)}, column ${index % columns}`;
}
