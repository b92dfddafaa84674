/**
 * What a plan needs to know of a task without holding its rows: its hash, sizes and classes. Preparing a task to learn these
 * may take seconds, so descriptions are remembered in the cache folder for as long as nothing they depend on has changed: the
 * plugin's source, our own code, the settings, and the size and time of every file that rows were read from. A task whose rows
 * name no file and that is not declared as generated is prepared afresh every time.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { MetricName, TaskKind } from '../metrics/types.ts';
import { hashJson, writeFileAtomic } from '../runtime/files.ts';
import type { SplitName } from '../sequences/types.ts';
import type { AdhocOptions } from './adhoc.ts';
import type { TaskContext } from './contracts.ts';
import { type PreparedRows, sizesOf } from './prepare.ts';
import { taskCodeHash } from './source-hash.ts';

/** Where a child process finds a task again. Plain JSON. */
export type TaskReference =
  | { readonly type: 'plugin'; readonly file: string; readonly id: string; readonly sourceHash: string }
  | { readonly type: 'adhoc'; readonly options: AdhocOptions };

export interface TaskDescription {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  readonly kind: TaskKind;
  readonly metric: MetricName;
  readonly metrics?: readonly MetricName[];
  readonly citation: string;
  readonly licence: string;
  readonly hash: string;
  readonly classes: readonly string[];
  readonly sizes: Readonly<Record<SplitName, number>>;
  /** How rows were divided, in words. */
  readonly split: string;
  /** What the task told while it was read, in its own sentences. */
  readonly notes: readonly string[];
}

interface Remembered {
  readonly description: TaskDescription;
  readonly watched: readonly Watched[];
}
interface Watched {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The description of a prepared task. */
export function describeTask(task: PreparedRows): TaskDescription {
  const { id, title, description, kind, metric, metrics, citation, licence } = task.definition;
  const { hash, classes, notes, splitDescription: split } = task;
  const sizes = sizesOf(task);
  return { id, title, description, kind, metric, metrics, citation, licence, hash, classes, sizes, split, notes };
}

async function memoryFile(reference: TaskReference, context: TaskContext): Promise<string> {
  const key = hashJson({
    reference,
    dataFolder: context.dataFolder,
    code: await taskCodeHash(),
    folder: process.cwd(),
  });
  return join(context.cacheFolder, 'tasks', `${key}.json`);
}

async function watch(path: string): Promise<Watched> {
  const { size, mtimeMs } = await stat(path);
  return { path, size, mtimeMs };
}

/** The description made earlier, if everything it depends on is unchanged. */
export async function recallDescription(
  reference: TaskReference,
  context: TaskContext,
): Promise<TaskDescription | undefined> {
  try {
    const remembered = JSON.parse(await readFile(await memoryFile(reference, context), 'utf8')) as Remembered;
    const now = await Promise.all(remembered.watched.map(({ path }) => watch(path)));
    const same = now.every(({ size, mtimeMs }, i) => {
      const then = remembered.watched[i];
      return then.size === size && then.mtimeMs === mtimeMs;
    });
    return same ? remembered.description : undefined;
  } catch {
    return undefined; // absent, damaged, or a watched file is gone: it will be made again
  }
}

/** Remembers a description where it can be known later that it still holds. */
export async function rememberDescription(
  reference: TaskReference,
  context: TaskContext,
  task: PreparedRows,
): Promise<void> {
  if (task.files.length === 0 && !task.definition.generated) return;
  const files = task.files.map((file) => resolve(file));
  // A file added to a folder changes the folder's time.
  const data = reference.type === 'adhoc' ? [resolve(reference.options.data)] : [];
  const tables =
    reference.type === 'adhoc' && reference.options.labelTable ? [resolve(reference.options.labelTable)] : [];
  const paths = [...new Set([...files, ...files.map((file) => dirname(file)), ...data, ...tables])];
  const remembered: Remembered = { description: describeTask(task), watched: await Promise.all(paths.map(watch)) };
  await writeFileAtomic(await memoryFile(reference, context), `${JSON.stringify(remembered)}\n`);
}
