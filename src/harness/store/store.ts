/**
 * A run's folder, as laid out at the end of `result.ts`: one JSON document per cell with its predictions beside it, one record
 * per task with its true answers, and the manifest that says which cells the leaderboard is made of. Every file is written
 * whole. A stored cell counts only if its document and its predictions are as they were written; others are computed again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { makeFolder } from '../../core/atomic-file.ts';
import { contentProblem, withContentHash } from '../../core/content-hash.ts';
import { UsageError } from '../../core/errors.ts';
import { isMissing, sha256, sha256File, writeFileAtomic } from '../../core/files.ts';
import type { Targets } from '../../core/matrix.ts';
import { encodeNpy, writeNpy } from '../../runtime/arrays/npy.ts';
import { type Lock, LockLost, type LockSightings, tryLock, withLock } from '../../runtime/lock.ts';
import { type MergedCells, mergeCells } from '../cells/identity.ts';
import {
  type Result,
  RUN_MANIFEST_SCHEMA,
  type RunManifest,
  resultSchema,
  runManifestSchema,
  type TaskRecord,
  taskRecordSchema,
} from './result.ts';

/** What is stored for a cell. `damaged`: something is there that cannot be used. */
export type StoredState =
  | { readonly state: 'done' | 'failed'; readonly result: Result }
  | { readonly state: 'absent' }
  | { readonly state: 'damaged'; readonly reason: string };

export interface ResultStore {
  readonly folder: string;
  read(key: string): Promise<StoredState>;
  /** Stores a cell. Predictions are written first, so that a document never points to what is not there. */
  write(
    result: Omit<Result, 'predictions'>,
    predictions?: { rows: number; columns: number; values: Float64Array },
  ): Promise<Result>;
  /** True when the task's record and targets are stored and whole. `onDamage` gets the reason, with the file's name, where they are damaged. */
  hasTask(hash: string, onDamage?: (reason: string) => void): Promise<boolean>;
  writeTask(record: Omit<TaskRecord, 'targets'>, targets: Targets): Promise<TaskRecord>;
  /** The right to compute a cell, or undefined while another process has it. */
  lockCell(key: string): Promise<Lock | undefined>;
  readManifest(): Promise<RunManifest | undefined>;
  /** Adds cells to the manifest, see {@link mergeCells}. */
  addToManifest(manifest: Omit<RunManifest, 'schema'>): Promise<MergedCells>;
}

/** Opens the folder, making it where absent. */
export async function openStore(folder: string): Promise<ResultStore> {
  const results = join(folder, 'results');
  await makeFolder(results).catch((error: Error) => {
    throw new UsageError(`--out ${folder}: cannot be written: ${error.message}`);
  });
  const manifestPath = join(folder, 'run.json');
  const sightings: LockSightings = new Map();

  async function readManifest(): Promise<RunManifest | undefined> {
    const text = await readIfPresent(manifestPath);
    if (text === undefined) return undefined;
    const parsed = parse(text, runManifestSchema);
    if ('value' in parsed) return parsed.value;
    throw new UsageError(`${manifestPath}: ${parsed.problem}`, 'Remove that file; results are kept and found again.');
  }

  /** Read, merged and written under a lock; begins again where the lock was lost while this process was paused. */
  async function addToManifest(added: Omit<RunManifest, 'schema'>): Promise<MergedCells> {
    const merge = async (lock: Lock) => {
      const before = await readManifest();
      const merged = mergeCells(before?.cells ?? [], added.cells);
      const manifest: RunManifest = { schema: RUN_MANIFEST_SCHEMA, ...added, cells: merged.cells };
      if (JSON.stringify(before) === JSON.stringify(manifest)) return merged;
      await lock.confirm();
      await writeFileAtomic(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
      return merged;
    };
    return withLock(join(results, 'locks', 'run.lock'), merge).catch((error: unknown) => {
      if (error instanceof LockLost) return addToManifest(added);
      throw error;
    });
  }

  return {
    folder,
    readManifest,
    async read(key) {
      const text = await readIfPresent(join(results, `${key}.json`));
      if (text === undefined) return { state: 'absent' };
      const parsed = parse(text, resultSchema);
      if ('problem' in parsed) return { state: 'damaged', reason: `results/${key}.json: ${parsed.problem}` };
      const result = parsed.value;
      if (result.key !== key) return { state: 'damaged', reason: `results/${key}.json: holds another cell's result` };
      const problem = contentProblem(result);
      if (problem) return { state: 'damaged', reason: `results/${key}.json: ${problem}` };
      if (result.status === 'failed') return { state: 'failed', result };
      if (!result.predictions) return { state: 'damaged', reason: `results/${key}.json: names no predictions` };
      const reason = await fileProblem(join(results, 'predictions', `${key}.npy`), result.predictions.sha256);
      return reason
        ? { state: 'damaged', reason: `results/predictions/${key}.npy: ${reason}` }
        : { state: 'done', result };
    },
    async write(result, predictions) {
      let stored: Result = result;
      if (predictions) {
        const file = `predictions/${result.key}.npy`;
        const checksum = await writeNpy(join(results, file), predictions);
        stored = {
          ...result,
          predictions: { file, sha256: checksum, rows: predictions.rows, columns: predictions.columns },
        };
      }
      const document = withContentHash(resultSchema.parse(JSON.parse(JSON.stringify(stored))));
      await writeFileAtomic(join(results, `${result.key}.json`), `${JSON.stringify(document, null, 2)}\n`);
      return document;
    },
    async hasTask(hash, onDamage) {
      const text = await readIfPresent(join(results, 'tasks', `${hash}.json`));
      if (text === undefined) return false;
      const parsed = parse(text, taskRecordSchema);
      const problem = 'problem' in parsed ? parsed.problem : contentProblem(parsed.value);
      if (problem) onDamage?.(`results/tasks/${hash}.json: ${problem}`);
      if (problem || 'problem' in parsed) return false;
      const reason = await fileProblem(join(results, 'targets', `${hash}.npy`), parsed.value.targets.sha256);
      if (reason) onDamage?.(`results/targets/${hash}.npy: ${reason}`);
      return reason === undefined;
    },
    async writeTask(record, targets) {
      const file = `targets/${record.hash}.npy`;
      const bytes = encodeNpy(targets);
      await writeFileAtomic(join(results, file), bytes);
      const stored = {
        ...record,
        targets: { file, sha256: sha256(bytes), rows: targets.rows, columns: targets.columns },
      };
      const document = withContentHash(taskRecordSchema.parse(JSON.parse(JSON.stringify(stored))));
      await writeFileAtomic(join(results, 'tasks', `${record.hash}.json`), `${JSON.stringify(document, null, 2)}\n`);
      return document;
    },
    lockCell: (key) => tryLock(join(results, 'locks', `${key}.lock`), { sightings }),
    addToManifest,
  };
}

async function readIfPresent(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

function parse<T>(text: string, schema: z.ZodType<T>): { value: T } | { problem: string } {
  try {
    const checked = schema.safeParse(JSON.parse(text));
    if (checked.success) return { value: checked.data };
    const { path, message } = checked.error.issues[0];
    return { problem: `${path.join('.')}: ${message}` };
  } catch (error) {
    return { problem: `is not JSON: ${(error as Error).message}` };
  }
}

async function fileProblem(path: string, expected: string): Promise<string | undefined> {
  try {
    return (await sha256File(path)) === expected ? undefined : 'its checksum is not the stored one';
  } catch (error) {
    if (isMissing(error)) return 'is missing';
    throw error;
  }
}
