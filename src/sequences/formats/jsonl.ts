/** JSON Lines: one object per line. Columns are the keys of the first object; blank lines are skipped. */

import { SequenceError } from '../sequence-error.ts';
import { shorten } from './fasta.ts';
import { readLines } from './gzip-stream.ts';
import type { Table, TableRow } from './table-types.ts';

/** @throws SequenceError for an empty file and for a line that is not a JSON object. */
export async function openJsonl(path: string): Promise<Table> {
  const objects = readObjects(path);
  const first = await objects.next();
  if (first.done) throw new SequenceError('the file is empty; give one with rows', { file: path });
  const columns = Object.keys(first.value.object);
  const toRow = ({ object, line }: ObjectLine): TableRow => ({ line, values: columns.map((name) => object[name]) });
  async function* rows(head: ObjectLine): AsyncGenerator<TableRow> {
    yield toRow(head);
    for await (const next of objects) yield toRow(next);
  }
  return { columns, rows: rows(first.value) };
}

interface ObjectLine {
  readonly object: Readonly<Record<string, unknown>>;
  readonly line: number;
}

async function* readObjects(path: string): AsyncGenerator<ObjectLine> {
  for await (const { firstLine, lines } of readLines(path)) {
    for (let i = 0; i < lines.length; i++) {
      if (lines[i].trim() === '') continue;
      yield { object: parseObject(lines[i], path, firstLine + i), line: firstLine + i };
    }
  }
}

function parseObject(text: string, file: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SequenceError(`not JSON (${(error as Error).message}); write one object per line`, { file, line });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SequenceError(`"${shorten(text)}" is not a JSON object; write one object per line`, { file, line });
  }
  return value as Record<string, unknown>;
}
