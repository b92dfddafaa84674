/**
 * Verdicts over many comparisons: Holm's step-down correction (Holm 1979), which bounds the chance of even one false
 * "better" or "worse" in the family, whatever the dependence between comparisons.
 */

export type Verdict = 'better' | 'indistinguishable' | 'worse' | 'undefined';

/**
 * Adjusted p values, in the order given: the i-th smallest of m times (m - i + 1), made non-decreasing, at most 1.
 * NaN (an undefined comparison) stays NaN and does not count as a comparison.
 * @throws for a p value outside [0, 1].
 */
export function holm(pValues: readonly number[]): number[] {
  const bad = pValues.findIndex((p) => p < 0 || p > 1);
  if (bad >= 0) throw new Error(`p value ${bad} is ${pValues[bad]}; expected a number between 0 and 1`);
  const order = [...pValues.keys()].filter((i) => !Number.isNaN(pValues[i])).sort((i, j) => pValues[i] - pValues[j]);
  const adjusted = pValues.map(() => Number.NaN);
  let floor = 0;
  order.forEach((index, rank) => {
    floor = Math.max(floor, Math.min(1, pValues[index] * (order.length - rank)));
    adjusted[index] = floor;
  });
  return adjusted;
}

/**
 * What a comparison may claim. "better" or "worse" needs both an adjusted p of at most `alpha` and an interval that leaves
 * out 0; otherwise the two are indistinguishable on these data, which is not to say equal. "undefined" when any number is NaN.
 * @param difference oriented so that positive means better.
 */
export function verdict(
  difference: number,
  adjustedP: number,
  interval: { readonly low: number; readonly high: number },
  alpha = 0.05,
): Verdict {
  if ([difference, adjustedP, interval.low, interval.high].some(Number.isNaN)) return 'undefined';
  if (adjustedP > alpha) return 'indistinguishable';
  if (difference > 0 && interval.low > 0) return 'better';
  if (difference < 0 && interval.high < 0) return 'worse';
  return 'indistinguishable';
}
