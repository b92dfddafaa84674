/**
 * Scores the predictions of a cell. They are checked first: one row per sequence, finite,
 * probabilities that sum to one, clusters that are whole numbers. The interval is over test rows.
 */

import type { Predictions, Targets, TaskKind } from '../../core/matrix.ts';
import { deletion } from '../../metrics/deviations.ts';
import { scoreInterval } from '../../metrics/difference.ts';
import type { MetricName, PreparedMetric } from '../../metrics/metric.ts';
import { METRIC_RANGES } from '../../metrics/metric-range.ts';
import { metric, metricsFor } from '../../metrics/metric-table.ts';
import type { PreparedTask } from '../contracts.ts';

/** Scores of the test predictions; plain data. */
export interface TestScores {
  readonly scores: Partial<Record<MetricName, number | null>>;
  /** Undefined for fewer than two test rows. */
  readonly interval?: { low: number | null; high: number | null; level: number };
  /** `[testSize, outputs]`; of a clustering, `[testSize, 1]`. */
  readonly predictions: { rows: number; columns: number; values: Float64Array };
}

/** Of the interval. */
const LEVEL = 0.95;
/** float32 probabilities of many classes: how far from 1 their sum may be. */
const SUM_TOLERANCE = 1e-3;

/**
 * Scores on the validation rows by the task's primary metric, turned round where lower is better.
 * Throws when the score is undefined there, since nothing could then be chosen by it.
 */
export function validationScorer(task: PreparedTask): (targets: Targets, predictions: Predictions) => number {
  const primary = metric(task.definition.metric);
  return (targets, predictions) => {
    const score = primary.prepare(targets, checkPredictions(predictions, targets.rows, task, 'validation'))();
    if (Number.isNaN(score)) {
      throw new Error(
        `${primary.name} is undefined on the validation rows: they probably hold one class or a constant only`,
      );
    }
    return primary.higherIsBetter ? score : -score;
  };
}

/**
 * Throws unless predictions have one row per sequence, the right width, finite values, and rows of probabilities where due.
 * Returns them with what rounding put a hair outside of 0..1 brought back.
 */
export function checkPredictions(
  predictions: Predictions,
  rows: number,
  task: PreparedTask,
  split: string,
): Predictions {
  const { kind } = task.definition;
  const isProbability = kind !== 'regression' && kind !== 'clustering';
  const columns = kind === 'clustering' ? 1 : task.outputs;
  if (predictions.rows !== rows || predictions.columns !== columns || predictions.values.length !== rows * columns) {
    throw new Error(
      `${split} predictions are [${predictions.rows}, ${predictions.columns}] (${predictions.values.length} values), ` +
        `expected [${rows}, ${columns}]: one row per sequence`,
    );
  }
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) {
      const value = predictions.values[r * columns + c];
      if (!Number.isFinite(value))
        throw new Error(`${split} prediction ${value} in row ${r}, column ${c}: it must be finite`);
      if (kind === 'clustering' && !(Number.isInteger(value) && value >= 0)) {
        throw new Error(
          `${split} prediction ${value} in row ${r} is no cluster index: give whole numbers of at least 0`,
        );
      }
      if (isProbability && (value < -SUM_TOLERANCE || value > 1 + SUM_TOLERANCE)) {
        throw new Error(`${split} prediction ${value} in row ${r}, column ${c} is no probability`);
      }
      sum += value;
    }
    if ((kind === 'binary' || kind === 'multiclass') && Math.abs(sum - 1) > SUM_TOLERANCE) {
      throw new Error(`${split} probabilities of row ${r} sum to ${sum}, not 1`);
    }
  }
  if (kind === 'regression' || kind === 'clustering') return predictions;
  return { ...predictions, values: predictions.values.map((value) => Math.min(1, Math.max(0, value))) };
}

/** Every metric of the kind (or those the task names), and the interval of the primary one. */
export function scoreTest(task: PreparedTask, predicted: Predictions): TestScores {
  const { targets } = task.splits.test;
  const predictions = checkPredictions(predicted, targets.rows, task, 'test');
  const { kind, metrics, metric: primary } = task.definition;
  const names = metrics ? [...new Set([primary, ...metrics])] : metricsFor(kind).map(({ name }) => name);
  const scores: Partial<Record<MetricName, number | null>> = {};
  for (const name of names) scores[name] = finiteOrNull(metric(name).prepare(targets, predictions)());
  const prepared = metric(primary).prepare(targets, predictions);
  const interval = targets.rows < 2 ? undefined : rowInterval(prepared, targets, kind, primary);
  return {
    scores,
    interval,
    predictions: {
      rows: predictions.rows,
      columns: predictions.columns,
      values: Float64Array.from(predictions.values),
    },
  };
}

/** Interval over test rows of one seed. */
function rowInterval(
  score: PreparedMetric,
  targets: Targets,
  kind: TaskKind,
  name: MetricName,
): TestScores['interval'] {
  const strata = kind === 'binary' || kind === 'multiclass' ? targets.values : undefined;
  const rows = deletion(targets.rows, { seed: 0, ...(kind === 'clustering' ? { method: 'halves' } : { strata }) });
  const side = { scores: [score()], deviations: [rows.of(score)], seedVariance: undefined };
  const { low, high } = scoreInterval(side, rows, { level: LEVEL, range: METRIC_RANGES[name] });
  return { low: finiteOrNull(low), high: finiteOrNull(high), level: LEVEL };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
