/**
 * Files of a training until the model is finished: the folder `OUT.training` next to `OUT`, with
 * the checkpoint and the corpus. The model is written to a temporary folder and renamed to `OUT`
 * once; the checkpoint is removed only afterwards. Only one process at a time trains for a folder.
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

/** Milliseconds. The child process of a killed run ends within half a second after it. */
const PATIENCE = 5_000;
const CHECKPOINT = 'checkpoint.safetensors';
/** Files that a new model may replace; any other file belongs to the user. */
const MODEL_FILES =
  /^(config|training|tokenizer|tokenizer_config|kmer_tokenizer|special_tokens_map|vocab|card)\.(json|txt)$|\.safetensors$|^corpus(\.offsets)?$|\.tmp$/;

export interface TrainingFolder {
  readonly checkpoint: string;
  readonly corpus: string;
  /** Writes the model with `fill`, renames it to its final name, then removes the checkpoint. */
  save(fill: (folder: string) => Promise<void>): Promise<void>;
  /** Removes the checkpoint of a training whose model is complete. */
  forget(): Promise<void>;
  /** Removes the corpus; releases the lock. The checkpoint of an unfinished training stays. */
  close(): Promise<void>;
}

/**
 * Opens the training folder of `out` and removes the temporary files of killed processes in it and
 * next to it.
 * @throws a UsageError when another process trains for `out`.
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
 * Throws a UsageError when `out` has files that do not belong to a model, since the new model would
 * remove them.
 */
export async function refuseForeignFiles(out: string): Promise<void> {
  const foreign = (await readdir(out).catch(() => [] as string[])).find((name) => !MODEL_FILES.test(name));
  if (foreign !== undefined)
    throw new UsageError(
      `${out}: holds ${foreign}, which is not a file of a model and would be removed with the folder`,
      'Give a new folder for the model.',
    );
}

/**
 * Everything that determines the weights of a model: two trainings with equal settings give the
 * same model.
 */
export interface TrainingSettings {
  readonly config: object;
  readonly tokenizer: unknown;
  readonly seed: number;
  readonly dataSeed?: number;
  readonly untrained?: boolean;
  readonly corpusHash: string;
}

/** `training.json` of the finished model in a folder; undefined if there is none. */
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
 * Whether the model was made with these settings; names that are missing from `wanted` are not
 * compared.
 */
export function sameSettings(made: TrainingSettings, wanted: Partial<TrainingSettings>): boolean {
  const names = Object.keys(wanted) as (keyof TrainingSettings)[];
  const hash = (of: Partial<TrainingSettings>) =>
    hashJson(Object.fromEntries(names.map((name) => [name, of[name] ?? false])));
  return hash(made) === hash(wanted);
}

/** The error for a folder with a finished model of other settings. */
export function otherModel(folder: string, why = 'it was trained with other settings or sequences'): UsageError {
  return new UsageError(
    `${folder}: holds a finished model, and ${why}`,
    `Give another folder, or --overwrite to replace the model in ${basename(folder)}.`,
  );
}
