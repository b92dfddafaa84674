/** Small statistics of the checks: intervals of shares, areas, correlations, and the scores of a rule on test rows. */
import { createRandom } from '../core/random.ts';
import type { Question } from './questions.ts';

export type Interval = [number, number];

const Z = 1.959963984540054;

/** Wilson's 95% interval of k of n (Wilson 1927). */
export function wilson(k: number, n: number): Interval {
  if (n === 0) return [0, 1];
  const p = k / n;
  const scale = 1 + (Z * Z) / n;
  const centre = p + (Z * Z) / (2 * n);
  const half = Z * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  return [Math.max(0, (centre - half) / scale), Math.min(1, (centre + half) / scale)];
}

/** Area under the ROC curve: P(score of a positive > score of a negative), ties half; 0.5 with one class only. */
export function auroc(scores: ArrayLike<number>, positive: (row: number) => boolean): number {
  const order = orderOf(scores);
  let rankSum = 0;
  let positives = 0;
  for (let from = 0, to = 0; from < order.length; from = to) {
    let here = 0;
    while (to < order.length && scores[order[to]] === scores[order[from]]) if (positive(order[to++])) here++;
    rankSum += (here * (from + to + 1)) / 2;
    positives += here;
  }
  const negatives = order.length - positives;
  return positives === 0 || negatives === 0
    ? 0.5
    : (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Indices in ascending order of value. */
export function orderOf(values: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
}

/** Hanley & McNeil's standard error of an AUROC (1982, Radiology 143:29), as a 95% interval. */
export function aurocInterval(area: number, positives: number, negatives: number): Interval {
  const q1 = area / (2 - area);
  const q2 = (2 * area * area) / (1 + area);
  const variance =
    (area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)) /
    (positives * negatives);
  const half = Z * Math.sqrt(Math.max(0, variance));
  return [Math.max(0, area - half), Math.min(1, area + half)];
}

/** Matthews correlation of a confusion table `[classes, classes]`, rows the truth (Gorodkin 2004); 0 where it is undefined. */
export function matthews(table: ArrayLike<number>, classes: number): number {
  let total = 0;
  let right = 0;
  let cross = 0;
  let truthSquares = 0;
  let answerSquares = 0;
  for (let c = 0; c < classes; c++) {
    let truth = 0;
    let answer = 0;
    for (let d = 0; d < classes; d++) {
      truth += table[c * classes + d];
      answer += table[d * classes + c];
    }
    total += truth;
    right += table[c * classes + c];
    cross += truth * answer;
    truthSquares += truth * truth;
    answerSquares += answer * answer;
  }
  const scale = Math.sqrt((total * total - truthSquares) * (total * total - answerSquares));
  return scale > 0 ? (right * total - cross) / scale : 0;
}

/** Pearson's r; 0 for a constant. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  let meanA = 0;
  let meanB = 0;
  for (let i = 0; i < n; i++) {
    meanA += a[i] / n;
    meanB += b[i] / n;
  }
  let products = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < n; i++) {
    products += (a[i] - meanA) * (b[i] - meanB);
    squaresA += (a[i] - meanA) ** 2;
    squaresB += (b[i] - meanB) ** 2;
  }
  return squaresA > 1e-24 && squaresB > 1e-24 ? products / Math.sqrt(squaresA * squaresB) : 0;
}

/** Fisher's z interval of a correlation. */
function pearsonInterval(r: number, n: number): Interval {
  if (n < 4) return [-1, 1];
  const z = Math.atanh(Math.max(-0.999999, Math.min(0.999999, r)));
  return [Math.tanh(z - Z / Math.sqrt(n - 3)), Math.tanh(z + Z / Math.sqrt(n - 3))];
}

const RESAMPLES = 200;

export interface RuleScore {
  /** MCC for classes, Pearson's r for numbers. */
  readonly value: number;
  readonly interval: Interval;
  /** Two classes only. */
  readonly auroc?: number;
}

/**
 * Score of class answers (MCC, percentile interval of 200 bootstrap resamples of the test rows) or numbers (Pearson's r).
 * @param answers `[rows]` class indices or numbers
 */
export function scoreAnswers(answers: ArrayLike<number>, truth: ArrayLike<number>, question: Question): RuleScore {
  if (question.classes === 0) {
    const value = pearson(answers, truth);
    return { value, interval: pearsonInterval(value, truth.length) };
  }
  const k = question.classes;
  const table = new Float64Array(k * k);
  const cells = Uint32Array.from({ length: truth.length }, (_, i) => truth[i] * k + answers[i]);
  for (const cell of cells) table[cell]++;
  const value = matthews(table, k);
  const random = createRandom(`interval ${truth.length} ${k}`);
  const values = new Float64Array(RESAMPLES);
  for (let b = 0; b < RESAMPLES; b++) {
    table.fill(0);
    for (let i = 0; i < cells.length; i++) table[cells[Math.floor(random.next() * cells.length)]]++;
    values[b] = matthews(table, k);
  }
  values.sort();
  return { value, interval: [values[Math.floor(0.025 * RESAMPLES)], values[Math.ceil(0.975 * RESAMPLES) - 1]] };
}
