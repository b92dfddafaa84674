/** Matrices for tests, from plain numbers; as many columns as the numbers fill. */
import type { Targets } from '../../src/core/matrix.ts';

export function targetsOf(rows: number, values: readonly number[]): Targets {
  return { rows, columns: values.length / rows, values: Float64Array.from(values) };
}

/** Predictions given as integers over `scale`. */
export function predictionsOf(rows: number, values: readonly number[], scale: number): Targets {
  return { rows, columns: values.length / rows, values: Float64Array.from(values, (value) => value / scale) };
}
