/** JSON Lines: one object per line. Columns are the keys of the first object; blank lines are passed over. */

import type { OpenTable, TableFault, TableRow } from '../row-faults.ts';
import { SequenceError } from '../sequence-error.ts';
import { shorten } from './fasta.ts';
import { readLines } from './gzip-stream.ts';

/**
 * Later lines that are not a JSON object are yielded as faults.
 * @throws SequenceError for an empty file and for a first line that is not a JSON object.
 */
export async function openJsonl(path: string): Promise<OpenTable> {
  const objects = readObjects(path);
  const first = await objects.next();
  if (first.done) throw new SequenceError('the file is empty; give one with rows', { file: path });
  const head = first.value;
  if ('fault' in head) throw head.fault;
  const columns = Object.keys(head.object);
  async function* select(indices: readonly number[]): AsyncGenerator<TableRow> {
    const row = ({ object, line }: ObjectLine) => ({ line, values: indices.map((index) => object[columns[index]]) });
    yield row(head as ObjectLine);
    for await (const next of objects) yield 'fault' in next ? next : row(next);
  }
  return { columns, select, joinedLines: () => 0 };
}

interface ObjectLine {
  readonly object: Readonly<Record<string, unknown>>;
  readonly line: number;
}

async function* readObjects(path: string): AsyncGenerator<ObjectLine | TableFault> {
  for await (const { firstLine, lines } of readLines(path)) {
    for (let i = 0; i < lines.length; i++) {
      if (lines[i].trim() !== '') yield parseObject(lines[i], path, firstLine + i);
    }
  }
}

function parseObject(text: string, file: string, line: number): ObjectLine | TableFault {
  const fault = (what: string) => ({ line, fault: new SequenceError(what, { file, line }) });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fault(`not JSON (${(error as Error).message}); write one object per line`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fault(`"${shorten(text)}" is not a JSON object; write one object per line`);
  }
  return { line, object: value as Record<string, unknown> };
}
