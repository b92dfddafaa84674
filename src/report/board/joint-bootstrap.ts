/**
 * The hierarchical bootstrap of `src/metrics/bootstrap.ts` for a whole task at once: test rows are drawn once per resample and
 * every contender is scored on them, so that 15 contenders cost 15 scorings per resample and not 15 intervals plus 14 pairs.
 * Rows come from that file's own sampler; with one seed per contender the numbers equal `bootstrapInterval` and
 * `pairedDifference` exactly, with several they differ in which seeds were drawn. A resample on which a contender's score is
 * undefined is left out for that contender (there: drawn again). Halves, where the kind of task asks for them, are recentred here
 * for each contender, so that differences are recentred with them.
 */
import { type BootstrapOptions, bootstrapInterval } from '../../metrics/bootstrap.ts';
import type { PreparedMetric } from '../../metrics/metric.ts';
import { random } from '../../metrics/random.ts';
import { recentreHalves } from '../../metrics/resampling.ts';

export interface JointScores {
  /** `[contenders]` score on the rows as they are, mean over seeds. */
  readonly estimates: readonly number[];
  /** `[contenders][resamples]` mean over the seeds drawn, halves recentred; NaN where undefined. */
  readonly resampled: readonly Float64Array[];
}

export interface JointEstimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided p that the true value is 0: 2 min((1 + #{d <= 0}), (1 + #{d >= 0})) / (1 + B), at most 1. */
  readonly p: number;
}

/** @param contenders one prepared metric per seed for each contender, all on the same `rows` test rows. */
export function resampleJointly(
  contenders: readonly (readonly PreparedMetric[])[],
  rows: number,
  options: Pick<BootstrapOptions, 'seed' | 'strata' | 'resampling'> & { readonly resamples: number },
): JointScores {
  const estimates = contenders.map((seeds) => seeds.reduce((sum, score) => sum + score(), 0) / seeds.length);
  const resampled = contenders.map(() => new Float64Array(options.resamples).fill(Number.NaN));
  if (contenders.length === 0 || rows < 2) return { estimates, resampled };
  // Every contender draws its seeds from a stream of its own: adding one changes nothing for the others.
  const draws = contenders.map((seeds, i) => seedDraws(seeds.length, random(options.seed + 7919 * (i + 1))));
  let resample = -1; // the first call is the plain score
  const scoreAll: PreparedMetric = (multiplicities) => {
    if (resample >= 0) {
      for (let i = 0; i < contenders.length; i++) {
        const drawn = draws[i]();
        let sum = 0;
        for (let s = 0; s < drawn.length; s++) if (drawn[s] > 0) sum += drawn[s] * contenders[i][s](multiplicities);
        resampled[i][resample] = sum / drawn.length;
      }
    }
    resample += 1;
    return 0; // undefined scores are kept as NaN per contender, so no resample is drawn again
  };
  bootstrapInterval([scoreAll], rows, options);
  if (options.resampling === 'halves')
    for (const [i, scores] of resampled.entries()) recentreHalves(scores, estimates[i], rows);
  return { estimates, resampled };
}

/** Interval of one contender's score. NaN when it is undefined, or on more than half of all resamples. */
export function intervalOf(joint: JointScores, contender: number, level: number): JointEstimate {
  return summarise(joint.estimates[contender], joint.resampled[contender], level);
}

/** Score of a minus score of b, turned round where lower is better: positive means that a is better. */
export function differenceOf(
  joint: JointScores,
  a: number,
  b: number,
  options: { readonly level: number; readonly higherIsBetter: boolean },
): JointEstimate {
  const sign = options.higherIsBetter ? 1 : -1;
  const [first, second] = [joint.resampled[a], joint.resampled[b]];
  const differences = first.map((score, i) => sign * (score - second[i]));
  return summarise(sign * (joint.estimates[a] - joint.estimates[b]) + 0, differences, options.level);
}

function summarise(estimate: number, values: Float64Array, level: number): JointEstimate {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (Number.isNaN(estimate) || sorted.length === 0 || sorted.length * 2 < values.length) {
    return { estimate, low: Number.NaN, high: Number.NaN, p: Number.NaN };
  }
  const notAbove = sorted.filter((value) => value <= 0).length;
  const notBelow = sorted.filter((value) => value >= 0).length;
  return {
    estimate,
    low: quantile(sorted, (1 - level) / 2),
    high: quantile(sorted, (1 + level) / 2),
    p: Math.min(1, (2 * (1 + Math.min(notAbove, notBelow))) / (1 + sorted.length)),
  };
}

/** Linear interpolation between order statistics, as numpy.quantile. */
function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** How often each seed is drawn in a resample. */
function seedDraws(seeds: number, source: ReturnType<typeof random>): () => Uint16Array {
  const drawn = new Uint16Array(seeds).fill(1);
  if (seeds === 1) return () => drawn;
  return () => {
    drawn.fill(0);
    for (let i = 0; i < seeds; i++) drawn[source.below(seeds)]++;
    return drawn;
  };
}
