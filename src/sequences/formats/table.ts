/** One way to open CSV, TSV, JSONL and Parquet. */
import type { DataFormat } from './data-files.ts';
import { openDelimited } from './delimited.ts';
import { openJsonl } from './jsonl.ts';
import { openParquet } from './parquet.ts';
import type { OpenTable, Table, TableRow } from './table-types.ts';

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
