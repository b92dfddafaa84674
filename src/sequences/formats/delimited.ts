/**
 * CSV and TSV: the one parser of both. Streams; lines without a quote are split at the separator, all others go through
 * `delimited-quotes.ts`. The separator is the format's own unless the first line has only another of comma, tab, semicolon; the
 * quoting rules are those of the separator found.
 */
import type { OpenTable, TableRow } from '../row-faults.ts';
import { SequenceError } from '../sequence-error.ts';
import { listed } from './columns.ts';
import { createRecordParser, type DelimitedRecord } from './delimited-quotes.ts';
import { shorten } from './fasta.ts';
import { readLines } from './gzip-stream.ts';

export interface DelimitedOptions {
  readonly format: 'csv' | 'tsv';
  /** Names for a file without a header line. Without them the first line that is not blank is the header. */
  readonly columns?: readonly string[];
}

/**
 * Opens a delimited file and reads its header. Rows with another number of fields than the header and quotes that are never
 * closed are yielded as faults.
 * @throws SequenceError for an empty file and for a header that holds a sequence.
 */
export async function openDelimited(path: string, { format, columns: named }: DelimitedOptions): Promise<OpenTable> {
  const counts = { lines: 0, records: 0, joined: 0 };
  const records = readRecords(path, format, named?.length, counts);
  const first = named === undefined ? await records.next() : undefined;
  if (first?.done) throw emptyFile(path);
  if (first !== undefined && first.value.fault !== undefined) {
    throw new SequenceError(first.value.fault, { file: path, line: first.value.line });
  }
  const columns = named ?? first?.value.fields.map((name: string) => name.trim()) ?? [];
  if (named === undefined) refuseSequence(columns, path);

  async function* select(indices: readonly number[]): AsyncGenerator<TableRow> {
    for await (const { line, fields, fault } of records) {
      if (fault !== undefined) yield { line, fault: new SequenceError(fault, { file: path, line }) };
      else if (fields.length === columns.length) yield { line, values: indices.map((index) => fields[index]) };
      else yield { line, fault: ragged(fields.length, columns, { file: path, line }) };
    }
    if (counts.lines === 0) throw emptyFile(path);
    if (counts.lines !== counts.records + counts.joined) {
      throw new Error(`${path}: ${counts.lines} lines gave ${counts.records} rows and ${counts.joined} joined lines`);
    }
  }
  return { columns, select, joinedLines: () => counts.joined };
}

function emptyFile(file: string): SequenceError {
  return new SequenceError('the file is empty; give one with rows', { file });
}

function refuseSequence(columns: readonly string[], file: string): void {
  const dataLike = columns.find((name) => /^[ACGTUN]{12,}$/i.test(name));
  if (dataLike === undefined) return;
  throw new SequenceError(
    `the first line holds a sequence ("${shorten(dataLike)}"), so this file has no header; name its columns with \`columns\``,
    { file, line: 1 },
  );
}

function ragged(fields: number, columns: readonly string[], at: { file: string; line: number }): SequenceError {
  return new SequenceError(
    `${fields} fields, but there are ${columns.length} columns (${listed(columns)}); correct the row, or quote fields that hold the separator`,
    at,
  );
}

/** Records of a file, the header among them. `width` is the number of columns where it is known beforehand. */
async function* readRecords(
  path: string,
  format: 'csv' | 'tsv',
  width: number | undefined,
  counts: { lines: number; records: number; joined: number },
): AsyncGenerator<DelimitedRecord> {
  let parser: ReturnType<typeof createRecordParser> | undefined;
  const found: DelimitedRecord[] = [];
  for await (const { firstLine, lines } of readLines(path, 'fields')) {
    for (let i = 0; i < lines.length; i++) {
      if (parser === undefined) {
        if (isBlank(lines[i])) continue;
        parser = createRecordParser(separator(lines[i], format), counts, width);
      }
      parser.push(lines[i], firstLine + i, found);
      for (const record of found) yield record;
      found.length = 0;
    }
  }
  parser?.end(found);
  yield* found;
}

/** Whether a line holds no row. A line of separators holds one, of empty fields. */
export function isBlank(line: string): boolean {
  return line === '' || /^[ \r]*$/.test(line);
}

/** The format's own separator, or the first other one present when it is absent from the first line. */
function separator(head: string, format: 'csv' | 'tsv'): string {
  const candidates = format === 'csv' ? [',', '\t', ';'] : ['\t', ',', ';'];
  return candidates.find((candidate) => head.includes(candidate)) ?? candidates[0];
}
