/** Mean and standard deviation of a measure over an ensemble's members or pairs. */

export interface Spread {
  readonly mean: number;
  /** Population standard deviation (ddof 0, as in the paper's code). */
  readonly standardDeviation: number;
}

/** Over the values that are not NaN; NaN when there are none. */
export function spread(values: readonly number[]): Spread {
  const defined = values.filter((value) => !Number.isNaN(value));
  const mean = defined.reduce((sum, value) => sum + value, 0) / defined.length;
  const squares = defined.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: Math.sqrt(squares / defined.length) };
}
