/**
 * The best threshold of one feature for the rows of a node. Both rules maximise
 *
 *   sum_k L_k^2 / L + sum_k R_k^2 / R,
 *
 * L_k and R_k the classes' (weighted) rows to the left and right, L and R all rows there: the
 * largest decrease of Gini impurity (Breiman et al. 1984). With numbers instead of classes, L_1 and
 * R_1 are their sums: the largest decrease of variance.
 */
import { type BinnedFeatures, thresholdBetween } from './bins.ts';

export interface Answers {
  /** Class indices, or numbers. */
  readonly values: Float64Array;
  /** Copies of each row in the sample. */
  readonly weights: Float64Array;
  readonly outputs: number;
}

export interface BestSplit {
  readonly column: number;
  /** The last bin that goes left. */
  readonly bin: number;
  /** Values up to this go left. */
  readonly threshold: number;
  /** The sum above, to compare splits of one node. */
  readonly gain: number;
}

/** Undefined where no threshold leaves `least` rows (copies counted) on both sides. */
export type SplitSearch = (rows: Int32Array, column: number, least: number) => BestSplit | undefined;

/** Numbers, or two classes 0 and 1. Values are centred per node, so that large means don't cancel. */
export function meanSplits(binned: BinnedFeatures, { values, weights }: Answers): SplitSearch {
  const weightOf = new Float64Array(256);
  const sumOf = new Float64Array(256);
  return (rows, column, least) => {
    const { bins } = binned;
    const offset = column * binned.rows;
    const centre = values[rows[0]];
    let [total, sum, lowest, highest] = [0, 0, 255, 0];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      const bin = bins[offset + row];
      const weight = weights[row];
      const value = weight * (values[row] - centre);
      weightOf[bin] += weight;
      sumOf[bin] += value;
      total += weight;
      sum += value;
      if (bin < lowest) lowest = bin;
      if (bin > highest) highest = bin;
    }
    let [left, leftSum, bestGain, bestBin, bestNext] = [0, 0, Number.NEGATIVE_INFINITY, -1, -1];
    let previous = -1; // a bin with rows whose threshold may be the best
    for (let bin = lowest; bin <= highest; bin++) {
      if (weightOf[bin] === 0) continue;
      const right = total - left;
      if (previous >= 0 && left >= least && right >= least) {
        const gain = (leftSum * leftSum) / left + ((sum - leftSum) * (sum - leftSum)) / right;
        if (gain > bestGain) [bestGain, bestBin, bestNext] = [gain, previous, bin];
      }
      left += weightOf[bin];
      leftSum += sumOf[bin];
      previous = bin;
      weightOf[bin] = 0;
      sumOf[bin] = 0;
    }
    if (bestBin < 0) return undefined;
    return {
      column,
      bin: bestBin,
      threshold: thresholdBetween(binned, column, bestBin, bestNext),
      gain: bestGain,
    };
  };
}

/** Any number of classes: rows in the order of their bins, the sums of squares updated row by row. */
export function classSplits(binned: BinnedFeatures, { values, weights, outputs }: Answers): SplitSearch {
  const starts = new Int32Array(257);
  const ordered = new Int32Array(binned.rows);
  const leftOf = new Float64Array(outputs);
  const rightOf = new Float64Array(outputs);
  return (rows, column, least) => {
    const { bins } = binned;
    const offset = column * binned.rows;
    let [total, lowest, highest] = [0, 255, 0];
    for (let i = 0; i < rows.length; i++) {
      const bin = bins[offset + rows[i]];
      if (bin < lowest) lowest = bin;
      if (bin > highest) highest = bin;
    }
    if (lowest === highest) return undefined;
    // A counting sort: starts[bin + 1] counts, then becomes where each bin begins.
    starts.fill(0, lowest, highest + 2);
    for (let i = 0; i < rows.length; i++) starts[bins[offset + rows[i]] + 1] += 1;
    for (let bin = lowest; bin <= highest; bin++) starts[bin + 1] += starts[bin];
    let rightSquares = 0; // sum of rightOf^2
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      ordered[starts[bins[offset + row]]++] = row;
      const weight = weights[row];
      rightSquares += weight * (2 * rightOf[values[row]] + weight);
      rightOf[values[row]] += weight;
      total += weight;
    }
    let [left, leftSquares, bestGain, bestBin, bestNext] = [0, 0, Number.NEGATIVE_INFINITY, -1, -1];
    let previous = lowest;
    for (let i = 0; i < rows.length; i++) {
      const row = ordered[i];
      const bin = bins[offset + row];
      if (bin !== previous) {
        const right = total - left;
        if (left >= least && right >= least) {
          const gain = leftSquares / left + rightSquares / right;
          if (gain > bestGain) [bestGain, bestBin, bestNext] = [gain, previous, bin];
        }
        previous = bin;
      }
      const weight = weights[row];
      const k = values[row];
      leftSquares += weight * (2 * leftOf[k] + weight);
      rightSquares -= weight * (2 * rightOf[k] - weight);
      leftOf[k] += weight;
      rightOf[k] -= weight;
      left += weight;
    }
    for (let i = 0; i < rows.length; i++) {
      leftOf[values[rows[i]]] = 0;
      rightOf[values[rows[i]]] = 0;
    }
    if (bestBin < 0) return undefined;
    return {
      column,
      bin: bestBin,
      threshold: thresholdBetween(binned, column, bestBin, bestNext),
      gain: bestGain,
    };
  };
}
