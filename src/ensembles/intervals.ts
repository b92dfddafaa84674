/**
 * Intervals of an ensemble's numbers, for two sources of error that are never mixed. Over members
 * (other seeds): the jackknife that leaves out one member with all its pairs (pairs share members,
 * so they are not independent; Arvesen 1969, Ann. Math. Statist. 40:2076), with Student's t of
 * members - 1 degrees of freedom. Over windows (other text): the percentile bootstrap over windows
 * with fixed members. Neither covers the choice of corpus or configuration.
 */

import { createRandom } from '../core/random.ts';
import { spread } from '../diagnostics/geometry/spread.ts';
import { studentQuantile } from '../metrics/student.ts';

export const LEVEL = 0.95;
const RESAMPLES = 1000;

export interface Interval {
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
}

export interface Estimate {
  readonly mean: number;
  /** Population standard deviation over the members, or pairs (as in the paper). */
  readonly standardDeviation: number;
  /**
   * Undefined for too few members: below two for numbers of members, below three for numbers of
   * pairs.
   */
  readonly members?: Interval;
  /** Undefined when the number does not depend on windows. */
  readonly windows?: Interval;
}

export interface PairValue {
  readonly first: number;
  readonly second: number;
  readonly value: number;
}

/** For one number per member. */
export function overMembers(values: readonly number[], windows?: Interval): Estimate {
  const total = values.reduce((sum, value) => sum + value, 0);
  const leftOut = values.map((value) => (total - value) / (values.length - 1));
  return estimate(spread(values), values.length > 1 ? leftOut : [], windows);
}

/** For one number per pair of members. */
export function overPairs(pairs: readonly PairValue[], windows?: Interval): Estimate {
  const members = pairs.reduce((most, { second }) => Math.max(most, second + 1), 0);
  const leftOut = Array.from({ length: members }, (_, member) => {
    const others = pairs.filter(({ first, second }) => first !== member && second !== member);
    return others.reduce((sum, { value }) => sum + value, 0) / others.length;
  });
  return estimate(spread(pairs.map(({ value }) => value)), members > 2 ? leftOut : [], windows);
}

/** For a number of the whole ensemble, and the same without each member in turn. */
export function overSubsets(mean: number, leftOut: readonly number[], windows?: Interval): Estimate {
  return estimate({ mean, standardDeviation: spread(leftOut).standardDeviation }, leftOut, windows);
}

function estimate(
  { mean, standardDeviation }: Pick<Estimate, 'mean' | 'standardDeviation'>,
  leftOut: readonly number[],
  windows: Interval | undefined,
): Estimate {
  return { mean, standardDeviation, members: jackknife(mean, leftOut), windows };
}

function jackknife(mean: number, leftOut: readonly number[]): Interval | undefined {
  const n = leftOut.length;
  if (n < 2) return undefined;
  const middle = leftOut.reduce((sum, value) => sum + value, 0) / n;
  const squares = leftOut.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const standardError = Math.sqrt(((n - 1) / n) * squares);
  const reach = standardError * studentQuantile((1 + LEVEL) / 2, n - 1);
  return { standardError, low: mean - reach, high: mean + reach };
}

/** Sums over the positions of one window, for any number of measures. */
export interface WindowSums<Name extends string> {
  /** Sum of each measure. */
  readonly sums: Readonly<Record<Name, number>>;
  /** Denominator of each measure: positions, or letters. */
  readonly counts: Readonly<Record<Name, number>>;
}

/**
 * Intervals of the means of measures over resampled windows, all measures over the same draws: sum
 * of sums over sum of counts. Undefined for fewer than two windows. Draws with a count of 0 are
 * left out.
 */
export function overWindows<Name extends string>(
  windows: readonly WindowSums<Name>[],
  names: readonly Name[],
  seed: number | string,
): Partial<Record<Name, Interval>> {
  if (windows.length < 2) return {};
  const random = createRandom(`ensemble-windows:${seed}`);
  const width = names.length;
  const table = Float64Array.from(
    windows.flatMap(({ sums, counts }) => names.flatMap((name) => [sums[name], counts[name]])),
  ); // [windows, measures, 2]
  const scores = names.map(() => [] as number[]);
  const totals = new Float64Array(2 * width);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    totals.fill(0);
    for (let draw = 0; draw < windows.length; draw++) {
      const start = random.integer(windows.length) * 2 * width;
      for (let i = 0; i < totals.length; i++) totals[i] += table[start + i];
    }
    for (let i = 0; i < width; i++) if (totals[2 * i + 1] > 0) scores[i].push(totals[2 * i] / totals[2 * i + 1]);
  }
  const found: Partial<Record<Name, Interval>> = {};
  names.forEach((name, i) => {
    if (scores[i].length > 1) found[name] = percentiles(scores[i]);
  });
  return found;
}

function percentiles(scores: readonly number[]): Interval {
  const sorted = Float64Array.from(scores).sort();
  const at = (q: number) => {
    const place = q * (sorted.length - 1);
    const below = Math.floor(place);
    return sorted[below] + (place - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
  };
  const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
  const squares = scores.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (scores.length - 1));
  return { standardError, low: at((1 - LEVEL) / 2), high: at((1 + LEVEL) / 2) };
}
