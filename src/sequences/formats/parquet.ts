/**
 * Parquet through hyparquet, all codecs of hyparquet-compressors. Only the columns asked for are decoded, one row group at a
 * time: memory is the largest row group. A gzip'd Parquet file is unpacked in memory first, since the format needs random access.
 */
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { SequenceError } from '../sequence-error.ts';
import { firstBytes, readBytes, readError } from './gzip-stream.ts';
import type { Table, TableRow } from './table-types.ts';

/**
 * Opens a Parquet file and reads its schema. `line` of its rows is the 1-based row number.
 * @throws SequenceError for a damaged or truncated file.
 */
export async function openParquet(path: string): Promise<Table & { select(columns: readonly string[]): Table }> {
  const file = await openBuffer(path);
  const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
    throw damaged(error, path);
  });
  const columns = parquetSchema(metadata).children.map((child) => child.element.name);
  const select = (chosen: readonly string[]): Table => ({ columns: chosen, rows: rows(chosen) });

  async function* rows(chosen: readonly string[]): AsyncGenerator<TableRow> {
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const options = { file, metadata, columns: [...chosen], rowStart, rowEnd, compressors };
      const objects: Record<string, unknown>[] = await parquetReadObjects(options).catch((error: unknown) => {
        throw damaged(error, path, rowStart + 1);
      });
      if (objects.length !== rowEnd - rowStart) {
        throw damaged(new Error(`${objects.length} of ${rowEnd - rowStart} rows`), path, rowStart + 1);
      }
      for (let i = 0; i < objects.length; i++) {
        yield { line: rowStart + i + 1, values: chosen.map((name) => objects[i][name]) };
      }
      rowStart = rowEnd;
    }
  }
  return { ...select(columns), select };
}

async function openBuffer(path: string): Promise<AsyncBuffer> {
  const magic = await firstBytes(path, 2);
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return asyncBufferFromFile(path);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of readBytes(path)) chunks.push(chunk);
  } catch (error) {
    throw readError(error, path);
  }
  const bytes = Uint8Array.from(Buffer.concat(chunks));
  return { byteLength: bytes.length, slice: (start, end) => bytes.buffer.slice(start, end) };
}

function damaged(error: unknown, file: string, line?: number): Error {
  if (error instanceof SequenceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SequenceError(`cannot be read as Parquet (${message}); download or write it again`, { file, line });
}
