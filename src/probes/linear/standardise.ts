/**
 * Per-feature standardisation: subtract the mean and divide by the standard deviation (divisor n) of the training rows, as
 * scikit-learn's StandardScaler does. A feature that is constant within float32 resolution keeps the scale 1, so it becomes 0.
 */
import { requireFinite } from '../../algebra/finite.ts';
import type { Matrix } from '../../core/matrix.ts';

export interface Standardiser {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
  readonly constantFeatures: number;
  /** Rows `[start, end)` of a matrix, standardised: `[end - start, columns]` float32. */
  apply(features: Matrix, start?: number, end?: number): Matrix & { readonly values: Float32Array };
  /** The same in float64. */
  apply64(features: Matrix, start?: number, end?: number): Matrix & { readonly values: Float64Array };
}

/** Measures mean and standard deviation, in float64 and in two passes. Throws on no rows and on values that are not finite. */
export function fitStandardiser(features: Matrix): Standardiser {
  const { rows, columns, values } = features;
  if (rows === 0 || columns === 0) throw new Error(`Training features are empty: [${rows}, ${columns}].`);
  requireFinite(features, 'Training features');
  const mean = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) mean[c] += values[r * columns + c];
  for (let c = 0; c < columns; c++) mean[c] /= rows;
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) scale[c] += (values[r * columns + c] - mean[c]) ** 2;
  let constantFeatures = 0;
  for (let c = 0; c < columns; c++) {
    scale[c] = Math.sqrt(scale[c] / rows);
    if (scale[c] <= 1e-7 * Math.abs(mean[c])) {
      scale[c] = 1;
      constantFeatures += 1;
    }
  }
  const fill = <T extends Float32Array | Float64Array>(values: T, other: Matrix, start: number): T => {
    if (other.columns !== columns) {
      throw new Error(`Features have ${other.columns} columns, but the probe was fitted on ${columns}.`);
    }
    for (let i = 0, from = start * columns, c = 0; i < values.length; i++, c = c + 1 === columns ? 0 : c + 1) {
      values[i] = (other.values[from + i] - mean[c]) / scale[c];
    }
    return values;
  };
  return {
    mean,
    scale,
    constantFeatures,
    apply: (other, start = 0, end = other.rows) => ({
      rows: end - start,
      columns,
      values: fill(new Float32Array((end - start) * columns), other, start),
    }),
    apply64: (other, start = 0, end = other.rows) => ({
      rows: end - start,
      columns,
      values: fill(new Float64Array((end - start) * columns), other, start),
    }),
  };
}
