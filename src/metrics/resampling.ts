/**
 * How test rows are drawn again to see how sure a score is. Bootstrap: as many rows as there are, with replacement. Halves:
 * half of the rows without replacement, for scores that are distorted by a row standing twice in a sample, as those of
 * clusterings are (`clustering.ts`).
 *
 * Halves are the delete-d jackknife with d = n / 2 (Shao & Wu 1989, Ann. Statist. 17:1176), or subsampling with a finite-population
 * factor (Politis & Romano 1994, Ann. Statist. 22:2031). A score of m of n rows varies about that of all n with variance
 * V (1/m - 1/n) where the latter itself has V / n, so deviations times sqrt(m / (n - m)) have the right spread to first order, a
 * factor of 1 at m = n / 2. A score of fewer rows may also be higher or lower in the mean, as AMI is with fewer rows per class:
 * hence deviations are taken from the mean over halves and added to the score of all rows. Intervals may so pass a bound of
 * the score (AMI 1) by a little.
 */

import type { TaskKind } from '../core/matrix.ts';
import type { Random } from './random.ts';

export type ResamplingMethod = 'bootstrap' | 'halves';

/** The resampling that scores of this kind of task need. */
export function resamplingFor(kind: TaskKind): ResamplingMethod {
  return kind === 'clustering' ? 'halves' : 'bootstrap';
}

/** Fills how often each row is drawn. */
export type DrawRows = (multiplicities: Uint16Array, source: Random) => void;

/**
 * Draws rows of all, or (bootstrap only) within strata, each of which keeps its number of rows.
 * @param strata `[rows]` stratum of each row.
 */
export function rowSampler(method: ResamplingMethod, rows: number, strata?: ArrayLike<number>): DrawRows {
  if (strata && strata.length !== rows) throw new Error(`${strata.length} strata for ${rows} rows`);
  if (method === 'halves') {
    if (strata) throw new Error('Resampling by halves draws from all rows: leave out `strata`');
    return halfSampler(rows);
  }
  const groups = new Map<number, number[]>();
  for (let row = 0; row < rows; row++) {
    const stratum = strata ? strata[row] : 0;
    const members = groups.get(stratum);
    if (members) members.push(row);
    else groups.set(stratum, [row]);
  }
  const members = [...groups.values()].map((group) => Int32Array.from(group));
  return (multiplicities, source) => {
    multiplicities.fill(0);
    for (const group of members) {
      const size = group.length;
      for (let i = 0; i < size; i++) multiplicities[group[source.below(size)]]++;
    }
  };
}

/** The first half of a Fisher-Yates shuffle; of an odd number of rows the smaller half. */
function halfSampler(rows: number): DrawRows {
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  return (multiplicities, source) => {
    multiplicities.fill(0);
    for (let i = 0; i < Math.floor(rows / 2); i++) {
      const j = i + source.below(rows - i);
      const drawn = order[j];
      order[j] = order[i];
      order[i] = drawn;
      multiplicities[drawn] = 1;
    }
  };
}

/** Turns scores of halves of `rows` rows into draws about the score of all rows, in place; NaN stays. */
export function recentreHalves(scores: Float64Array, estimate: number, rows: number): void {
  const half = Math.floor(rows / 2);
  const factor = Math.sqrt(half / (rows - half));
  let sum = 0;
  let defined = 0;
  for (const score of scores) {
    if (Number.isNaN(score)) continue;
    sum += score;
    defined++;
  }
  const mean = sum / defined;
  for (let i = 0; i < scores.length; i++) scores[i] = estimate + factor * (scores[i] - mean);
}
