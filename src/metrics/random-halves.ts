/**
 * Random halves of the test rows, for scores that depend on which rows share a cluster: a bootstrap
 * would draw a row twice, and a row always shares class and cluster with its copy.
 *
 * Halves are the delete-d jackknife with d = n / 2 (Shao & Wu 1989, Ann. Statist. 17:1176). A score
 * of m of n rows varies about that of all n with variance V (1/m - 1/n), where the score of all n
 * has V / n, so deviations times sqrt(m / (n - m)) have the right variance to first order: a factor
 * of 1 at m = n / 2. A score of fewer rows can also be higher or lower on average, as AMI is with
 * fewer rows per class; therefore deviations are taken from the mean over halves.
 */

import type { Random } from './random.ts';

/** Fills how often each row is drawn: 1 for the drawn half, 0 for the rest. */
export type DrawRows = (multiplicities: Uint16Array, source: Random) => void;

/** The first half of a Fisher-Yates shuffle; of an odd number of rows the smaller half. */
export function halfSampler(rows: number): DrawRows {
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

/**
 * Converts scores of halves of `rows` rows to scaled deviations from their mean, in place. NaN
 * stays.
 */
export function scaleHalves(scores: Float64Array, rows: number): void {
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
  for (let i = 0; i < scores.length; i++) scores[i] = factor * (scores[i] - mean);
}
