/**
 * Reads a run's folder with the layout of `src/harness/store/result.ts`: the manifest, one result
 * per cell, one record per task, and on demand their `.npy` files, each checked against its sha256.
 * A cell without a document is `missing`. A damaged document or damaged predictions are a problem
 * that is shown on the board, never dropped. This file only reads. Paths are built from the layout,
 * never taken from the documents.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ZodError, type z } from 'zod';
import { contentProblem } from '../../core/content-hash.ts';
import { sha256, sha256File } from '../../core/files.ts';
import type { Predictions, Targets } from '../../core/matrix.ts';
import { type ManifestCell, type RunSettings, rowIdentity } from '../../harness/cells/identity.ts';
import {
  type Result,
  type RunManifest,
  resultSchema,
  runManifestSchema,
  type TaskRecord,
  taskRecordSchema,
} from '../../harness/store/result.ts';
import { decodeNpy } from '../../runtime/arrays/npy.ts';
import { type CellLabels, labelCells } from './labels.ts';

export interface StoredCell extends CellLabels {
  readonly planned: ManifestCell;
  /** Present when the document was read and is whole. */
  readonly result?: Result;
  /** Why an existing document cannot be used. */
  readonly problem?: string;
}

export interface RunFolder {
  readonly dir: string;
  readonly manifest: RunManifest;
  /** In the manifest's order; for the same row and seed the last one planned. */
  readonly cells: readonly StoredCell[];
  /** By task hash. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  /** By task hash: why an existing record cannot be used. */
  readonly taskProblems: ReadonlyMap<string, string>;
  /** sha256 over every document read, the bytes of the `.npy` files, and the code of report and metrics. */
  readonly hash: string;
}

const HEX = /^[0-9a-f]{1,128}$/;

/** Throws when `dir` has no manifest or an unreadable one; damaged cells are reported in place. */
export async function readRunFolder(dir: string): Promise<RunFolder> {
  const manifestPath = join(dir, 'run.json');
  const manifestText = await readIfPresent(manifestPath);
  if (manifestText === undefined) {
    throw new Error(
      `${manifestPath} does not exist: ${dir} is not the folder of a run. Run \`npm run bench -- run --out ${dir}\` first.`,
    );
  }
  const manifest = parse(manifestPath, manifestText, runManifestSchema);
  const seen = new Map(manifest.cells.map((cell) => [JSON.stringify([rowIdentity(cell), cell.seed]), cell]));
  const digest: string[] = [sha256(manifestText), await codeHash()];
  const read: Omit<StoredCell, keyof CellLabels>[] = [];
  for (const planned of seen.values()) {
    const { cell, text, bytes } = await readCell(dir, planned);
    read.push(cell);
    digest.push(text === undefined ? 'missing' : sha256(text), bytes);
  }
  const labels = labelCells(read);
  const cells = read.map((cell, i): StoredCell => ({ ...cell, ...labels[i] }));
  const tasks = new Map<string, TaskRecord>();
  const taskProblems = new Map<string, string>();
  for (const hash of new Set(cells.map((cell) => cell.planned.taskHash))) {
    if (!HEX.test(hash)) continue;
    const path = join(dir, 'results', 'tasks', `${hash}.json`);
    const text = await readIfPresent(path);
    digest.push(text === undefined ? 'missing' : sha256(text), await hashOf(targetsPath(dir, hash)));
    if (text === undefined) continue;
    try {
      const record = parseSealed(path, text, taskRecordSchema);
      if (record.hash !== hash) throw new Error(`${path} is the record of another task (hash ${record.hash})`);
      tasks.set(hash, record);
    } catch (error) {
      taskProblems.set(hash, (error as Error).message);
    }
  }
  return { dir, manifest, cells, tasks, taskProblems, hash: sha256(digest.join('\n')) };
}

/** `[testSize, columns]`. Throws when the file is absent, damaged, or different from its record. */
export async function readTargets(run: RunFolder, record: TaskRecord): Promise<Targets> {
  const path = targetsPath(run.dir, record.hash);
  const array = await readChecked(path, record.targets);
  if (!(array.values instanceof Float64Array)) throw new Error(`${path}: true answers must be float64`);
  return { rows: array.rows, columns: array.columns, values: array.values };
}

/**
 * `[testSize, outputs]`. Throws when the file is absent, damaged, different from its result, or has
 * NaN.
 */
export async function readPredictions(run: RunFolder, result: Result): Promise<Predictions> {
  if (result.predictions === undefined) throw new Error(`results/${result.key}.json: done, but without predictions`);
  const path = predictionsPath(run.dir, result.key);
  const { rows, columns, values } = await readChecked(path, result.predictions);
  if (values instanceof Int32Array) throw new Error(`${path}: predictions must be float64 or float32`);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new Error(`${path}: row ${Math.floor(bad / columns)} has ${values[bad]}, not a number`);
  return { rows, columns, values };
}

async function readCell(
  dir: string,
  planned: ManifestCell,
): Promise<{ cell: Omit<StoredCell, keyof CellLabels>; text?: string; bytes: string }> {
  if (!/^[0-9a-f]{64}$/.test(planned.key)) {
    return { cell: { planned, problem: `run.json: key "${planned.key}" is not a sha256` }, bytes: ABSENT };
  }
  const path = join(dir, 'results', `${planned.key}.json`);
  const text = await readIfPresent(path);
  if (text === undefined) return { cell: { planned }, bytes: ABSENT };
  const bytes = await hashOf(predictionsPath(dir, planned.key));
  try {
    const result = parseSealed(path, text, resultSchema);
    const found = [result.key, result.task.id, result.task.hash, result.contender.id, result.probe, result.seed];
    const wanted = [planned.key, planned.task, planned.taskHash, planned.contender, planned.probe, planned.seed];
    for (const [name, value] of Object.entries(planned.origin?.settings ?? {})) {
      found.push(result.environment[name as keyof RunSettings]);
      wanted.push(value);
    }
    const differs = found.findIndex((value, i) => value !== wanted[i]);
    if (differs >= 0) {
      throw new Error(
        `${path} has "${found[differs]}" but run.json planned "${wanted[differs]}"; delete it, run again`,
      );
    }
    return { cell: { planned, result }, text, bytes };
  } catch (error) {
    return { cell: { planned, problem: (error as Error).message }, text, bytes };
  }
}

async function readChecked(path: string, expected: { sha256: string; rows: number; columns: number }) {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Error(`${path} is absent: delete its result file and run again`);
    throw error;
  });
  if (sha256(bytes) !== expected.sha256) {
    throw new Error(`${path} is damaged (its sha256 is not the stored one): delete it and its result file, run again`);
  }
  const array = decodeNpy(bytes, path);
  if (array.rows !== expected.rows || array.columns !== expected.columns) {
    throw new Error(
      `${path} is ${array.rows} x ${array.columns}; its document has ${expected.rows} x ${expected.columns}`,
    );
  }
  return array;
}

function parseSealed<T extends { contentHash?: string }>(path: string, text: string, schema: z.ZodType<T>): T {
  const document = parse(path, text, schema);
  const problem = document.contentHash === undefined ? undefined : contentProblem(document);
  if (problem) throw new Error(`${path} is damaged (${problem}): run again`);
  return document;
}

function parse<T>(path: string, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof ZodError) {
      const issue = error.issues[0];
      throw new Error(`${path}: ${issue.path.join('.') || 'document'}: ${issue.message}`);
    }
    throw new Error(`${path}: not valid JSON (${(error as Error).message}); delete it and run again`);
  }
}

function targetsPath(dir: string, hash: string): string {
  return join(dir, 'results', 'targets', `${hash}.npy`);
}

function predictionsPath(dir: string, key: string): string {
  return join(dir, 'results', 'predictions', `${key}.npy`);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const ABSENT = 'absent';

/** sha256 of the file's bytes, or a marker when it cannot be read. */
async function hashOf(path: string): Promise<string> {
  return sha256File(path).catch(() => ABSENT);
}

/**
 * Boards of different code are different boards: the sources of report and metrics are part of the
 * key.
 */
async function codeHash(): Promise<string> {
  const source = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const files: string[] = [];
  for (const folder of ['core', 'metrics', 'report']) {
    const entries = await readdir(join(source, folder), { withFileTypes: true, recursive: true });
    for (const entry of entries) if (entry.isFile()) files.push(join(entry.parentPath, entry.name));
  }
  files.sort();
  const texts: string[] = [];
  for (const file of files) texts.push(await readFile(file, 'utf8'));
  return sha256(files.map((file, i) => `${relative(source, file)}\0${texts[i]}`).join('\0'));
}
