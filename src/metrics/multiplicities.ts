/** How often each row counts. A bootstrap resample is a vector of these; the plain score is the vector of ones. */

/**
 * Returns a function that yields the multiplicities to score with: those given, or ones.
 * @throws when the length is not `rows`.
 */
export function multiplicitiesOf(metric: string, rows: number): (given?: Uint16Array) => Uint16Array {
  const ones = new Uint16Array(rows).fill(1);
  return (given = ones) => {
    if (given.length !== rows) throw new Error(`${metric}: ${given.length} multiplicities for ${rows} rows`);
    return given;
  };
}

/** Mean of per-row values, each row counted as often as drawn; NaN when none was drawn. */
export function weightedMean(values: ArrayLike<number>, multiplicities: Uint16Array): number {
  let total = 0;
  let sum = 0;
  for (let row = 0; row < multiplicities.length; row++) {
    total += multiplicities[row];
    sum += multiplicities[row] * values[row];
  }
  return sum / total;
}

/** Unweighted mean of one score per class, label or target. NaN when any of them is undefined, or there is none. */
export function macroMean(scores: readonly number[]): number {
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
