/**
 * What is remembered of a task in the cache folder, for as long as nothing it depends on has changed: the plugin's source, our own code, the
 * settings, and the size and time of every file that rows were read from. A task whose rows name no file and that is not declared as
 * generated is not remembered.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { keyOf } from '../../core/key.ts';
import { taskCodeHash } from '../cells/source-hash.ts';
import type { TaskContext } from '../contracts.ts';
import type { AdhocOptions } from './ad-hoc-task.ts';
import type { PreparedRows } from './prepare.ts';

/** Where a child process finds a task again. Plain JSON. */
export type TaskReference =
  | { readonly type: 'plugin'; readonly file: string; readonly id: string; readonly sourceHash: string }
  | { readonly type: 'adhoc'; readonly options: AdhocOptions };

/** A file or folder as it was. */
export interface Watched {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The file of a memory; `ending` says of what. */
export async function memoryFile(reference: TaskReference, context: TaskContext, ending: string): Promise<string> {
  const { dataFolder, cacheFolder } = context;
  const key = keyOf('taskRows', { reference, dataFolder, code: await taskCodeHash(), folder: process.cwd() });
  return join(cacheFolder, 'tasks', `${key}.${ending}`);
}

/** What the task's rows came from, as it is now; undefined where changes could not be seen. */
export async function watchedOf(
  reference: TaskReference,
  { files, definition }: Pick<PreparedRows, 'files' | 'definition'>,
): Promise<Watched[] | undefined> {
  if (files.length === 0 && !definition.generated) return undefined;
  const read = files.map((file) => resolve(file));
  // A file added to a folder changes the folder's time.
  const folders = read.map((file) => dirname(file));
  const { data, labelTable } = reference.type === 'adhoc' ? reference.options : {};
  const named = [data, labelTable].flatMap((path) => (path ? [resolve(path)] : []));
  return Promise.all([...new Set([...read, ...folders, ...named])].map(watch));
}

/** Whether all of them are as they were. */
export async function isUnchanged(watched: readonly Watched[]): Promise<boolean> {
  const now = await Promise.all(watched.map(({ path }) => watch(path).catch(() => undefined)));
  return now.every((is, i) => is?.size === watched[i].size && is.mtimeMs === watched[i].mtimeMs);
}

async function watch(path: string): Promise<Watched> {
  const { size, mtimeMs } = await stat(path);
  return { path, size, mtimeMs };
}
