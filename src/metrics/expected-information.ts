/**
 * Mutual information that two partitions share by chance: its mean over all ways to deal the rows to classes and clusters of
 * fixed sizes (Vinh, Epps & Bailey 2010, J. Mach. Learn. Res. 11:2837, equation 24a). A class of a rows and a cluster of b have
 * n in common with hypergeometric probability, so the mean depends on sizes alone and is summed over distinct pairs of sizes.
 *
 * Probabilities come from the ratio of neighbours, P(n + 1) / P(n) = (a - n)(b - n) / ((n + 1)(N - a - b + n + 1)), upwards and
 * downwards from the most probable n, and are divided by their sum: exact to rounding, where differences of log-factorials of
 * 20,000 rows lose five digits, and short, since few n have a probability worth adding.
 */

/** How many parts there are of each size. */
export type Sizes = ReadonlyMap<number, number>;

/** Terms this much smaller than the most probable one are left out. */
const NEGLIGIBLE = 1e-24;

const LOGARITHMS = Float64Array.from({ length: 1024 }, (_, n) => Math.log(n));

function logarithm(n: number): number {
  return n < LOGARITHMS.length ? LOGARITHMS[n] : Math.log(n);
}

/** Mean of n log(N n / (a b)) for one class of `a` and one cluster of `b` among `total` rows. */
function expectedTerm(a: number, b: number, total: number): number {
  const rest = total - a - b;
  const least = Math.max(0, -rest);
  const most = Math.min(a, b);
  const mode = Math.min(most, Math.max(least, Math.floor(((a + 1) * (b + 1)) / (total + 2))));
  const scale = logarithm(total) - logarithm(a) - logarithm(b);
  let weights = 1;
  let sum = mode === 0 ? 0 : mode * (scale + logarithm(mode));
  for (let n = mode, weight = 1; n < most && weight > NEGLIGIBLE; ) {
    weight *= ((a - n) * (b - n)) / ((n + 1) * (rest + n + 1));
    n += 1;
    weights += weight;
    sum += weight * n * (scale + logarithm(n));
  }
  for (let n = mode, weight = 1; n > least && weight > NEGLIGIBLE; ) {
    weight *= (n * (rest + n)) / ((a - n + 1) * (b - n + 1));
    n -= 1;
    weights += weight;
    if (n > 0) sum += weight * n * (scale + logarithm(n));
  }
  return sum / weights;
}

/** Expected mutual information, in nats, of random partitions of `total` rows into parts of these sizes. */
export function expectedMutualInformation(classes: Sizes, clusters: Sizes, total: number): number {
  let sum = 0;
  for (const [a, classesOfSize] of classes) {
    for (const [b, clustersOfSize] of clusters) sum += classesOfSize * clustersOfSize * expectedTerm(a, b, total);
  }
  return sum / total;
}
