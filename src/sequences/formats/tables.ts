/** One way to open CSV, TSV, JSONL and Parquet. */
import type { OpenTable } from '../row-faults.ts';
import type { DataFormat } from './data-files.ts';
import { openDelimited } from './delimited.ts';
import { openJsonl } from './jsonl.ts';
import { openParquet } from './parquet.ts';

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
