/**
 * Scores of regression: Pearson, Spearman, R2 and mean squared error, each per target column and then averaged over columns
 * (scikit-learn's uniform average). Sums are taken about the mean of the rows drawn, in two passes, so that resamples of
 * few distinct rows lose no digits.
 */

import type { Matrix, Predictions, Targets } from '../core/matrix.ts';
import { checkRegression } from './checks.ts';
import type { Metric, PreparedMetric } from './metric.ts';
import { macroMean, multiplicitiesOf } from './multiplicities.ts';

type ColumnScore = (weights: Uint16Array) => number;

/** Prepares one score per target column and averages them; undefined as soon as one column is. */
function overTargets(
  metric: string,
  targets: Targets,
  predictions: Predictions,
  prepareColumn: (target: Float64Array, prediction: Float64Array) => ColumnScore,
): PreparedMetric {
  checkRegression(metric, targets, predictions);
  const columns = Array.from({ length: targets.columns }, (_, column) =>
    prepareColumn(columnOf(targets, column), columnOf(predictions, column)),
  );
  const multiplicities = multiplicitiesOf(metric, targets.rows);
  return (given) => {
    const weights = multiplicities(given);
    return macroMean(columns.map((score) => score(weights)));
  };
}

function columnOf({ rows, columns, values }: Matrix, column: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => values[row * columns + column]);
}

/** Rows drawn, mean, and whether the drawn values are all the same (exactly, not up to rounding). */
function centre(values: Float64Array, weights: Uint16Array): { total: number; mean: number; constant: boolean } {
  let total = 0;
  let sum = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < values.length; row++) {
    const weight = weights[row];
    if (weight === 0) continue;
    const value = values[row];
    total += weight;
    sum += weight * value;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { total, mean: sum / total, constant: !(high > low) };
}

function weightedPearson(x: Float64Array, y: Float64Array, weights: Uint16Array): number {
  const first = centre(x, weights);
  const second = centre(y, weights);
  if (first.constant || second.constant) return Number.NaN;
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let row = 0; row < x.length; row++) {
    const dx = x[row] - first.mean;
    const dy = y[row] - second.mean;
    xx += weights[row] * dx * dx;
    yy += weights[row] * dy * dy;
    xy += weights[row] * dx * dy;
  }
  return Math.min(1, Math.max(-1, xy / (Math.sqrt(xx) * Math.sqrt(yy))));
}

/** Ranks of repeated rows: each value's midrank among all rows drawn, ties sharing the mean of their places. */
function midranks(values: Float64Array): (weights: Uint16Array, ranks: Float64Array) => void {
  const order = Int32Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  return (weights, ranks) => {
    let below = 0;
    for (let start = 0; start < order.length; ) {
      let end = start;
      let tied = 0;
      while (end < order.length && values[order[end]] === values[order[start]]) tied += weights[order[end++]];
      for (let i = start; i < end; i++) ranks[order[i]] = below + (tied + 1) / 2;
      below += tied;
      start = end;
    }
  };
}

/** Pearson's correlation. NaN when targets or predictions are constant, or fewer than two rows were drawn. */
export const pearson: Metric = {
  name: 'pearson',
  label: 'Pearson r',
  kinds: ['regression'],
  higherIsBetter: true,
  chance: 0,
  prepare: (targets, predictions) =>
    overTargets('pearson', targets, predictions, (x, y) => (weights) => weightedPearson(x, y, weights)),
};

/** Spearman's correlation: Pearson's of midranks. NaN where that is. */
export const spearman: Metric = {
  name: 'spearman',
  label: 'Spearman rho',
  kinds: ['regression'],
  higherIsBetter: true,
  chance: 0,
  prepare: (targets, predictions) =>
    overTargets('spearman', targets, predictions, (x, y) => {
      const [rankX, rankY] = [midranks(x), midranks(y)];
      const [xRanks, yRanks] = [new Float64Array(x.length), new Float64Array(y.length)];
      return (weights) => {
        rankX(weights, xRanks);
        rankY(weights, yRanks);
        return weightedPearson(xRanks, yRanks, weights);
      };
    }),
};

/**
 * Coefficient of determination, 1 - residual / total sum of squares: 0 for predicting the mean of the rows drawn, unbounded
 * below. Constant targets score 1 if predicted exactly and 0 otherwise (scikit-learn's force_finite); one row: NaN.
 */
export const r2: Metric = {
  name: 'r2',
  label: 'R2',
  kinds: ['regression'],
  higherIsBetter: true,
  chance: 0,
  prepare: (targets, predictions) =>
    overTargets('r2', targets, predictions, (target, prediction) => (weights) => {
      const { total, mean, constant } = centre(target, weights);
      if (total < 2) return Number.NaN;
      let residual = 0;
      let spread = 0;
      for (let row = 0; row < target.length; row++) {
        residual += weights[row] * (target[row] - prediction[row]) ** 2;
        spread += weights[row] * (target[row] - mean) ** 2;
      }
      if (constant) return residual === 0 ? 1 : 0;
      return 1 - residual / spread;
    }),
};

/** Mean squared error, in squared units of the targets. */
export const mse: Metric = {
  name: 'mse',
  label: 'MSE',
  kinds: ['regression'],
  higherIsBetter: false,
  prepare: (targets, predictions) =>
    overTargets('mse', targets, predictions, (target, prediction) => (weights) => {
      let total = 0;
      let sum = 0;
      for (let row = 0; row < target.length; row++) {
        total += weights[row];
        sum += weights[row] * (target[row] - prediction[row]) ** 2;
      }
      return sum / total;
    }),
};
