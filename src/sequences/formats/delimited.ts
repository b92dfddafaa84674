/**
 * CSV and TSV through csv-parse: quoted fields, byte-order mark, blank lines, any line ending. The separator is the
 * format's own unless the first line has only another of comma, tab, semicolon. Every row must have as many fields as there are columns.
 */
import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { SequenceError } from '../sequence-error.ts';
import { shorten } from './fasta.ts';
import { readText } from './gzip-stream.ts';
import type { Table, TableRow } from './table-types.ts';

export interface DelimitedOptions {
  readonly format: 'csv' | 'tsv';
  /** Names for a file without a header line. Without them the first line is the header. */
  readonly columns?: readonly string[];
}

interface Parsed {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

/**
 * Opens a delimited file and reads its header.
 * @throws SequenceError for an empty file, a header that looks like data, ragged rows, unclosed quotes.
 */
export async function openDelimited(path: string, options: DelimitedOptions): Promise<Table> {
  const text = readText(path);
  const { head, chunks } = await firstLine(text);
  if (head.trim() === '') throw new SequenceError('the file is empty; give one with rows', { file: path });
  const parser = parse({
    delimiter: separator(head, options.format),
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true, // checked below, with a better message
    relax_quotes: true,
    skip_empty_lines: true,
    trim: options.format === 'csv',
    max_record_size: 0,
    info: true,
  });
  // The callback is needed for pipeline to forward errors; reading the parser throws them.
  pipeline(Readable.from(chunks, { objectMode: false }), parser, () => {});
  const rows = parsedRows(parser as AsyncIterable<Parsed>, path)[Symbol.asyncIterator]();
  if (options.columns !== undefined)
    return { columns: options.columns, rows: checkedRows(rows, options.columns, path) };

  const first = await rows.next();
  const columns = first.done ? [] : first.value.record;
  const dataLike = columns.find((name) => /^[ACGTUN]{12,}$/i.test(name));
  if (dataLike !== undefined) {
    throw new SequenceError(
      `the first line holds a sequence ("${shorten(dataLike)}"), so this file has no header; name its columns with \`columns\``,
      { file: path, line: 1 },
    );
  }
  return { columns, rows: checkedRows(rows, columns, path) };
}

async function* checkedRows(
  rows: AsyncIterator<Parsed>,
  columns: readonly string[],
  path: string,
): AsyncGenerator<TableRow> {
  for (let next = await rows.next(); !next.done; next = await rows.next()) {
    const { record, info } = next.value;
    if (record.length !== columns.length) {
      const named = columns.map((name) => `"${name}"`).join(', ');
      throw new SequenceError(
        `${record.length} fields, but there are ${columns.length} columns (${named}); correct the row, or quote fields that hold the separator`,
        { file: path, line: info.lines },
      );
    }
    yield { line: info.lines, values: record };
  }
}

async function* parsedRows(parser: AsyncIterable<Parsed>, path: string): AsyncGenerator<Parsed> {
  try {
    yield* parser;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? error.lines : undefined;
    const remedy =
      error.code === 'CSV_QUOTE_NOT_CLOSED' ? 'close the quote, or double quotes inside fields' : 'correct the row';
    throw new SequenceError(`${error.message}; ${remedy}`, { file: path, line });
  }
}

/** The first line, and all text chunks (the ones read ahead included). */
async function firstLine(text: AsyncGenerator<string>): Promise<{ head: string; chunks: AsyncGenerator<string> }> {
  const held: string[] = [];
  let done = false;
  while (!held.some((chunk) => /\S[^\n]*\n/.test(chunk))) {
    const next = await text.next();
    done = next.done === true;
    if (next.done) break;
    held.push(next.value);
  }
  async function* chunks() {
    yield* held;
    if (!done) yield* text;
  }
  const head = held.join('').trimStart().split('\n', 1)[0];
  return { head, chunks: chunks() };
}

/** The format's own separator, or the first other one present when it is absent from the first line. */
export function separator(head: string, format: 'csv' | 'tsv'): string {
  const candidates = format === 'csv' ? [',', '\t', ';'] : ['\t', ',', ';'];
  return candidates.find((candidate) => head.includes(candidate)) ?? candidates[0];
}
