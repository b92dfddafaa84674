/**
 * The npm package ml-logistic-regression as a probe, kept as an independent reference for small tasks: one-vs-rest full-batch
 * gradient descent in plain JavaScript, without intercept, without penalty, for a fixed number of steps. The step size is the
 * largest that is sure to descend, 4 / lambda_max(X'X). Features are standardised, so that the missing intercept hurts less.
 *
 * It is slow (20 to 30 ns per row, feature, classifier and step), hence a cap: rows x features x classifiers above `cap` are cut
 * down to evenly spaced training rows, which the details and the progress say; with fewer than `fewestRowsPerClass` rows per
 * class left it refuses.
 */
import type { Matrix, Predictions } from '../../core/matrix.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from '../probe.ts';
import { logisticProblem } from './logistic-labels.ts';
import { fitStandardiser } from './standardise.ts';

export interface ReferenceLogisticOptions {
  readonly steps: number;
  /** Largest rows x features x classifiers that is fitted. */
  readonly cap: number;
  readonly fewestRowsPerClass: number;
}

export const REFERENCE_LOGISTIC_DEFAULTS: ReferenceLogisticOptions = {
  steps: 300,
  cap: 1_000_000,
  fewestRowsPerClass: 5,
};

/** Largest eigenvalue of X'X by power iteration, from above by a tenth. */
function largestEigenvalue({ rows, columns, values }: Matrix): number {
  let vector = new Float64Array(columns).fill(1 / Math.sqrt(columns));
  let eigenvalue = 0;
  for (let iteration = 0; iteration < 30; iteration++) {
    const next = new Float64Array(columns);
    for (let r = 0; r < rows; r++) {
      let dot = 0;
      for (let c = 0; c < columns; c++) dot += values[r * columns + c] * vector[c];
      for (let c = 0; c < columns; c++) next[c] += dot * values[r * columns + c];
    }
    eigenvalue = Math.hypot(...next);
    if (eigenvalue === 0) throw new Error('Every feature is constant in training; nothing can be fitted.');
    vector = next.map((value) => value / eigenvalue);
  }
  return 1.1 * eigenvalue;
}

/** Evenly spaced rows within the cap. */
function rowsWithinCap(rows: number, dim: number, classes: number, options: ReferenceLogisticOptions): Int32Array {
  const kept = Math.min(rows, Math.floor(options.cap / (dim * classes)));
  if (kept < rows && kept < options.fewestRowsPerClass * classes) {
    throw new Error(
      `ml-logistic-regression is capped at ${options.cap} rows x features x classes: with ${dim} features and ${classes} classes ` +
        `only ${kept} of ${rows} rows fit, fewer than ${options.fewestRowsPerClass} per class. Use the probe "logistic".`,
    );
  }
  return Int32Array.from({ length: kept }, (_, i) => Math.floor((i * rows) / kept));
}

/** ml-logistic-regression as a probe; see the head of this file. */
export function referenceLogisticProbe(changes: Partial<ReferenceLogisticOptions> = {}): Probe {
  const options = { ...REFERENCE_LOGISTIC_DEFAULTS, ...changes };
  return {
    id: 'ml-logistic-regression',
    title: 'ml-logistic-regression (reference: no intercept, no penalty)',
    citation: 'npm package ml-logistic-regression',
    kinds: ['binary', 'multiclass'],
    stochastic: false,
    options: { ...options },
    fit: (train, valid, context) => fitReference(train, valid, context, options),
  };
}

async function fitReference(
  train: ProbeData,
  valid: ProbeData,
  context: ProbeContext,
  options: ReferenceLogisticOptions,
): Promise<FittedProbe> {
  if (context.kind === 'multilabel')
    throw new Error('ml-logistic-regression does not do several labels; use logistic.');
  const standardiser = fitStandardiser(train.features);
  const standardised = standardiser.apply(train.features);
  const { problem, details } = logisticProblem(standardised, train.targets, context); // refuses bad targets and one class
  const dim = standardised.columns;
  const present = [...new Set(train.targets.values)].sort((a, b) => a - b);
  const rows = rowsWithinCap(standardised.rows, dim, present.length, options);
  const capped = rows.length < standardised.rows;
  if (capped) {
    context.progress(0, `ml-logistic-regression: capped to ${rows.length} of ${standardised.rows} training rows`);
  }
  const values = new Float32Array(rows.length * dim);
  for (const [i, row] of rows.entries()) values.set(standardised.values.subarray(row * dim, (row + 1) * dim), i * dim);
  const labels = Array.from(rows, (row) => problem.labels[row]);
  if (new Set(labels).size < present.length) {
    throw new Error(
      `Within the cap of ${options.cap}, ${rows.length} rows do not show every class. Use the probe "logistic".`,
    );
  }

  const [{ default: LogisticRegression }, { Matrix: Dense }] = await Promise.all([
    import('ml-logistic-regression'),
    import('ml-matrix'),
  ]);
  const dense = (m: Matrix) => Dense.from1DArray(m.rows, m.columns, Array.from(m.values)) as InstanceType<typeof Dense>;
  const learningRate = 4 / largestEigenvalue({ rows: rows.length, columns: dim, values });
  const model = new LogisticRegression({ numSteps: options.steps, learningRate });
  model.train(dense({ rows: rows.length, columns: dim, values }), Dense.columnVector(labels));

  const predict = async (features: Matrix): Promise<Predictions> => {
    const x = dense(standardiser.apply(features));
    const result = new Float64Array(features.rows * context.outputs);
    const scores = model.classifiers.map((classifier) => classifier.testScores(x));
    for (let r = 0; r < features.rows; r++) {
      const own = scores.map((column) => 1 - column[r]);
      const total = own.reduce((sum, value) => sum + value, 0);
      // One-vs-rest scores are made to sum to one; where all are zero, no class is preferred.
      for (const [i, label] of present.entries()) {
        result[r * context.outputs + label] = total > 0 ? own[i] / total : 1 / present.length;
      }
    }
    return { rows: features.rows, columns: context.outputs, values: result };
  };
  return {
    predict,
    validationScore: context.validationScore(valid.targets, await predict(valid.features)),
    details: {
      steps: options.steps,
      learningRate,
      trainingRows: rows.length,
      ...(capped
        ? { notice: `capped to ${rows.length} of ${standardised.rows} training rows (cap ${options.cap})` }
        : {}),
      ...details,
    },
  };
}
