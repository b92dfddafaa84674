/**
 * Random draws for the generators, made of additions, multiplications and comparisons only. IEEE
 * 754 defines these to the last bit, so a seed gives the same bytes on every machine. Logarithms,
 * powers and cosines are not exactly defined and are avoided.
 */

/** A source of uniform numbers in [0, 1). */
export type Uniform = () => number;

/** Integer in [low, high], both included. */
export function drawInteger(uniform: Uniform, low: number, high: number): number {
  return low + Math.floor(uniform() * (high - low + 1));
}

/** Real number in [low, high). */
export function drawBetween(uniform: Uniform, low: number, high: number): number {
  return low + uniform() * (high - low);
}

/** Index drawn with probability proportional to `weights` (non-negative, not all zero). */
export function drawIndex(uniform: Uniform, weights: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  let left = uniform() * total;
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i];
    if (left < 0) return i;
  }
  // Rounding can leave a small rest: it goes to the last index with any weight.
  for (let i = weights.length - 1; ; i--) if (weights[i] > 0) return i;
}

/**
 * Mean 0, variance 1: the sum of twelve uniforms minus six (Irwin-Hall; tails end at +-6), which
 * needs no logarithm.
 */
export function drawNormal(uniform: Uniform): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += uniform();
  return sum;
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled<T>(uniform: Uniform, items: readonly T[]): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = drawInteger(uniform, 0, i);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

/** `total` divided over `shares` in whole numbers by largest remainders, so that the sum is exact. */
export function apportion(total: number, shares: readonly number[]): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  const exact = shares.map((share) => (total * share) / sum);
  const counts = exact.map(Math.floor);
  const byRemainder = exact.map((_, i) => i).sort((i, j) => exact[j] - counts[j] - (exact[i] - counts[i]) || i - j);
  const missing = total - counts.reduce((a, b) => a + b, 0);
  for (const i of byRemainder.slice(0, missing)) counts[i] += 1;
  return counts;
}
