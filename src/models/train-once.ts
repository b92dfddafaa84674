/**
 * A model that a run trains for itself is trained once: in the cache folder, by one of the
 * processes that want it, while the others wait. Where the cache folder cannot be written, it is
 * trained in a temporary folder and removed with the process.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealFolder, verifyFolder } from '../core/checked-folder.ts';
import { warnDamaged } from '../core/content-hash.ts';
import { writingCache } from '../core/optional-write.ts';
import { withLock } from '../runtime/lock.ts';

export interface TrainOnceOptions<T> {
  readonly cacheFolder: string;
  /** Name of the model's folder, made of everything that decides its weights. */
  readonly name: string;
  /** Writes the folder, whole or not at all. */
  readonly train: (folder: string) => Promise<void>;
  readonly load: (folder: string) => Promise<T>;
  /** Called when another process trains the model. */
  readonly onWait: () => void;
}

/**
 * Loads the model from the cache, or trains it. A folder that is damaged is trained again, with a
 * warning that names the file.
 */
export async function trainOnce<T>(options: TrainOnceOptions<T>): Promise<T> {
  const { cacheFolder, name, train, load, onWait } = options;
  const folder = join(cacheFolder, 'models', name);
  const isWhole = async () => {
    const found = await verifyFolder(folder);
    if (found.state === 'damaged') {
      warnDamaged(found.file, 'the model is trained again');
    }
    return found.state === 'whole';
  };
  const trainUnderLock = async () => {
    const make = async () => {
      // Another process may have finished it while this one waited.
      if ((await verifyFolder(folder)).state === 'whole') return;
      await rm(folder, { recursive: true, force: true });
      await train(folder);
      await sealFolder(folder);
    };
    await withLock(`${folder}.lock`, make, { patience: Number.POSITIVE_INFINITY, onWait });
    return true;
  };
  if ((await isWhole()) || (await writingCache(cacheFolder, trainUnderLock))) return load(folder);
  const temporary = await mkdtemp(join(tmpdir(), 'glm-bench-model-'));
  process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));
  await train(join(temporary, 'model'));
  return load(join(temporary, 'model'));
}
