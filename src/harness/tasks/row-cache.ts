/**
 * The rows of tasks that are slow to read, such as those of a table of five million barcodes, kept in the cache folder as they were loaded (JSON, one a
 * line), so that each of a run's processes, and the next run, need not read the tables again. They hold for as long as `row-cache-validity.ts` says.
 */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../../core/atomic-file.ts';
import { temporaryPath } from '../../core/temporary.ts';
import { readLines } from '../../sequences/formats/gzip-stream.ts';
import type { LabelledSequence } from '../../sequences/labelled-sequence.ts';
import type { SkippedRow } from '../../sequences/row-faults.ts';
import type { TaskContext, TaskDefinition } from '../contracts.ts';
import { type PreparedRows, prepareTask } from './prepare.ts';
import { isUnchanged, memoryFile, type TaskReference, type Watched, watchedOf } from './row-cache-validity.ts';

/** Loading for longer than this is slow. */
const SLOW_SECONDS = 5;
const ENDING = 'rows.jsonl';

interface Loaded {
  readonly rows: readonly LabelledSequence[];
  /** What the task told while it loaded them. */
  readonly notes: readonly string[];
  readonly skipped: readonly SkippedRow[];
}
/** The first line of the file. */
interface Head extends Pick<Loaded, 'notes' | 'skipped'> {
  readonly watched: readonly Watched[];
  readonly rows: number;
}

/** Prepares a task, its rows as they were kept where they were slow to load before. */
export async function prepareKept(
  definition: TaskDefinition,
  reference: TaskReference,
  context: TaskContext,
  slow = SLOW_SECONDS,
): Promise<PreparedRows> {
  const path = await memoryFile(reference, context, ENDING);
  let loaded: (Loaded & { readonly began: number; readonly seconds: number }) | undefined;
  const load = async (inner: TaskContext): Promise<readonly LabelledSequence[]> => {
    const kept = await recall(path);
    for (const line of kept?.notes ?? []) inner.note?.(line);
    for (const row of kept?.skipped ?? []) inner.skip?.(row);
    if (kept) return kept.rows;
    const [began, started] = [Date.now(), performance.now()];
    const notes: string[] = [];
    const note = (line: string) => {
      notes.push(line);
      inner.note?.(line);
    };
    const skipped: SkippedRow[] = [];
    const skip = (row: SkippedRow) => {
      skipped.push(row);
      inner.skip?.(row);
    };
    const rows = await definition.load({ ...inner, note, skip });
    loaded = { rows, notes, skipped, began, seconds: (performance.now() - started) / 1000 };
    return rows;
  };
  const task = await prepareTask({ ...definition, load }, context);
  // Not before it is known that the rows can be used.
  if (loaded && loaded.seconds >= slow) {
    const { began } = loaded;
    const watched = await watchedOf(reference, task);
    // What changed while it was read may not be what was read.
    if (watched?.every(({ mtimeMs }) => mtimeMs <= began)) await keep(path, loaded, watched);
  }
  return { ...task, definition };
}

/** What is kept, where it still holds. */
async function recall(path: string): Promise<Loaded | undefined> {
  const rows: LabelledSequence[] = [];
  let head: Head | undefined;
  try {
    for await (const { lines } of readLines(path)) {
      for (const line of lines) {
        if (head) rows.push(JSON.parse(line));
        else {
          head = JSON.parse(line) as Head;
          if (!(await isUnchanged(head.watched))) return undefined;
        }
      }
    }
  } catch {
    return undefined; // absent or damaged: they will be loaded again
  }
  return head?.rows === rows.length ? { rows, notes: head.notes, skipped: head.skipped } : undefined;
}

async function keep(path: string, { rows, notes, skipped }: Loaded, watched: readonly Watched[]): Promise<void> {
  const head: Head = { watched, notes, skipped, rows: rows.length };
  const lines = function* () {
    yield `${JSON.stringify(head)}\n`;
    for (const row of rows) yield `${JSON.stringify(row)}\n`;
  };
  const temporary = temporaryPath(path);
  try {
    await makeFolder(dirname(path));
    await pipeline(lines, createWriteStream(temporary));
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }); // a full disk costs time, not the run
  }
}
