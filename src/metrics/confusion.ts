/**
 * Scores of hard decisions: accuracy, balanced accuracy, F1, Matthews correlation. Everything follows from four counts:
 * rows, and per class how often it is true, predicted, and both. Definitions and degenerate cases are scikit-learn's
 * (with zero_division=0), so where those say 0 for an undefined ratio, so do these.
 *
 * Decisions are made from probabilities: the most probable class (ties: lowest index), or every label above one half.
 * No threshold is tuned here.
 */
import { type ClassAnswers, classificationAnswers, type LabelAnswers, singleClassAnswers } from './checks.ts';
import type { Metric, PreparedMetric } from './metric.ts';
import { macroMean, multiplicitiesOf, weightedMean } from './multiplicities.ts';

interface Counts {
  readonly layout: 'classes' | 'labels';
  /** Rows, each as often as drawn. */
  total: number;
  /** `[classes]` rows where the class (label) is true, predicted, both. */
  readonly actual: Float64Array;
  readonly predicted: Float64Array;
  readonly hits: Float64Array;
}

/** Prepares a score that is a function of the counts; undefined (NaN) when no row was drawn. */
function fromCounts(
  metric: string,
  answers: ClassAnswers | LabelAnswers,
  score: (counts: Counts) => number,
): PreparedMetric {
  const multiplicities = multiplicitiesOf(metric, answers.rows);
  const classes = answers.layout === 'classes' ? answers.classes : answers.labels;
  const counts: Counts = {
    layout: answers.layout,
    total: 0,
    actual: new Float64Array(classes),
    predicted: new Float64Array(classes),
    hits: new Float64Array(classes),
  };
  const count =
    answers.layout === 'classes'
      ? (weights: Uint16Array) => countClasses(answers, weights, counts)
      : (weights: Uint16Array) => countLabels(answers, weights, counts);
  return (given) => {
    const weights = multiplicities(given);
    counts.total = 0;
    for (const array of [counts.actual, counts.predicted, counts.hits]) array.fill(0);
    count(weights);
    return counts.total === 0 ? Number.NaN : score(counts);
  };
}

function countClasses(answers: ClassAnswers, weights: Uint16Array, counts: Counts): void {
  for (let row = 0; row < answers.rows; row++) {
    const weight = weights[row];
    const actual = answers.actual[row];
    const predicted = answers.predicted[row];
    counts.total += weight;
    counts.actual[actual] += weight;
    counts.predicted[predicted] += weight;
    if (actual === predicted) counts.hits[actual] += weight;
  }
}

function countLabels({ rows, labels, actual, predicted }: LabelAnswers, weights: Uint16Array, counts: Counts): void {
  for (let row = 0; row < rows; row++) {
    const weight = weights[row];
    counts.total += weight;
    for (let label = 0; label < labels; label++) {
      const i = row * labels + label;
      counts.actual[label] += weight * actual[i];
      counts.predicted[label] += weight * predicted[i];
      counts.hits[label] += weight * actual[i] * predicted[i];
    }
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Harmonic mean of precision and recall, 2 hits / (actual + predicted); 0 where that is 0/0 (zero_division=0). */
function f1(hits: number, actual: number, predicted: number): number {
  return actual + predicted === 0 ? 0 : (2 * hits) / (actual + predicted);
}

/** Share of rows answered right. Multilabel: rows with every label right (subset accuracy), as scikit-learn. */
export const accuracy: Metric = {
  name: 'accuracy',
  label: 'Accuracy',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  prepare(targets, predictions) {
    const { rows, actual, predicted } = classificationAnswers('accuracy', targets, predictions);
    const width = actual.length / rows;
    const right = Uint8Array.from({ length: rows }, (_, row) => {
      for (let i = row * width; i < (row + 1) * width; i++) if (actual[i] !== predicted[i]) return 0;
      return 1;
    });
    const multiplicities = multiplicitiesOf('accuracy', rows);
    return (given) => weightedMean(right, multiplicities(given));
  },
};

/** Mean recall over the classes present among the targets. */
export const balancedAccuracy: Metric = {
  name: 'balancedAccuracy',
  label: 'Balanced accuracy',
  kinds: ['binary', 'multiclass'],
  higherIsBetter: true,
  prepare(targets, predictions) {
    return fromCounts(
      'balancedAccuracy',
      singleClassAnswers('balancedAccuracy', targets, predictions),
      ({ actual, hits }) => {
        let recall = 0;
        let present = 0;
        for (let k = 0; k < actual.length; k++) {
          if (actual[k] === 0) continue;
          recall += hits[k] / actual[k];
          present++;
        }
        return recall / present;
      },
    );
  },
};

/**
 * Mean F1 over classes that occur among targets or predictions (a class in neither is not a class of the sample, as
 * scikit-learn's default `labels=None`). Multilabel: over all labels, a label in neither scoring 0.
 */
export const macroF1: Metric = {
  name: 'macroF1',
  label: 'Macro F1',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  prepare(targets, predictions) {
    const answers = classificationAnswers('macroF1', targets, predictions);
    return fromCounts('macroF1', answers, ({ layout, actual, predicted, hits }) => {
      let total = 0;
      let classes = 0;
      for (let k = 0; k < actual.length; k++) {
        if (layout === 'classes' && actual[k] + predicted[k] === 0) continue;
        total += f1(hits[k], actual[k], predicted[k]);
        classes++;
      }
      return total / classes;
    });
  },
};

/** F1 of the counts summed over classes (then it equals accuracy) or labels. */
export const microF1: Metric = {
  name: 'microF1',
  label: 'Micro F1',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  prepare(targets, predictions) {
    const answers = classificationAnswers('microF1', targets, predictions);
    return fromCounts('microF1', answers, ({ actual, predicted, hits }) => f1(sum(hits), sum(actual), sum(predicted)));
  },
};

/** Mean F1 over classes or labels, weighted by how often each is true; 0 when no label is ever true. */
export const weightedF1: Metric = {
  name: 'weightedF1',
  label: 'Weighted F1',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  prepare(targets, predictions) {
    const answers = classificationAnswers('weightedF1', targets, predictions);
    return fromCounts('weightedF1', answers, ({ actual, predicted, hits }) => {
      const support = sum(actual);
      if (support === 0) return 0;
      let total = 0;
      for (let k = 0; k < actual.length; k++) total += actual[k] * f1(hits[k], actual[k], predicted[k]);
      return total / support;
    });
  },
};

/**
 * Matthews correlation, (c s - sum p t) / sqrt((s^2 - sum p^2)(s^2 - sum t^2)) with c right, s rows, p predicted and t true
 * counts per class (Gorodkin 2004). 0 when targets or predictions have a single class, as scikit-learn.
 * Multilabel: mean over labels of the binary coefficient (scikit-learn refuses multilabel).
 */
export const mcc: Metric = {
  name: 'mcc',
  label: 'MCC',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: true,
  chance: 0,
  prepare(targets, predictions) {
    const answers = classificationAnswers('mcc', targets, predictions);
    return fromCounts('mcc', answers, ({ layout, total, actual, predicted, hits }) => {
      if (layout === 'classes') return matthews(total, actual, predicted, sum(hits));
      return macroMean(
        Array.from(hits, (hit, k) => {
          const absent = total - actual[k];
          const denied = total - predicted[k];
          const right = hit + (total - actual[k] - predicted[k] + hit);
          return matthews(total, [absent, actual[k]], [denied, predicted[k]], right);
        }),
      );
    });
  },
};

function matthews(total: number, actual: ArrayLike<number>, predicted: ArrayLike<number>, right: number): number {
  let both = 0;
  let actualSquares = 0;
  let predictedSquares = 0;
  for (let k = 0; k < actual.length; k++) {
    both += actual[k] * predicted[k];
    actualSquares += actual[k] ** 2;
    predictedSquares += predicted[k] ** 2;
  }
  const spread = (total ** 2 - predictedSquares) * (total ** 2 - actualSquares);
  return spread === 0 ? 0 : (right * total - both) / Math.sqrt(spread);
}
