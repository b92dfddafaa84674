/** The smallest and the largest value of each metric: intervals stay within. */
import type { MetricName } from './metric.ts';

const SHARE = [0, 1] as const;
const CORRELATION = [-1, 1] as const;
const LOSS = [0, Number.POSITIVE_INFINITY] as const;

/** AMI and ARI are adjusted for chance: 0 is expected of a random clustering, and negative values are possible. */
export const METRIC_RANGES: Readonly<Record<MetricName, readonly [low: number, high: number]>> = {
  accuracy: SHARE,
  balancedAccuracy: SHARE,
  macroF1: SHARE,
  microF1: SHARE,
  weightedF1: SHARE,
  mcc: CORRELATION,
  auroc: SHARE,
  averagePrecision: SHARE,
  logLoss: LOSS,
  calibrationError: SHARE,
  pearson: CORRELATION,
  spearman: CORRELATION,
  r2: [Number.NEGATIVE_INFINITY, 1],
  mse: LOSS,
  ami: CORRELATION,
  ari: CORRELATION,
  nmi: SHARE,
  vMeasure: SHARE,
};

/** An interval of differences of two scores, cut to the possible range. NaN stays NaN. */
export function withinDifferences(metric: MetricName, { low, high }: { low: number; high: number }) {
  const [least, most] = METRIC_RANGES[metric];
  const cut = (value: number) => Math.min(most - least, Math.max(least - most, value));
  return { low: cut(low), high: cut(high) };
}
