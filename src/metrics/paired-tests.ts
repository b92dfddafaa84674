/**
 * Second opinions on a paired comparison, by textbook tests with no resampling: McNemar's exact test for accuracy and the
 * Wilcoxon signed-rank test for squared errors. They compare two prediction matrices (one seed each) on the same rows and
 * know nothing of the spread over seeds, so the headline verdict stays with the bootstrap.
 *
 * mathjs supplies the special functions and is heavy to load: import this file only where a test is wanted.
 */
import { erf, lgamma } from 'mathjs/number';
import type { Predictions, Targets } from '../core/matrix.ts';
import { checkRegression, singleClassAnswers } from './checks.ts';

export interface McNemar {
  /** Rows that only the first, and only the second contender answers right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Exact two-sided p: the discordant rows against a fair coin. 1 when there are none. */
  readonly p: number;
}

/** McNemar's exact test (McNemar 1947) that two classifiers, binary or multiclass, have the same accuracy. */
export function mcNemar(targets: Targets, first: Predictions, second: Predictions): McNemar {
  const a = singleClassAnswers('mcNemar', targets, first);
  const b = singleClassAnswers('mcNemar', targets, second);
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let row = 0; row < a.rows; row++) {
    const firstRight = a.predicted[row] === a.actual[row];
    const secondRight = b.predicted[row] === b.actual[row];
    if (firstRight && !secondRight) onlyFirst++;
    if (secondRight && !firstRight) onlySecond++;
  }
  return { onlyFirst, onlySecond, p: fairCoin(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond) };
}

/** Two-sided p of `few` or fewer heads in `tosses` of a fair coin. */
function fairCoin(few: number, tosses: number): number {
  const logTotal = lgamma(tosses + 1) - tosses * Math.LN2;
  let tail = 0;
  for (let k = few; k >= 0; k--) tail += Math.exp(logTotal - lgamma(k + 1) - lgamma(tosses - k + 1));
  return Math.min(1, 2 * tail);
}

export interface SignedRank {
  /** The smaller of the rank sums of positive and of negative differences. */
  readonly statistic: number;
  /** Rows whose difference is not 0 (the others say nothing and are left out, Wilcoxon's own treatment). */
  readonly rows: number;
  /** Two-sided p; 1 when no row differs. */
  readonly p: number;
  readonly method: 'exact' | 'normal';
}

/** Up to this many differing rows the null distribution is enumerated. */
const EXACT_ROWS = 50;

/**
 * Wilcoxon signed-rank test (Wilcoxon 1945) that per-row differences are symmetric about 0. Exact, given the ties there
 * are, up to 50 differing rows; above that the normal approximation with the tie correction and no continuity correction
 * (absolute accuracy of p about 1e-15).
 * @throws for a difference that is not finite.
 */
export function wilcoxonSignedRank(differences: ArrayLike<number>): SignedRank {
  const values = Array.from(differences);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new Error(`wilcoxonSignedRank: difference at row ${bad} is ${values[bad]}`);
  const differing = values.filter((value) => value !== 0).sort((x, y) => Math.abs(x) - Math.abs(y));
  const rows = differing.length;
  const doubled = new Int32Array(rows); // twice the midrank, so that ties stay integers
  let positive = 0;
  let tieCorrection = 0;
  for (let start = 0; start < rows; ) {
    let end = start;
    while (end < rows && Math.abs(differing[end]) === Math.abs(differing[start])) end++;
    doubled.fill(start + 1 + end, start, end);
    tieCorrection += (end - start) ** 3 - (end - start);
    start = end;
  }
  for (let i = 0; i < rows; i++) if (differing[i] > 0) positive += doubled[i];
  const total = rows * (rows + 1);
  const smaller = Math.min(positive, total - positive);
  if (rows <= EXACT_ROWS) return { statistic: smaller / 2, rows, p: exactTail(doubled, smaller), method: 'exact' };
  const variance = (rows * (rows + 1) * (2 * rows + 1) - tieCorrection / 2) / 24;
  const z = (smaller / 2 - total / 4) / Math.sqrt(variance); // never positive
  return { statistic: smaller / 2, rows, p: Math.max(0, 1 + erf(z / Math.SQRT2)), method: 'normal' };
}

/** Two-sided p of a (doubled) rank sum of at most `sum` when every sign is a fair coin: the distribution by convolution. */
function exactTail(doubledRanks: Int32Array, sum: number): number {
  const probability = new Float64Array(doubledRanks.reduce((total, rank) => total + rank, 0) + 1);
  probability[0] = 1;
  for (const rank of doubledRanks) {
    for (let s = probability.length - 1; s >= 0; s--) {
      probability[s] = (probability[s] + (s >= rank ? probability[s - rank] : 0)) / 2;
    }
  }
  let tail = 0;
  for (let s = 0; s <= sum; s++) tail += probability[s];
  return Math.min(1, 2 * tail);
}

/** `[rows]` squared error of each row, mean over target columns: what the signed-rank test compares for regression. */
export function squaredErrors(targets: Targets, predictions: Predictions): Float64Array {
  checkRegression('squaredErrors', targets, predictions);
  const { rows, columns } = targets;
  const errors = new Float64Array(rows);
  for (let i = 0; i < rows * columns; i++) {
    errors[Math.floor(i / columns)] += (targets.values[i] - predictions.values[i]) ** 2 / columns;
  }
  return errors;
}
