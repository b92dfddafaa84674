/**
 * How much the score of a contender varies over training seeds, from few seeds each.
 *
 * The scores of S seeds on the same test rows have the sample variance s2, which estimates
 * sigma2 + Vint: the variance of the expected score over seeds, plus the part of the sampling
 * variance over rows that the seeds do not share. Vint is known from the deviations over rows
 * (`deviations.ts`), so sigma2 follows without counting the interaction twice.
 *
 * s2 of 2 to 5 seeds is imprecise. It is moderated by the other contenders of its kind with the
 * empirical Bayes method of Smyth 2004 (Stat. Appl. Genet. Mol. Biol. 3:3; limma's `fitFDist` and
 * `squeezeVar`): the prior has the pooled variance and d0 degrees of freedom, and d0 is small when
 * the contenders' variances differ. A kind with few seeds in all is pooled with the other kinds of
 * the board. Tasks are pooled on the scale of rows x variance over rows, on which a seed effect of
 * the same latent size is similar from task to task.
 */
import { covariance } from './deviations.ts';

/** One contender on one task. */
export interface SeedSample {
  /** Contenders with the same value are pooled. */
  readonly kind: string;
  /** False: every seed gives the same predictions, so sigma2 is 0. */
  readonly stochastic: boolean;
  /** Number of test rows. */
  readonly rows: number;
  /** `[seeds]` score of each seed on all rows. */
  readonly scores: readonly number[];
  /** `[seeds]` deviations of each seed's score over rows. */
  readonly deviations: readonly Float64Array[];
}

export interface SeedVariance {
  /**
   * Variance of the expected score over seeds. The estimate is unbiased, so it can be below 0 when
   * seeds differ by less than rows explain.
   */
  readonly sigma2: number;
  /** Vint: variance over rows of one seed that the seeds do not share. */
  readonly interaction: number;
  /** Degrees of freedom of sigma2 + Vint; Infinity for a contender without seed effects. */
  readonly degrees: number;
}

interface Moments {
  readonly seeds: number;
  /** Sample variance of the scores over seeds; 0 for one seed. */
  readonly s2: number;
  /** Part of the variance over rows that seeds do not share; NaN for one seed. */
  readonly interaction: number;
  /** Variance over rows of the score of one seed, mean over seeds. */
  readonly ofRows: number;
}

/** @returns NaN members when a score or a deviation is undefined. */
export function seedMoments({ scores, deviations }: Pick<SeedSample, 'scores' | 'deviations'>): Moments {
  const seeds = scores.length;
  const mean = scores.reduce((sum, score) => sum + score, 0) / seeds;
  const ofRows = deviations.reduce((sum, own) => sum + covariance(own, own), 0) / seeds;
  if (seeds < 2) return { seeds, s2: 0, interaction: Number.NaN, ofRows };
  const s2 = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (seeds - 1);
  let shared = 0; // sum of all covariances = seeds^2 x variance of the mean over seeds
  for (const a of deviations) for (const b of deviations) shared += covariance(a, b);
  const interaction = Math.max(0, (seeds * ofRows - shared / seeds) / (seeds - 1));
  return { seeds, s2, interaction, ofRows };
}

/**
 * The prior counts as at most this many degrees of freedom, however alike the few observed variances
 * are: contenders of one kind can differ more than they show, and each keeps a part of its own
 * variance.
 */
const MOST_PRIOR_DEGREES = 6;

/** A kind with this many degrees of freedom in all is pooled alone. */
const OWN_POOL = 8;

/**
 * Seed variances of all contenders of a board. Undefined for a stochastic contender with one seed
 * when its kind has fewer than `leastDegrees` degrees of freedom in all: then nothing is known about
 * its seeds.
 */
export function seedVariances(samples: readonly SeedSample[], leastDegrees = 2): (SeedVariance | undefined)[] {
  const moments = samples.map((sample) => ({ ...seedMoments(sample), rows: sample.rows, kind: sample.kind }));
  const usable = [...samples.keys()].filter(
    (i) => samples[i].stochastic && !Number.isNaN(moments[i].ofRows) && !Number.isNaN(moments[i].s2),
  );
  const none: SeedVariance = { sigma2: 0, interaction: 0, degrees: Number.POSITIVE_INFINITY };
  const found: (SeedVariance | undefined)[] = samples.map(({ stochastic }) => (stochastic ? undefined : none));
  const ofAll = priorOf(usable.map((i) => moments[i]));
  for (const kind of new Set(usable.map((i) => moments[i].kind))) {
    const own = usable.filter((i) => moments[i].kind === kind);
    const ofKind = priorOf(own.map((i) => moments[i]));
    const prior = ofKind.pooled >= OWN_POOL ? ofKind : ofAll;
    for (const i of own) {
      const { seeds, s2, ofRows, rows } = moments[i];
      if (seeds < 2 && ofKind.pooled < leastDegrees) continue;
      const interaction = seeds < 2 ? prior.interactionShare * ofRows : moments[i].interaction;
      const expected = Math.max(LEAST_SHARE * interaction, prior.sigmaShare * rows * ofRows + interaction);
      const total = (prior.degrees * expected + (seeds - 1) * s2) / (prior.degrees + seeds - 1);
      const degrees = Math.min(prior.degrees + seeds - 1, prior.pooled);
      found[i] = { sigma2: total - interaction, interaction, degrees };
    }
  }
  return found;
}

/** The expected variance over seeds is at least this share of the interaction, which is part of it. */
const LEAST_SHARE = 0.1;

interface Prior {
  /** sigma2 / (rows x variance over rows of one seed), pooled. */
  readonly sigmaShare: number;
  /** Vint / variance over rows of one seed, pooled. */
  readonly interactionShare: number;
  /** d0 of the prior. */
  readonly degrees: number;
  /** Degrees of freedom of all contenders together: no estimate has more. */
  readonly pooled: number;
}

function priorOf(all: readonly (Moments & { readonly rows: number })[]): Prior {
  const several = all.filter(({ seeds, ofRows }) => seeds > 1 && ofRows > 0);
  const pooled = several.reduce((sum, { seeds }) => sum + seeds - 1, 0);
  if (pooled === 0) return { sigmaShare: 0, interactionShare: 0, degrees: 0, pooled };
  const weighted = (value: (m: (typeof several)[number]) => number) =>
    several.reduce((sum, one) => sum + (one.seeds - 1) * value(one), 0) / pooled;
  const interactionShare = weighted(({ interaction, ofRows }) => interaction / ofRows);
  const sigmaShare = weighted(({ s2, interaction, ofRows, rows }) => (s2 - interaction) / (rows * ofRows));
  const ratios = several.map(
    (one) => one.s2 / Math.max(LEAST_SHARE * one.interaction, sigmaShare * one.rows * one.ofRows + one.interaction),
  );
  const estimated = priorDegrees(
    ratios,
    several.map(({ seeds }) => seeds - 1),
  );
  const degrees = Math.min(MOST_PRIOR_DEGREES, estimated);
  return { sigmaShare, interactionShare, degrees, pooled };
}

/**
 * Degrees of freedom d0 of the prior of variances x ~ F(df, d0) up to scale (Smyth 2004, section
 * 6.2): e = log x - digamma(df / 2) + log(df / 2) has variance trigamma(df / 2) + trigamma(d0 / 2).
 * Infinity when the variances do not differ more than by chance. Zeros are left out; fewer than
 * three variances tell nothing about d0, which is then Infinity.
 */
export function priorDegrees(ratios: readonly number[], degrees: readonly number[]): number {
  const used = [...ratios.keys()].filter((i) => ratios[i] > 0 && Number.isFinite(ratios[i]));
  if (used.length < 3) return Number.POSITIVE_INFINITY;
  const e = used.map((i) => Math.log(ratios[i]) - digamma(degrees[i] / 2) + Math.log(degrees[i] / 2));
  const mean = e.reduce((sum, value) => sum + value, 0) / e.length;
  const variance = e.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (e.length - 1);
  const chance = used.reduce((sum, i) => sum + trigamma(degrees[i] / 2), 0) / used.length;
  return variance > chance ? 2 * trigammaInverse(variance - chance) : Number.POSITIVE_INFINITY;
}

/** Digamma for x > 0: recurrence to x >= 10, then the asymptotic series (DLMF 5.11.2). */
export function digamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 10) shift -= 1 / y++;
  const z = 1 / (y * y);
  return shift + Math.log(y) - 1 / (2 * y) - z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))));
}

/** Trigamma for x > 0: recurrence to x >= 10, then the asymptotic series (DLMF 5.15.9). */
export function trigamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 10) shift += 1 / (y++) ** 2;
  const z = 1 / (y * y);
  return shift + (1 + 1 / (2 * y) + z * (1 / 6 - z * (1 / 30 - z * (1 / 42 - z * (1 / 30 - (5 * z) / 66))))) / y;
}

/** The x > 0 with trigamma(x) = y, by bisection on the logarithm. */
export function trigammaInverse(y: number): number {
  let [low, high] = [1e-8, 1e8];
  for (let step = 0; step < 200 && high / low > 1 + 1e-14; step++) {
    const middle = Math.sqrt(low * high);
    if (trigamma(middle) > y) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}
