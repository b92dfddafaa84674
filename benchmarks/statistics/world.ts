/**
 * Simulated test sets: labels, and predictions of contenders whose expected scores are known to be
 * equal, or to differ by a known latent effect.
 *
 * The evidence of a contender for the true answer of a row is
 *   z = signal + sqrt(.5) r + sqrt(.3) u + sqrt(.2) e
 * where r is shared by all contenders (hard rows), u is the contender's own, e differs between its
 * seeds. The signal is (mu + effect + tau g) y, where y is +1 or -1 (or the value of a regression)
 * and g ~ N(0, 1) is the seed effect. Probabilities are the posterior of y given z.
 */
import type { Predictions, Targets, TaskKind } from '../../src/core/matrix.ts';
import { createRandom, type Random } from '../../src/core/random.ts';

export interface World {
  readonly kind: Extract<TaskKind, 'binary' | 'multiclass' | 'regression'>;
  readonly rows: number;
  /** Share of positives; multiclass: of the rarest class. */
  readonly prevalence: number;
  /** Standard deviation of the seed effect on the latent scale. */
  readonly tau: number;
}

const CLASSES = 4;
const MU = 1;

export interface TestSet {
  readonly targets: Targets;
  /** Predictions of one contender, one matrix per seed. `effect`: on the latent scale. */
  readonly contender: (seeds: number, effect: number) => Predictions[];
  /** The same seeds on other rows, as on validation rows: pass the seed effects on. */
  readonly seedEffects: (seeds: number) => number[];
  readonly predict: (effects: readonly number[]) => Predictions[];
}

export function testSet(world: World, random: Random): TestSet {
  const { rows } = world;
  const y = labels(world, random);
  const columns = world.kind === 'multiclass' ? CLASSES : 1;
  const shared = Float64Array.from({ length: rows * columns }, () => random.normal());
  const predict = (effects: readonly number[]) => {
    const own = Float64Array.from({ length: rows * columns }, () => random.normal());
    return effects.map((effect) => {
      const signal = MU + effect;
      const noise = (i: number) =>
        Math.sqrt(0.5) * shared[i] + Math.sqrt(0.3) * own[i] + Math.sqrt(0.2) * random.normal();
      return predictions(world, y, signal, noise);
    });
  };
  const seedEffects = (seeds: number) => Array.from({ length: seeds }, () => world.tau * random.normal());
  return {
    targets: { rows, columns: 1, values: y },
    seedEffects,
    predict,
    contender: (seeds, effect) => predict(seedEffects(seeds).map((g) => g + effect)),
  };
}

function labels({ kind, rows, prevalence }: World, random: Random): Float64Array {
  if (kind === 'regression') return Float64Array.from({ length: rows }, () => random.normal());
  if (kind === 'binary') return Float64Array.from({ length: rows }, () => (random.next() < prevalence ? 1 : 0));
  return Float64Array.from({ length: rows }, () => {
    const u = random.next();
    return u < prevalence
      ? CLASSES - 1
      : Math.min(CLASSES - 2, Math.floor(((u - prevalence) / (1 - prevalence)) * (CLASSES - 1)));
  });
}

function predictions(
  { kind, rows, prevalence }: World,
  y: Float64Array,
  signal: number,
  noise: (i: number) => number,
): Predictions {
  if (kind === 'regression') return { rows, columns: 1, values: y.map((value, i) => signal * value + noise(i)) };
  if (kind === 'binary') {
    const values = new Float64Array(rows * 2);
    const prior = Math.log(prevalence / (1 - prevalence));
    for (let i = 0; i < rows; i++) {
      const z = signal * (2 * y[i] - 1) + noise(i);
      const positive = 1 / (1 + Math.exp(-(2 * MU * z + prior)));
      values[2 * i] = 1 - positive;
      values[2 * i + 1] = positive;
    }
    return { rows, columns: 2, values };
  }
  const values = new Float64Array(rows * CLASSES);
  const priors = Array.from({ length: CLASSES }, (_, k) =>
    k === CLASSES - 1 ? prevalence : (1 - prevalence) / (CLASSES - 1),
  );
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let k = 0; k < CLASSES; k++) {
      const z = 2 * signal * (y[i] === k ? 1 : 0) + noise(i * CLASSES + k);
      values[i * CLASSES + k] = priors[k] * Math.exp(2 * MU * z);
      sum += values[i * CLASSES + k];
    }
    for (let k = 0; k < CLASSES; k++) values[i * CLASSES + k] /= sum;
  }
  return { rows, columns: CLASSES, values };
}

export const seeded = (seed: string): Random => createRandom(seed);
