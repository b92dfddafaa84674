/**
 * A model that a run trains for itself is trained once: in the cache folder, by one of the
 * processes that want it, while the others wait. Where the cache folder cannot be written, it is
 * trained in a temporary folder and removed with the process.
 */
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writingCache } from '../core/optional-write.ts';
import { withLock } from '../runtime/lock.ts';

export interface TrainOnceOptions<T> {
  readonly cacheFolder: string;
  /** Name of the model's folder, made of everything that decides its weights. */
  readonly name: string;
  /** A file that only finished models have. */
  readonly marker: string;
  /** Writes the folder, whole or not at all. */
  readonly train: (folder: string) => Promise<void>;
  readonly load: (folder: string) => Promise<T>;
  /** Called when another process trains the model. */
  readonly onWait: () => void;
}

/** Loads the model, trained before where it is not in the cache yet. */
export async function trainOnce<T>(options: TrainOnceOptions<T>): Promise<T> {
  const { cacheFolder, name, marker, train, load, onWait } = options;
  const folder = join(cacheFolder, 'models', name);
  const isFinished = () => existsSync(join(folder, marker));
  const trainUnderLock = async () => {
    // Another process may have finished it while this one waited.
    const make = async () => (isFinished() ? undefined : train(folder));
    await withLock(`${folder}.lock`, make, { patience: Number.POSITIVE_INFINITY, onWait });
    return true;
  };
  if (isFinished() || (await writingCache(cacheFolder, trainUnderLock))) return load(folder);
  const temporary = await mkdtemp(join(tmpdir(), 'glm-bench-model-'));
  process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));
  await train(join(temporary, 'model'));
  return load(join(temporary, 'model'));
}
