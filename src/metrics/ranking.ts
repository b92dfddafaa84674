/**
 * Scores of the order that probabilities put rows in: area under the ROC curve and average precision. Rows are sorted once;
 * each call is then one pass over every column. Tied probabilities are one step of the curve, as in scikit-learn.
 *
 * Binary: the column of P(positive). Multiclass: unweighted mean over classes of class against rest. Multilabel: unweighted
 * mean over labels. If any class or label lacks positives (AUROC: or negatives) among the rows drawn, the mean is undefined
 * and NaN, so that a score is always about the same set of classes.
 */

import type { Predictions, Targets } from '../core/matrix.ts';
import { classificationAnswers } from './checks.ts';
import type { Metric, PreparedMetric } from './metric.ts';
import { macroMean, multiplicitiesOf } from './multiplicities.ts';

/** One binary problem, rows by descending probability. */
interface Ranking {
  readonly row: Int32Array;
  readonly positive: Uint8Array;
  /** 1 where the next row has a lower probability: the end of a run of ties. */
  readonly runEnds: Uint8Array;
}

function rankings(metric: string, targets: Targets, predictions: Predictions): Ranking[] {
  const answers = classificationAnswers(metric, targets, predictions);
  const columns = predictions.columns;
  const binary = answers.layout === 'classes' && columns === 2;
  return Array.from({ length: columns }, (_, column) => column)
    .filter((column) => !binary || column === 1)
    .map((column) => {
      const score = Float64Array.from({ length: answers.rows }, (_, row) => predictions.values[row * columns + column]);
      const row = Int32Array.from(score.keys()).sort((a, b) => score[b] - score[a]);
      const positive = Uint8Array.from(row, (r) =>
        Number(answers.layout === 'classes' ? answers.actual[r] === column : answers.actual[r * columns + column]),
      );
      const runEnds = Uint8Array.from(row, (r, i) => Number(i + 1 === row.length || score[row[i + 1]] !== score[r]));
      return { row, positive, runEnds };
    });
}

function overColumns(
  metric: string,
  targets: Targets,
  predictions: Predictions,
  area: (ranking: Ranking, weights: Uint16Array) => number,
): PreparedMetric {
  const columns = rankings(metric, targets, predictions);
  const multiplicities = multiplicitiesOf(metric, targets.rows);
  return (given) => {
    const weights = multiplicities(given);
    return macroMean(columns.map((ranking) => area(ranking, weights)));
  };
}

/** Share of (positive, negative) pairs in the right order, a tie counting half (the Mann-Whitney form). */
function rocArea({ row, positive, runEnds }: Ranking, weights: Uint16Array): number {
  let positives = 0;
  let negatives = 0;
  let pairs = 0;
  let tiedPositives = 0;
  let tiedNegatives = 0;
  for (let i = 0; i < row.length; i++) {
    const weight = weights[row[i]];
    if (positive[i] === 1) tiedPositives += weight;
    else tiedNegatives += weight;
    if (runEnds[i] === 1) {
      pairs += tiedNegatives * (positives + tiedPositives / 2);
      positives += tiedPositives;
      negatives += tiedNegatives;
      tiedPositives = 0;
      tiedNegatives = 0;
    }
  }
  return pairs / (positives * negatives);
}

/** Sum over the curve's steps of precision times the recall gained: no interpolation. */
function precisionArea({ row, positive, runEnds }: Ranking, weights: Uint16Array): number {
  let positives = 0;
  let drawn = 0;
  let counted = 0;
  let area = 0;
  for (let i = 0; i < row.length; i++) {
    const weight = weights[row[i]];
    drawn += weight;
    positives += weight * positive[i];
    if (runEnds[i] === 1 && positives > counted) {
      area += (positives - counted) * (positives / drawn);
      counted = positives;
    }
  }
  return area / positives;
}

/** Area under the ROC curve. NaN when a class or label has no positive or no negative row. */
export const auroc: Metric = {
  name: 'auroc',
  label: 'AUROC',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  chance: 0.5,
  prepare: (targets, predictions) => overColumns('auroc', targets, predictions, rocArea),
};

/** Average precision. NaN when a class or label has no positive row (scikit-learn warns and says 0 there). */
export const averagePrecision: Metric = {
  name: 'averagePrecision',
  label: 'Average precision',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  prepare: (targets, predictions) => overColumns('averagePrecision', targets, predictions, precisionArea),
};
