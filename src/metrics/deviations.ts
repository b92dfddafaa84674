/**
 * How a score varies over test rows, as deviations whose products add up to covariances. Rows are
 * deleted block by block and the score is computed anew (the delete-a-group jackknife; Shao & Tu
 * 1995, The Jackknife and Bootstrap, chapter 2.3). With g blocks in a stratum, the scores without
 * each block, theta_b, and their mean over the stratum:
 *
 *   e_b = sqrt((g - 1) / g) (theta_b - mean)        variance = sum over blocks of e_b^2
 *
 * The same blocks serve every contender and seed, so sums of products e_b e'_b are covariances:
 * the variance of a difference or of a mean over seeds follows without another pass.
 *
 * Strata (the class of each row) keep class counts fixed: deviations are taken within a stratum.
 * Groups are rows that belong together (a species, a gene, near duplicates): a group is deleted
 * whole and strata are not used.
 *
 * Scores that depend on which rows share a cluster are resampled by random halves instead
 * (`random-halves.ts`); deviations are then those of the halves.
 */
import { createRandom } from '../core/random.ts';
import type { PreparedMetric } from './metric.ts';
import { random } from './random.ts';
import { halfSampler, scaleHalves } from './random-halves.ts';

export interface DeviationOptions {
  /** `[rows]` stratum of each row, such as its class. Not together with `groups`. */
  readonly strata?: ArrayLike<number>;
  /** `[rows]` group of each row; rows of one group are deleted together. */
  readonly groups?: ArrayLike<number>;
  /** Default 'deletion'; 'halves' for clusterings. */
  readonly method?: 'deletion' | 'halves';
  /** Maximum number of blocks over all strata, or number of halves. Default 1000. */
  readonly blocks?: number;
  /** Decides which rows share a block when there are more rows than blocks. */
  readonly seed: number;
}

/** How rows are left out: the same for every score. */
export interface Deletion {
  /** Number of entries of every vector of deviations. */
  readonly size: number;
  /** `[size]` stratum of each entry, 0..strata - 1. */
  readonly stratumOf: Int32Array;
  /** `[strata]` entries of each stratum. */
  readonly stratumSizes: readonly number[];
  /**
   * `[size]` deviations of a score. Sums of products are covariances. All NaN when the score is
   * undefined without some block.
   */
  readonly of: (score: PreparedMetric) => Float64Array;
}

/** Strata are cut into at least this many blocks when they have as many rows. */
const LEAST_BLOCKS = 40;

/**
 * Prepares the deletion of `rows` test rows.
 * @throws for fewer than two rows or groups, or strata or groups of another length.
 */
export function deletion(rows: number, options: DeviationOptions): Deletion {
  const { strata, groups, method = 'deletion', blocks = 1000, seed } = options;
  if (!(Number.isInteger(rows) && rows >= 2))
    throw new Error(`${rows} test rows have no variance; at least 2 are needed`);
  for (const [name, given] of Object.entries({ strata, groups }))
    if (given && given.length !== rows) throw new Error(`${given.length} ${name} for ${rows} rows`);
  if (method === 'halves') return halves(rows, blocks, seed);
  const members = groups ? [unitsOf(groups)] : strataOf(rows, strata).map((own) => own.map((row) => [row]));
  const cut = members.flatMap((units, stratum) => {
    const most = Math.max(LEAST_BLOCKS, Math.round((blocks * units.length) / (groups ? units.length : rows)));
    return blocksOf(units, most, `${seed} ${stratum}`).map((own) => ({ stratum, own }));
  });
  const stratumSizes = members.map((_, stratum) => cut.filter((block) => block.stratum === stratum).length);
  const few = stratumSizes.findIndex((size) => size < 2);
  if (few >= 0) throw new Error('all test rows are of one group; at least 2 groups are needed');
  const stratumOf = Int32Array.from(cut, ({ stratum }) => stratum);
  const multiplicities = new Uint16Array(rows).fill(1);
  return {
    size: cut.length,
    stratumOf,
    stratumSizes,
    of(score) {
      const without = Float64Array.from(cut, ({ own }) => {
        for (const row of own) multiplicities[row] = 0;
        const value = score(multiplicities);
        for (const row of own) multiplicities[row] = 1;
        return value;
      });
      return centred(without, stratumOf, stratumSizes);
    },
  };
}

/** e_b = sqrt((g - 1) / g) (theta_b - mean of the stratum). */
function centred(values: Float64Array, stratumOf: Int32Array, sizes: readonly number[]): Float64Array {
  const sums = new Float64Array(sizes.length);
  for (let i = 0; i < values.length; i++) sums[stratumOf[i]] += values[i];
  if (sums.some((sum) => !Number.isFinite(sum))) return values.fill(Number.NaN);
  return values.map((value, i) => {
    const size = sizes[stratumOf[i]];
    return Math.sqrt((size - 1) / size) * (value - sums[stratumOf[i]] / size);
  });
}

/** Rows of each stratum. Strata of one row have no variance of their own and are joined. */
function strataOf(rows: number, strata?: ArrayLike<number>): number[][] {
  const byStratum = new Map<number, number[]>();
  for (let row = 0; row < rows; row++) {
    const own = byStratum.get(strata?.[row] ?? 0);
    if (own) own.push(row);
    else byStratum.set(strata?.[row] ?? 0, [row]);
  }
  const all = [...byStratum.values()];
  const single = all.filter((own) => own.length === 1).flat();
  const kept = all.filter((own) => own.length > 1);
  if (single.length > 1) kept.push(single);
  else if (single.length === 1) kept.length > 0 ? kept[0].push(...single) : kept.push(single);
  return kept;
}

function unitsOf(groups: ArrayLike<number>): number[][] {
  const units = new Map<number, number[]>();
  for (let row = 0; row < groups.length; row++) {
    const own = units.get(groups[row]);
    if (own) own.push(row);
    else units.set(groups[row], [row]);
  }
  return [...units.values()];
}

/** Units dealt at random to at most `most` blocks of nearly equal numbers of units. */
function blocksOf(units: readonly number[][], most: number, seed: string): number[][] {
  if (units.length <= most) return [...units];
  const order = createRandom(seed).shuffle([...units]);
  const blocks: number[][] = Array.from({ length: most }, () => []);
  for (const [i, unit] of order.entries()) blocks[i % most].push(...unit);
  return blocks;
}

/** Deviations from random halves of the rows, scaled so that their squares add up to the variance. */
function halves(rows: number, draws: number, seed: number): Deletion {
  return {
    size: draws,
    stratumOf: new Int32Array(draws),
    stratumSizes: [rows],
    of(score) {
      const source = random(seed); // the same halves for every score
      const sample = halfSampler(rows);
      const multiplicities = new Uint16Array(rows);
      const scores = Float64Array.from({ length: draws }, () => {
        sample(multiplicities, source);
        return score(multiplicities);
      });
      scaleHalves(scores, rows);
      return scores.map((value) => value / Math.sqrt(draws - 1));
    },
  };
}

/** Sum of products of two vectors of deviations: the covariance of the two scores. */
export function covariance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Mean of vectors of deviations: the deviations of the mean score. */
export function meanDeviations(vectors: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(vectors[0].length);
  for (const vector of vectors) for (let i = 0; i < mean.length; i++) mean[i] += vector[i] / vectors.length;
  return mean;
}

/**
 * Degrees of freedom of a variance that is a sum over strata (Satterthwaite 1946, Biometrics
 * Bulletin 2:110): V^2 / sum V_c^2 / (g_c - 1), V_c the part of stratum c with g_c blocks.
 */
export function rowDegrees(deviations: Float64Array, { stratumOf, stratumSizes }: Deletion): number {
  const parts = new Float64Array(stratumSizes.length);
  for (let i = 0; i < deviations.length; i++) parts[stratumOf[i]] += deviations[i] ** 2;
  const total = parts.reduce((sum, part) => sum + part, 0);
  return total ** 2 / parts.reduce((sum, part, c) => sum + part ** 2 / (stratumSizes[c] - 1), 0);
}
