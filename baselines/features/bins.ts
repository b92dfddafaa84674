/** Features as bins of at most 256 per feature, column by column, for a forest's split search. */
import type { Matrix } from '../../src/index.ts';

const MOST_BINS = 256;

export interface BinnedFeatures {
  readonly rows: number;
  readonly columns: number;
  /** `[columns, rows]`: bins of a feature are in the order of its values. */
  readonly bins: Uint8Array;
  /** Bins of each feature. */
  readonly counts: Int32Array;
  /** Smallest and largest value in each bin, `[columns, 256]`. */
  readonly lowest: Float64Array;
  readonly highest: Float64Array;
}

/** Upper values of the bins: every distinct value, or quantiles of the rows where there are more than 256. */
function upperValues(sorted: Float64Array): number[] {
  const distinct: number[] = [];
  for (const value of sorted)
    if (distinct.length === 0 || value !== distinct[distinct.length - 1]) distinct.push(value);
  if (distinct.length <= MOST_BINS) return distinct;
  const quantiles = Array.from(
    { length: MOST_BINS },
    (_, i) => sorted[Math.ceil(((i + 1) * sorted.length) / MOST_BINS) - 1],
  );
  return [...new Set(quantiles)];
}

/** @throws where a feature is not a finite number. */
export function checkFinite({ rows, columns, values }: Matrix): void {
  for (let i = 0; i < rows * columns; i++)
    if (!Number.isFinite(values[i]))
      throw new Error(`row ${Math.floor(i / columns)} of feature ${i % columns} is ${values[i]}, not a finite number`);
}

/** @throws where a feature is not a finite number. */
export function binFeatures(features: Matrix): BinnedFeatures {
  checkFinite(features);
  const { rows, columns, values } = features;
  const bins = new Uint8Array(rows * columns);
  const counts = new Int32Array(columns);
  const lowest = new Float64Array(columns * MOST_BINS).fill(Number.POSITIVE_INFINITY);
  const highest = new Float64Array(columns * MOST_BINS).fill(Number.NEGATIVE_INFINITY);
  const column = new Float64Array(rows);
  for (let c = 0; c < columns; c++) {
    for (let r = 0; r < rows; r++) column[r] = values[r * columns + c];
    const uppers = upperValues(Float64Array.from(column).sort());
    counts[c] = uppers.length;
    for (let r = 0; r < rows; r++) {
      const bin = firstAtLeast(uppers, column[r]);
      bins[c * rows + r] = bin;
      const at = c * MOST_BINS + bin;
      if (column[r] < lowest[at]) lowest[at] = column[r];
      if (column[r] > highest[at]) highest[at] = column[r];
    }
  }
  return { rows, columns, bins, counts, lowest, highest };
}

/** Position of the first of the sorted `uppers` that is not below `value`; the last one is not. */
function firstAtLeast(uppers: readonly number[], value: number): number {
  let low = 0;
  let high = uppers.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (uppers[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The value half way between two bins of a feature, as scikit-learn places a threshold. */
export function thresholdBetween(
  { lowest, highest }: BinnedFeatures,
  column: number,
  left: number,
  right: number,
): number {
  const below = highest[column * MOST_BINS + left];
  const middle = below / 2 + lowest[column * MOST_BINS + right] / 2;
  return middle === lowest[column * MOST_BINS + right] ? below : middle;
}
