/**
 * Several trainings of one network that differ in their seed alone, of which the one with the best validation score is kept: where
 * training ends depends on where it began, and a bad start should not stand for the architecture. Restarts are chosen among by
 * validation score, so they cost nothing in honesty, but as much compute as there are restarts.
 */
import type { Network } from './network.ts';
import { type TrainedNetwork, type TrainingData, type TrainOptions, train } from './train.ts';

export interface RestartOptions extends TrainOptions {
  /** How many trainings; restart i (from 0) has the seed `${seed}:${i}`. */
  readonly restarts: number;
  /** Restarts are compared by it. */
  readonly score: NonNullable<TrainOptions['score']>;
}

/** What became of one restart. */
export interface RestartRecord {
  readonly seed: string;
  readonly bestScore: number;
  readonly bestEpoch: number;
}

export interface RestartedNetwork extends TrainedNetwork {
  /** Every restart, in order. */
  readonly restarts: readonly RestartRecord[];
  /** Place in `restarts` of the one that was kept: the best score, the first of equals. */
  readonly kept: number;
}

/**
 * Trains `restarts` times and gives the best; the others are disposed. Each restart has a checkpoint of its own (`.0`, `.1`, ... are
 * added to the path): a killed run goes on in the restart that it was in, after those before it were run again.
 * @throws what {@link train} throws, the restarts before it disposed.
 */
export async function trainWithRestarts(
  network: Network,
  data: TrainingData,
  options: RestartOptions,
): Promise<RestartedNetwork> {
  const { restarts, ...settings } = options;
  if (!Number.isInteger(restarts) || restarts < 1)
    throw new Error(`${network.label}: restarts must be a whole number above 0, not ${restarts}`);
  const records: RestartRecord[] = [];
  let kept: { readonly trained: TrainedNetwork; readonly at: number } | undefined;
  try {
    for (let i = 0; i < restarts; i++) {
      const seed = `${options.seed}:${i}`;
      const { checkpoint, progress } = settings;
      const trained = await train(network, data, {
        ...settings,
        seed,
        ...(checkpoint ? { checkpoint: { ...checkpoint, path: `${checkpoint.path}.${i}` } } : {}),
        progress: (fraction, message) =>
          progress?.((i + fraction) / restarts, restarts > 1 ? `restart ${i + 1}/${restarts}, ${message}` : message),
      });
      records.push({ seed, bestScore: trained.bestScore, bestEpoch: trained.bestEpoch });
      const better = !kept || trained.bestScore > kept.trained.bestScore;
      await (better ? kept?.trained : trained)?.dispose();
      if (better) kept = { trained, at: i };
    }
  } catch (error) {
    await kept?.trained.dispose();
    throw error;
  }
  return { ...kept!.trained, restarts: records, kept: kept!.at };
}
