/**
 * Caches the rows of tasks that take long to load, as JSON lines in the cache folder with a checksum
 * in the last line. Other processes and later runs reuse them until a source file changes
 * (`row-cache-validity.ts`).
 */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../../core/atomic-file.ts';
import { warnDamaged } from '../../core/content-hash.ts';
import { temporaryPath } from '../../core/temporary.ts';
import { readLines } from '../../sequences/formats/gzip-stream.ts';
import type { LabelledSequence } from '../../sequences/labelled-sequence.ts';
import type { SkippedRow } from '../../sequences/row-faults.ts';
import type { TaskContext, TaskDefinition } from '../contracts.ts';
import { type PreparedRows, prepareTask } from './prepare.ts';
import { isUnchanged, memoryFile, type TaskReference, type Watched, watchedOf } from './row-cache-validity.ts';

/** Rows that take longer than this to load are cached. */
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

/** The last line of the file. */
interface Tail {
  /** Over the text of all lines before it. */
  readonly sha256: string;
}

/** Prepares a task; rows that were slow to load before come from the cache. */
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
  // Write the cache only after the rows have passed validation.
  if (loaded && loaded.seconds >= slow) {
    const { began } = loaded;
    const watched = await watchedOf(reference, task);
    // What changed while it was read may not be what was read.
    if (watched?.every(({ mtimeMs }) => mtimeMs <= began)) await keep(path, loaded, watched);
  }
  return { ...task, definition };
}

/** The cached rows, if they are whole and their sources are unchanged. */
async function recall(path: string): Promise<Loaded | undefined> {
  if (!existsSync(path)) return undefined;
  const rows: LabelledSequence[] = [];
  const hash = createHash('sha256');
  let head: Head | undefined;
  let checksum: string | undefined;
  try {
    for await (const { lines } of readLines(path)) {
      for (const line of lines) {
        if (head && rows.length === head.rows) {
          checksum = (JSON.parse(line) as Tail).sha256;
          continue;
        }
        hash.update(line);
        if (head) rows.push(JSON.parse(line));
        else {
          head = JSON.parse(line) as Head;
          if (!(await isUnchanged(head.watched))) return undefined;
        }
      }
    }
    if (head && checksum === hash.digest('hex')) return { rows, notes: head.notes, skipped: head.skipped };
  } catch {
    // not JSON, or cut off: damaged
  }
  warnDamaged(path, 'the rows are read again from their files');
  return undefined;
}

async function keep(path: string, { rows, notes, skipped }: Loaded, watched: readonly Watched[]): Promise<void> {
  const head: Head = { watched, notes, skipped, rows: rows.length };
  const hash = createHash('sha256');
  const text = (value: object) => {
    const line = JSON.stringify(value);
    hash.update(line);
    return `${line}\n`;
  };
  const lines = function* () {
    yield text(head);
    for (const row of rows) yield text(row);
    yield `${JSON.stringify({ sha256: hash.digest('hex') } satisfies Tail)}\n`;
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
