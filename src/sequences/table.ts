/** What the table formats (CSV, TSV, JSONL, Parquet) have in common: named columns, and rows of values read one at a time. */
import type { DataFormat } from './data-files.ts';
import { openDelimited } from './delimited.ts';
import { openJsonl } from './jsonl.ts';
import { openParquet } from './parquet.ts';

export interface TableRow {
  /** 1-based line, or row for Parquet. */
  readonly line: number;
  /** One value per column; null and undefined where the row has none. */
  readonly values: readonly unknown[];
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: AsyncGenerator<TableRow>;
}

export interface OpenTable {
  readonly columns: readonly string[];
  /** Rows with only the columns of these indices, in this order. */
  select(indices: readonly number[]): AsyncGenerator<TableRow>;
}

/** Opens a table and reads its column names; of Parquet only the columns then selected are decoded. */
export async function openTable(
  path: string,
  format: Exclude<DataFormat, 'fasta'>,
  columns: readonly string[] | undefined,
): Promise<OpenTable> {
  if (format === 'parquet') {
    const table = await openParquet(path);
    return {
      columns: table.columns,
      select: (indices) => table.select(indices.map((index) => table.columns[index])).rows,
    };
  }
  const table: Table = format === 'jsonl' ? await openJsonl(path) : await openDelimited(path, { format, columns });
  async function* select(indices: readonly number[]): AsyncGenerator<TableRow> {
    for await (const { line, values } of table.rows) yield { line, values: indices.map((index) => values[index]) };
  }
  return { columns: table.columns, select };
}
