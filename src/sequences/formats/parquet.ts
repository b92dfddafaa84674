/**
 * Parquet through hyparquet, all codecs of hyparquet-compressors. Only the columns asked for are decoded, one row group at a
 * time: memory is the largest row group. A gzip'd Parquet file is unpacked in memory first, since the format needs random access.
 *
 * A damaged page can make a decompressor run for ever (fzstd 0.1.1 on a Huffman table whose codes have no bits) or ask for any
 * amount of memory. Pages are therefore bounded in size and in the time of their decompression, which V8 ends when it is over.
 */
import { createContext, Script } from 'node:vm';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { OpenTable, TableRow } from '../row-faults.ts';
import { SequenceError } from '../sequence-error.ts';
import { firstBytes, readBytes, readError } from './gzip-stream.ts';

/** Largest page, uncompressed. Writers make pages of about 1 MiB. */
const MOST_PAGE_BYTES = 1 << 30;
/** Largest gzip'd Parquet file, unpacked: what one array of bytes holds with ease. */
const MOST_UNPACKED_BYTES = 2 ** 31;
/** Time for a page, and for each of its MiB: about 100 times what decompression takes. */
const PAGE_MILLISECONDS = 2000;
const MILLISECONDS_PER_MIB = 1000;

/**
 * Opens a Parquet file and reads its schema. `line` of its rows is the 1-based row number.
 * @throws SequenceError for a damaged or truncated file.
 */
export async function openParquet(path: string): Promise<OpenTable> {
  const file = await openBuffer(path);
  const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
    throw damaged(error, path);
  });
  const columns = schemaColumns(path, metadata);

  async function* select(indices: readonly number[]): AsyncGenerator<TableRow> {
    const chosen = indices.map((index) => columns[index]);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const options = { file, metadata, columns: chosen, rowStart, rowEnd, compressors: BOUNDED };
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
  return { columns, select, joinedLines: () => 0 };
}

function schemaColumns(path: string, metadata: Awaited<ReturnType<typeof parquetMetadataAsync>>): string[] {
  try {
    const names: unknown[] = parquetSchema(metadata).children.map((child) => child.element.name);
    if (names.every((name) => typeof name === 'string')) return names;
  } catch (error) {
    throw damaged(error, path);
  }
  throw damaged(new Error('a column has no name'), path);
}

const SANDBOX: { work?: () => void } = createContext({});
const CALL = new Script('work()');

/** Runs `work` in this thread and ends it after `milliseconds`, even inside a loop. */
function withinTime<T>(milliseconds: number, work: () => T): T {
  let result: { value: T } | undefined;
  SANDBOX.work = () => {
    result = { value: work() };
  };
  CALL.runInContext(SANDBOX, { timeout: milliseconds });
  return result!.value;
}

/** The decompressors, each bounded. hyparquet compares the length of what they give with the page's header. */
const BOUNDED: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number): Uint8Array => {
      if (!(length >= 0 && length <= MOST_PAGE_BYTES)) {
        throw new Error(`a page of ${length} bytes; ${MOST_PAGE_BYTES} is the most that is read`);
      }
      const limit = PAGE_MILLISECONDS + MILLISECONDS_PER_MIB * Math.ceil(length / (1 << 20));
      try {
        return withinTime(limit, () => decompress!(input, length));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
        throw new Error(`its ${codec} data are corrupt: decompression of ${length} bytes took over ${limit} ms`);
      }
    },
  ]),
);

async function openBuffer(path: string): Promise<AsyncBuffer> {
  const magic = await firstBytes(path, 2);
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return asyncBufferFromFile(path);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of readBytes(path)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MOST_UNPACKED_BYTES) {
        throw new SequenceError(
          `more than ${MOST_UNPACKED_BYTES} bytes once unpacked, the most that is read of a gzip'd Parquet file; unpack it first`,
          { file: path },
        );
      }
    }
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
