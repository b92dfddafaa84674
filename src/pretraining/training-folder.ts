/**
 * Where a training keeps its files until the model is finished: `OUT.training` beside the folder
 * `OUT` that the model will have, with the checkpoint and the corpus. The model is written to a
 * folder of its own and renamed to `OUT` once; only then is the checkpoint removed. One process at
 * a time trains for a folder.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder, recoverFolder, writeFolderAtomic } from '../core/atomic-file.ts';
import { UsageError } from '../core/errors.ts';
import { namingFile } from '../core/file-fault.ts';
import { hashJson } from '../core/files.ts';
import { removeAbandoned } from '../core/temporary.ts';
import { takeLock } from '../runtime/lock.ts';

/** Milliseconds. The child process of a run that was killed ends within half a second after it. */
const PATIENCE = 5_000;
const CHECKPOINT = 'checkpoint.safetensors';
/** What a folder may hold that a new model replaces; any other file is someone else's. */
const MODEL_FILES =
  /^(config|training|tokenizer|tokenizer_config|kmer_tokenizer|special_tokens_map|vocab|card)\.(json|txt)$|\.safetensors$|^corpus(\.offsets)?$|\.tmp$/;

export interface TrainingFolder {
  readonly checkpoint: string;
  readonly corpus: string;
  /** Writes the model by `fill`, gives it its name, then removes the checkpoint. */
  save(fill: (folder: string) => Promise<void>): Promise<void>;
  /** Removes the checkpoint of a training whose model is in place. */
  forget(): Promise<void>;
  /** Removes the corpus; releases the lock. The checkpoint of an unfinished training stays. */
  close(): Promise<void>;
}

/**
 * Opens the training folder of `out` and removes what killed processes left there and beside it.
 * @throws a UsageError where another process trains for `out`.
 */
export async function openTrainingFolder(out: string): Promise<TrainingFolder> {
  const folder = `${out}.training`;
  const lock = await namingFile(out, () => takeLock(`${folder}.lock`, { patience: PATIENCE }));
  try {
    await recoverFolder(out);
    await removeAbandoned(dirname(out));
    await namingFile(folder, () => makeFolder(folder));
    for (const name of await readdir(folder))
      if (name !== CHECKPOINT) await rm(join(folder, name), { recursive: true, force: true });
  } catch (error) {
    await lock.release();
    throw error;
  }
  const forget = () => rm(join(folder, CHECKPOINT), { force: true });
  return {
    checkpoint: join(folder, CHECKPOINT),
    corpus: join(folder, 'corpus'),
    async save(fill) {
      await lock.confirm();
      await writeFolderAtomic(out, fill);
      await forget();
    },
    forget,
    async close() {
      const isUnfinished = existsSync(join(folder, CHECKPOINT));
      const rest = isUnfinished ? ['corpus', 'corpus.offsets'].map((name) => join(folder, name)) : [folder];
      for (const path of rest) await rm(path, { recursive: true, force: true });
      await lock.release();
    },
  };
}

/**
 * Throws a UsageError where `out` holds files that are no model's, which the new model would
 * replace.
 */
export async function refuseForeignFiles(out: string): Promise<void> {
  const foreign = (await readdir(out).catch(() => [] as string[])).find((name) => !MODEL_FILES.test(name));
  if (foreign !== undefined)
    throw new UsageError(
      `${out}: holds ${foreign}, which is no file of a model, and would be removed with the folder`,
      'Give a new folder for the model.',
    );
}

/** What decides the weights of a model: two trainings with equal settings give the same one. */
export interface TrainingSettings {
  readonly config: object;
  readonly tokenizer: unknown;
  readonly seed: number;
  readonly dataSeed?: number;
  readonly untrained?: boolean;
  readonly corpusHash: string;
}

/** `training.json` of the finished model in a folder; undefined where there is none. */
export async function finishedTraining<T extends object>(folder: string): Promise<(TrainingSettings & T) | undefined> {
  if (!existsSync(join(folder, 'config.json'))) return undefined;
  const text = await readFile(join(folder, 'training.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw otherModel(folder, 'it has a config.json but no training.json');
  try {
    return JSON.parse(text) as TrainingSettings & T;
  } catch (error) {
    throw otherModel(folder, `its training.json is damaged (${(error as Error).message})`);
  }
}

/**
 * Whether the model was made with these settings; names that `wanted` leaves out are not compared.
 */
export function sameSettings(made: TrainingSettings, wanted: Partial<TrainingSettings>): boolean {
  const names = Object.keys(wanted) as (keyof TrainingSettings)[];
  const hash = (of: Partial<TrainingSettings>) =>
    hashJson(Object.fromEntries(names.map((name) => [name, of[name] ?? false])));
  return hash(made) === hash(wanted);
}

/** The error for a folder that holds a finished model of other settings. */
export function otherModel(folder: string, why = 'it was trained with other settings or sequences'): UsageError {
  return new UsageError(
    `${folder}: holds a finished model, and ${why}`,
    `Give another folder, or --overwrite to replace the model in ${basename(folder)}.`,
  );
}
