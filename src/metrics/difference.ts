/**
 * The difference of two contenders' scores on the same test rows, with interval and p value. The
 * target is the difference of the expected scores over test rows and training seeds. Its variance:
 *
 *   V = V(rows) + sum over both sides of sigma2 / seeds
 *
 * V(rows) is the variance over rows of the difference of the means over seeds (`deviations.ts`),
 * sigma2 the variance over seeds (`seed-variance.ts`). Interval and p use Student's t with the
 * degrees of freedom of Welch and Satterthwaite, so they agree: p <= 0.05 exactly when the 95%
 * interval excludes 0. p has no lower bound, so corrections over many comparisons keep their power.
 */
import { type Deletion, meanDeviations, rowDegrees } from './deviations.ts';
import type { SeedVariance } from './seed-variance.ts';
import { studentQuantile } from './student.ts';

/** One side of a comparison. */
export interface ScoredSeeds {
  /** `[seeds]` score of each seed on all rows. */
  readonly scores: readonly number[];
  /** `[seeds]` deviations of each seed's score. */
  readonly deviations: readonly Float64Array[];
  /** Undefined: a stochastic contender about whose seeds nothing is known. */
  readonly seedVariance: SeedVariance | undefined;
}

export interface DifferenceEstimate {
  /** Score of a minus score of b; positive means that a is better, whatever the metric. */
  readonly difference: number;
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided. */
  readonly p: number;
  /**
   * True when a side has one seed and nothing is known about its seed variance: interval and p are
   * then NaN, because those of the rows alone would be too sure.
   */
  readonly needsSeeds: boolean;
}

export interface DifferenceOptions {
  readonly higherIsBetter: boolean;
  /** Of the interval, such as 0.95. */
  readonly level: number;
  /** Added to the standard error in squares: see `selectionEffect`. Default 0. */
  readonly selection?: number;
}

/** Differences below this share of the scores are rounding errors. */
const ROUNDING = 1e-12;

/** Interval and p are NaN when a score is undefined or has no variance that could be estimated. */
export function differenceOf(
  a: ScoredSeeds,
  b: ScoredSeeds,
  rows: Deletion,
  { higherIsBetter, level, selection = 0 }: DifferenceOptions,
): DifferenceEstimate {
  const sign = higherIsBetter ? 1 : -1;
  const [meanA, meanB] = [a, b].map(({ scores }) => scores.reduce((sum, score) => sum + score, 0) / scores.length);
  const raw = sign * (meanA - meanB);
  const scale = Math.max(Math.abs(meanA), Math.abs(meanB));
  const difference = Math.abs(raw) <= ROUNDING * scale ? 0 : raw;
  const unknown = { standardError: Number.NaN, low: Number.NaN, high: Number.NaN, p: Number.NaN };
  if (!Number.isFinite(difference)) return { difference, ...unknown, needsSeeds: false };
  const [ofA, ofB] = [meanDeviations(a.deviations), meanDeviations(b.deviations)];
  const deviations = ofA.map((value, i) => value - ofB[i]);
  let ofRows = deviations.reduce((sum, value) => sum + value * value, 0);
  if (Number.isNaN(ofRows)) return { difference, ...unknown, needsSeeds: false };
  if (Math.sqrt(ofRows) <= ROUNDING * scale) ofRows = 0;
  if (difference === 0 && ofRows === 0) {
    // The same predictions: a tie, however many seeds there are.
    return { difference, standardError: 0, low: 0, high: 0, p: 1, needsSeeds: false };
  }
  if (!a.seedVariance || !b.seedVariance) return { difference, ...unknown, needsSeeds: true };
  const parts = varianceParts(ofRows, rowDegrees(deviations, rows), [a, b]);
  if (selection !== 0) parts.push({ variance: selection ** 2, degrees: Number.POSITIVE_INFINITY });
  const variance = parts.reduce((sum, part) => sum + part.variance, 0);
  if (!(variance > 0)) return { difference, ...unknown, needsSeeds: false };
  const half = halfWidth(parts, 1 - level);
  return {
    difference,
    standardError: Math.sqrt(variance),
    low: difference - half,
    high: difference + half,
    p: pValue(Math.abs(difference), parts),
    needsSeeds: false,
  };
}

/**
 * The interval of one contender's mean score over its seeds, for other test rows and other seeds.
 * It is computed on a scale without bounds (logit between two bounds, logarithm above one) and
 * converted back, so it stays within the metric's range; at a bound the score has no interval.
 * Seeds that nothing is known about count as equal: `seedsUnknown` is then true.
 */
export function scoreInterval(
  side: ScoredSeeds,
  rows: Deletion,
  { level, range }: { readonly level: number; readonly range: Range },
): { estimate: number; low: number; high: number; standardError: number; seedsUnknown: boolean } {
  const estimate = side.scores.reduce((sum, score) => sum + score, 0) / side.scores.length;
  const deviations = meanDeviations(side.deviations);
  const ofRows = deviations.reduce((sum, value) => sum + value * value, 0);
  const seedsUnknown = side.seedVariance === undefined;
  const unknown = { estimate, low: Number.NaN, high: Number.NaN, standardError: Number.NaN, seedsUnknown };
  if (!Number.isFinite(estimate) || Number.isNaN(ofRows)) return unknown;
  if (ofRows === 0 && !(side.seedVariance && side.seedVariance.sigma2 > 0)) {
    return { estimate, low: estimate, high: estimate, standardError: 0, seedsUnknown };
  }
  const known = seedsUnknown ? [] : [side];
  const parts = varianceParts(ofRows, rowDegrees(deviations, rows), known);
  const standardError = Math.sqrt(parts.reduce((sum, part) => sum + part.variance, 0));
  const half = halfWidth(parts, 1 - level);
  const [to, from, slope] = unbounded(range, estimate);
  const [low, high] = [from(to(estimate) - half * slope), from(to(estimate) + half * slope)];
  return { estimate, low, high, standardError, seedsUnknown };
}

/** Bounds of a metric; infinite when there is none. */
export type Range = readonly [low: number, high: number];

/** A map to a scale without bounds, its inverse, and its derivative at `score`. */
function unbounded([low, high]: Range, score: number): [(x: number) => number, (y: number) => number, number] {
  const [below, above] = [Number.isFinite(low), Number.isFinite(high)];
  if (below && above && score > low && score < high) {
    const share = (score - low) / (high - low);
    return [
      (x) => Math.log((x - low) / (high - x)),
      (y) => low + (high - low) / (1 + Math.exp(-y)),
      1 / ((high - low) * share * (1 - share)),
    ];
  }
  if (below && !above && score > low) return [(x) => Math.log(x - low), (y) => low + Math.exp(y), 1 / (score - low)];
  if (!below && above && score < high)
    return [(x) => -Math.log(high - x), (y) => high - Math.exp(-y), 1 / (high - score)];
  return [(x) => x, (y) => Math.min(high, Math.max(low, y)), 1];
}

/**
 * How far the seed effects of a reference that was chosen among several by its validation score may
 * have raised its score: the share of its lead on validation rows that seeds explain. Candidates
 * whose validation scores differ for other reasons make the share small.
 * @param validation `[candidates]` mean validation score of each candidate, oriented and on the
 *   scale of the metric.
 * @param ofMean variance of the reference's mean score over its seeds, sigma2 / seeds.
 */
export function selectionEffect(validation: readonly number[], chosen: number, ofMean: number): number {
  if (validation.length < 2 || ofMean <= 0) return 0;
  const mean = validation.reduce((sum, value) => sum + value, 0) / validation.length;
  const variance = validation.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (validation.length - 1);
  if (!(variance > 0)) return 0;
  return Math.max(0, Math.min(1, ofMean / variance) * (validation[chosen] - mean));
}

interface VariancePart {
  readonly variance: number;
  readonly degrees: number;
}

/**
 * The parts of the variance: rows, as far as all seeds of a side share the errors; and for each
 * side its seeds, with their interaction with rows.
 */
function varianceParts(ofRows: number, degrees: number, sides: readonly ScoredSeeds[]): VariancePart[] {
  const seeds = sides.map(({ scores, seedVariance }) => {
    const { sigma2, interaction, degrees: own } = seedVariance!;
    return { variance: (sigma2 + interaction) / scores.length, interaction: interaction / scores.length, degrees: own };
  });
  const interaction = seeds.reduce((sum, part) => sum + part.interaction, 0);
  return [{ variance: Math.max(0, ofRows - interaction), degrees }, ...seeds].filter(({ variance }) => variance > 0);
}

/** From this many degrees of freedom of every part on, Welch's approximation holds. */
const WELCH_DEGREES = 8;

/**
 * Half the width of the interval that errs with probability `p`. With enough degrees of freedom:
 * Student's t with those of the whole variance (Welch 1947; Satterthwaite 1946). With few, that is
 * too narrow, because a variance that is small by chance counts for little in the degrees of
 * freedom; then the root of the sum of t^2 x variance over the parts, each with its own degrees of
 * freedom (Banerjee 1961, Sankhya A 23:359), whose coverage is at least nominal.
 */
function halfWidth(parts: readonly VariancePart[], p: number): number {
  if (parts.every(({ degrees }) => degrees >= WELCH_DEGREES)) {
    const variance = parts.reduce((sum, part) => sum + part.variance, 0);
    const whole = variance ** 2 / parts.reduce((sum, part) => sum + part.variance ** 2 / part.degrees, 0);
    return studentQuantile(1 - p / 2, Math.min(whole, 1e6)) * Math.sqrt(variance);
  }
  return Math.sqrt(
    parts.reduce(
      (sum, { variance, degrees }) => sum + studentQuantile(1 - p / 2, Math.min(degrees, 1e6)) ** 2 * variance,
      0,
    ),
  );
}

/** The p whose interval has `distance` as half its width, by bisection on the logarithm. */
function pValue(distance: number, parts: readonly VariancePart[]): number {
  if (distance === 0) return 1;
  let [low, high] = [Math.log(1e-15), 0];
  if (halfWidth(parts, Math.exp(low)) <= distance) return 1e-15;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (halfWidth(parts, Math.exp(middle)) > distance) low = middle;
    else high = middle;
  }
  return Math.exp(high);
}
