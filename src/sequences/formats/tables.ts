/**
 * Tables as every format gives them (CSV, TSV, JSONL, Parquet): named columns, and rows of values read one at a time. A row that
 * cannot be read is yielded as a fault, in its place, so that the reader of the table can refuse it or skip and count it.
 */
import type { SequenceError } from '../sequence-error.ts';
import type { DataFormat } from './data-files.ts';
import { openDelimited } from './delimited.ts';
import { openJsonl } from './jsonl.ts';
import { openParquet } from './parquet.ts';

export interface TableValues {
  /** 1-based line, the first one of a row that spans several; the row for Parquet. */
  readonly line: number;
  /** One value per column chosen; null and undefined where the row has none. */
  readonly values: readonly unknown[];
}

/** A row that cannot be read. */
export interface TableFault {
  readonly line: number;
  readonly fault: SequenceError;
}

export type TableRow = TableValues | TableFault;

export interface OpenTable {
  readonly columns: readonly string[];
  /** Rows with only the columns of these indices, in this order. Called once. */
  select(indices: readonly number[]): AsyncGenerator<TableRow>;
  /** Lines so far that went on with the row before them, because of a line break inside quotes. */
  joinedLines(): number;
}

/** Opens a table and reads its column names; of Parquet only the columns then selected are decoded. */
export async function openTable(
  path: string,
  format: Exclude<DataFormat, 'fasta'>,
  columns?: readonly string[],
): Promise<OpenTable> {
  if (format === 'parquet') return openParquet(path);
  if (format === 'jsonl') return openJsonl(path);
  return openDelimited(path, { format, columns });
}
