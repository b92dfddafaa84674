/**
 * Scores of the probabilities themselves: log-loss and expected calibration error. Multilabel scores are means over labels
 * of the score of the two-class problem "label holds or not".
 */
import { classificationAnswers } from './checks.ts';
import type { Metric } from './metric.ts';
import { macroMean, multiplicitiesOf, weightedMean } from './multiplicities.ts';

/**
 * Probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm, as scikit-learn does for float64. The same bound
 * holds for float32 predictions, so that predictions stored in double precision and read back score the same.
 */
const EPSILON = Number.EPSILON;

/** Equal-width confidence bins ((k-1)/15, k/15], the number used by Guo et al. 2017. */
export const CALIBRATION_BINS = 15;

function clip(probability: number): number {
  return Math.min(Math.max(probability, EPSILON), 1 - EPSILON);
}

/** Mean negative natural logarithm of the probability given to the truth (nats). */
export const logLoss: Metric = {
  name: 'logLoss',
  label: 'Log-loss',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: false,
  prepare(targets, predictions) {
    const answers = classificationAnswers('logLoss', targets, predictions);
    const { columns, values } = predictions;
    const loss = Float64Array.from({ length: answers.rows }, (_, row) => {
      if (answers.layout === 'classes') return -Math.log(clip(values[row * columns + answers.actual[row]]));
      let sum = 0;
      for (let i = row * columns; i < (row + 1) * columns; i++) {
        const probability = clip(values[i]);
        sum -= Math.log(answers.actual[i] === 1 ? probability : 1 - probability);
      }
      return sum / columns;
    });
    const multiplicities = multiplicitiesOf('logLoss', answers.rows);
    return (given) => weightedMean(loss, multiplicities(given));
  },
};

/**
 * Expected calibration error (Naeini et al. 2015; Guo et al. 2017): rows are binned by the probability of the predicted
 * class, and |accuracy - mean confidence| is averaged over bins, weighted by their rows. scikit-learn has no counterpart.
 * Multilabel: each label's confidence is max(p, 1 - p); mean over labels.
 */
export const calibrationError: Metric = {
  name: 'calibrationError',
  label: 'Calibration error',
  kinds: ['binary', 'multiclass', 'multilabel'],
  higherIsBetter: false,
  prepare(targets, predictions) {
    const answers = classificationAnswers('calibrationError', targets, predictions);
    const { columns, values } = predictions;
    const problems =
      answers.layout === 'classes'
        ? [
            decisions(answers.rows, (row) => ({
              confidence: values[row * columns + answers.predicted[row]],
              right: answers.predicted[row] === answers.actual[row],
            })),
          ]
        : Array.from({ length: columns }, (_, label) =>
            decisions(answers.rows, (row) => {
              const i = row * columns + label;
              return {
                confidence: Math.max(values[i], 1 - values[i]),
                right: answers.predicted[i] === answers.actual[i],
              };
            }),
          );
    const multiplicities = multiplicitiesOf('calibrationError', answers.rows);
    return (given) => {
      const weights = multiplicities(given);
      return macroMean(problems.map((problem) => gap(problem, weights)));
    };
  },
};

interface Decisions {
  /** `[rows]` bin of the row's confidence. */
  readonly bin: Uint8Array;
  /** `[rows]` (1 if right, else 0) - confidence: summed over a bin it is rows x (accuracy - mean confidence). */
  readonly excess: Float64Array;
}

function decisions(rows: number, decide: (row: number) => { confidence: number; right: boolean }): Decisions {
  const bin = new Uint8Array(rows);
  const excess = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const { confidence, right } = decide(row);
    bin[row] = Math.min(Math.max(Math.ceil(confidence * CALIBRATION_BINS) - 1, 0), CALIBRATION_BINS - 1);
    excess[row] = Number(right) - confidence;
  }
  return { bin, excess };
}

function gap({ bin, excess }: Decisions, weights: Uint16Array): number {
  const sums = new Float64Array(CALIBRATION_BINS);
  let total = 0;
  for (let row = 0; row < bin.length; row++) {
    total += weights[row];
    sums[bin[row]] += weights[row] * excess[row];
  }
  return sums.reduce((error, sum) => error + Math.abs(sum), 0) / total;
}
