/**
 * How sure a score, or a difference of two scores, is: the percentile bootstrap over test rows (Efron & Tibshirani 1993,
 * chapters 13 and 16). With several seeds it is hierarchical: every resample draws rows once for all contenders and then,
 * within each contender, seeds with replacement; the score is the mean over the seeds drawn. Seeds share their test rows, so
 * a contender with one seed shows the uncertainty of the test rows only. With S seeds their variance is understated by
 * (S-1)/S, the bootstrap's usual small-sample bias.
 *
 * A resample whose score is undefined (AUROC when a class was not drawn) is drawn again and counted in `redrawn`: intervals
 * are then conditional on a defined score. Draws in strata (the class of each row) avoid that by keeping class counts fixed.
 * It does not see errors of the training data or of hyper-parameter choice, and a score at its bound (accuracy 1) has no width.
 *
 * Scores that repeated rows distort (clusterings) are resampled by halves instead, `resampling: 'halves'`: the scores of random
 * halves of the rows, recentred on the score of all rows, take the place of bootstrap scores everywhere (see `resampling.ts`).
 */

import type { PreparedMetric } from './metric.ts';
import { type Random, random } from './random.ts';
import { type ResamplingMethod, recentreHalves, rowSampler } from './resampling.ts';

export interface BootstrapOptions {
  /** Default 2000. The smallest p that B resamples can give is 2/(1+B): raise it for Holm over many comparisons. */
  readonly resamples?: number;
  /** Of the interval. Default 0.95. */
  readonly level?: number;
  /** Equal seeds give equal numbers. */
  readonly seed: number;
  /** `[rows]` stratum of each row, say its class: each resample holds as many rows of a stratum as the test set does. */
  readonly strata?: ArrayLike<number>;
  /** Default 'bootstrap'; `resamplingFor(kind)` has the right one. Halves take no strata. */
  readonly resampling?: ResamplingMethod;
}

export interface BootstrapInterval {
  /** The score on the rows as they are, mean over seeds. */
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly resamples: number;
  /** Standard deviation of the resampled scores. */
  readonly standardError: number;
  /** Resamples with an undefined score that were drawn again. */
  readonly redrawn: number;
}

export interface PairedDifference {
  /** Score of a minus score of b, turned round where lower scores are better: positive means that a is better. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly level: number;
  /** Two-sided, 2 min((1 + #{d <= 0}) / (1 + B), (1 + #{d >= 0}) / (1 + B)), at most 1. */
  readonly p: number;
  readonly resamples: number;
  readonly standardError: number;
  readonly redrawn: number;
}

/**
 * Interval of one contender's score.
 * @param prepared one metric per seed, all on the same test rows.
 * @param rows number of test rows.
 * Everything but `estimate` is NaN when the estimate is undefined, when there are fewer than two rows, or when more than
 * half of all resamples have an undefined score.
 */
export function bootstrapInterval(
  prepared: readonly PreparedMetric[],
  rows: number,
  options: BootstrapOptions,
): BootstrapInterval {
  const { resamples = 2000, level = 0.95 } = options;
  const drawScore = seedSampler(prepared, 'prepared');
  const { estimate, scores, redrawn } = resample(rows, options, () => meanScore(prepared), drawScore);
  const { low, high, standardError } = summary(scores, level);
  return { estimate, low, high, level, resamples, standardError, redrawn };
}

/**
 * Interval and p value of the difference between two contenders on the same test rows, which are drawn jointly; seeds are
 * drawn separately for each (seed 1 of one has nothing to do with seed 1 of the other). Identical predictions give 0 and p 1.
 * @param a one metric per seed of the first contender.
 * @param b one metric per seed of the second.
 * Interval and p are NaN under the conditions of {@link bootstrapInterval}.
 */
export function pairedDifference(
  a: readonly PreparedMetric[],
  b: readonly PreparedMetric[],
  rows: number,
  options: BootstrapOptions & { readonly higherIsBetter: boolean },
): PairedDifference {
  const { resamples = 2000, level = 0.95, higherIsBetter } = options;
  const sign = higherIsBetter ? 1 : -1;
  const drawA = seedSampler(a, 'a');
  const drawB = seedSampler(b, 'b');
  const { estimate, scores, redrawn } = resample(
    rows,
    options,
    () => sign * subtract(meanScore(a), meanScore(b)),
    (multiplicities, source) => sign * subtract(drawA(multiplicities, source), drawB(multiplicities, source)),
  );
  const { low, high, standardError } = summary(scores, level);
  // "+ 0" turns a negative zero into zero
  return { difference: estimate + 0, low, high, level, p: twoSided(scores), resamples, standardError, redrawn };
}

type DrawScore = (multiplicities: Uint16Array, source: Random) => number;

function resample(
  rows: number,
  { resamples = 2000, level = 0.95, seed, strata, resampling = 'bootstrap' }: BootstrapOptions,
  plainScore: () => number,
  drawScore: DrawScore,
): { estimate: number; scores: Float64Array; redrawn: number } {
  if (!Number.isInteger(rows) || rows < 1) throw new Error(`Bootstrap needs a positive number of rows, not ${rows}`);
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new Error(`Bootstrap needs a positive number of resamples, not ${resamples}`);
  }
  if (!(level > 0 && level < 1)) throw new Error(`Bootstrap level must lie between 0 and 1, not ${level}`);
  const source = random(seed);
  const drawRows = rowSampler(resampling, rows, strata);
  const estimate = plainScore();
  const undefinedScores = { estimate, scores: new Float64Array(0) };
  if (Number.isNaN(estimate) || rows < 2) return { ...undefinedScores, redrawn: 0 };
  const multiplicities = new Uint16Array(rows);
  const scores = new Float64Array(resamples);
  let redrawn = 0;
  for (let i = 0; i < resamples; ) {
    drawRows(multiplicities, source);
    const score = drawScore(multiplicities, source);
    if (!Number.isNaN(score)) scores[i++] = score;
    else if (++redrawn > resamples) return { ...undefinedScores, redrawn };
  }
  if (resampling === 'halves') recentreHalves(scores, estimate, rows);
  return { estimate, scores: scores.sort(), redrawn };
}

/** Mean score over seeds drawn with replacement; each seed that was drawn is scored once. */
function seedSampler(prepared: readonly PreparedMetric[], name: string): DrawScore {
  const seeds = prepared.length;
  if (seeds === 0) throw new Error(`Bootstrap needs at least one prepared metric (one per seed): "${name}" is empty`);
  if (seeds === 1) return prepared[0];
  const drawn = new Uint16Array(seeds);
  return (multiplicities, source) => {
    drawn.fill(0);
    for (let i = 0; i < seeds; i++) drawn[source.below(seeds)]++;
    let sum = 0;
    for (let i = 0; i < seeds; i++) if (drawn[i] > 0) sum += drawn[i] * prepared[i](multiplicities);
    return sum / seeds;
  };
}

/** x - y, and 0 where they differ by rounding only: a tie of two contenders must count as one. */
function subtract(x: number, y: number): number {
  const difference = x - y;
  return Math.abs(difference) <= 1e-12 * Math.max(Math.abs(x), Math.abs(y)) ? 0 : difference;
}

function meanScore(prepared: readonly PreparedMetric[]): number {
  return prepared.reduce((sum, score) => sum + score(), 0) / prepared.length;
}

/** Percentile interval (linear interpolation between order statistics, as numpy.quantile) and standard deviation. */
function summary(sorted: Float64Array, level: number): { low: number; high: number; standardError: number } {
  if (sorted.length === 0) return { low: Number.NaN, high: Number.NaN, standardError: Number.NaN };
  const mean = sorted.reduce((sum, score) => sum + score, 0) / sorted.length;
  const squares = sorted.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return {
    low: quantile(sorted, (1 - level) / 2),
    high: quantile(sorted, (1 + level) / 2),
    standardError: Math.sqrt(squares / (sorted.length - 1)),
  };
}

function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

function twoSided(differences: Float64Array): number {
  if (differences.length === 0) return Number.NaN;
  let notAbove = 0;
  let notBelow = 0;
  for (const difference of differences) {
    if (difference <= 0) notAbove++;
    if (difference >= 0) notBelow++;
  }
  return Math.min(1, (2 * (1 + Math.min(notAbove, notBelow))) / (1 + differences.length));
}
