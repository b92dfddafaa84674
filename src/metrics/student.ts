/**
 * Student's t distribution, for intervals from a handful of independent units: its distribution function by the regularised incomplete beta function
 * (continued fraction, DLMF 8.17.22), its quantiles by bisection. Degrees of freedom need not be whole (Welch 1947, Biometrika 34:28).
 */

/** P(T <= t) with `degrees` > 0 of freedom. */
export function studentProbability(t: number, degrees: number): number {
  const x = degrees / (degrees + t * t);
  const tail = incompleteBeta(x, degrees / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

/** The t with P(T <= t) = p. @throws for p outside (0, 1), or degrees of freedom that are not above 0. */
export function studentQuantile(p: number, degrees: number): number {
  if (!(p > 0 && p < 1)) throw new Error(`Student's t: quantile at p = ${p}; give 0 < p < 1`);
  if (!(degrees > 0)) throw new Error(`Student's t: ${degrees} degrees of freedom; give more than 0`);
  if (p < 0.5) return -studentQuantile(1 - p, degrees);
  let [low, high] = [0, 1];
  while (studentProbability(high, degrees) < p) high *= 2;
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2)
    if (studentProbability(middle, degrees) < p) low = middle;
    else high = middle;
  return high;
}

/** I_x(a, b). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  return front / betaFraction(x, a, b);
}

const MOST_TERMS = 10_000;

/** 1 + d1 / (1 + d2 / (1 + ...)), by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let [value, c, d] = [1, 1, 0];
  for (let term = 1; term <= MOST_TERMS; term++) {
    const m = term >> 1;
    const even = (m * (b - m)) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m)) / ((a + 2 * m) * (a + 2 * m + 1));
    const coefficient = (term % 2 === 0 ? even : odd) * x;
    d = 1 / (1 + coefficient * d || tiny);
    c = 1 + coefficient / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return value;
}

/** Logarithm of the gamma function for x > 0: Stirling's series (DLMF 5.11.1) above 10, the recurrence below. */
function logGamma(x: number): number {
  let [shifted, product] = [x, 1];
  while (shifted < 10) product *= shifted++;
  const square = 1 / (shifted * shifted);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / shifted;
  return (shifted - 0.5) * Math.log(shifted) - shifted + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}
