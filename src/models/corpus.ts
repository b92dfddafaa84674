/**
 * What an encoder is pre-trained on: rows of letters, read when they are asked for. In memory for the sequences of a task; on disk for
 * files of any size, where a row costs one read and memory stays flat however many there are.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface Corpus {
  readonly rows: number;
  /** Upper-case letters of one row. */
  row(i: number): string;
  /** sha256 over all rows in order. */
  readonly hash: string;
  close(): void;
}

/** Rows already in memory. */
export function memoryCorpus(sequences: readonly string[]): Corpus {
  const hash = createHash('sha256').update(sequences.join('\n')).digest('hex');
  return { rows: sequences.length, row: (i) => sequences[i], hash, close() {} };
}

/** Bytes of letters and of offsets gathered before they are written. */
const WRITE_BYTES = 1 << 22;
const OFFSET_BYTES = 8;

/**
 * Writes rows to `path` (letters end to end) and `path.offsets` (where each begins, float64), and opens them. The files are overwritten.
 * @throws when a row has a letter beyond ASCII.
 */
export async function writeCorpus(path: string, rows: AsyncIterable<string> | Iterable<string>): Promise<Corpus> {
  await mkdir(dirname(path), { recursive: true });
  const hash = createHash('sha256');
  const letters = buffered(await open(path, 'w'));
  const offsets = buffered(await open(`${path}.offsets`, 'w'));
  let count = 0;
  let bytes = 0;
  const mark = async () => {
    const offset = Buffer.alloc(OFFSET_BYTES);
    offset.writeDoubleLE(bytes);
    await offsets.write(offset);
  };
  try {
    for await (const row of rows) {
      const data = Buffer.from(row, 'latin1');
      if (count > 0) hash.update('\n');
      hash.update(data);
      await mark();
      await letters.write(data);
      bytes += data.length;
      count += 1;
    }
    await mark();
  } finally {
    await letters.close();
    await offsets.close();
  }
  return openCorpus(path, count, hash.digest('hex'));
}

function buffered(file: FileHandle) {
  let parts: Buffer[] = [];
  let size = 0;
  const flush = async () => {
    if (size > 0) await file.write(Buffer.concat(parts));
    parts = [];
    size = 0;
  };
  return {
    async write(data: Buffer) {
      parts.push(data);
      size += data.length;
      if (size >= WRITE_BYTES) await flush();
    },
    async close() {
      await flush();
      await file.close();
    },
  };
}

function openCorpus(path: string, rows: number, hash: string): Corpus {
  const letters = openSync(path, 'r');
  const offsets = openSync(`${path}.offsets`, 'r');
  const pair = Buffer.alloc(2 * OFFSET_BYTES);
  return {
    rows,
    hash,
    row(i) {
      if (readSync(offsets, pair, 0, pair.length, i * OFFSET_BYTES) !== pair.length)
        throw new Error(`${path}.offsets ends before row ${i} of ${rows}: was it changed while it was read?`);
      const [start, end] = [pair.readDoubleLE(0), pair.readDoubleLE(OFFSET_BYTES)];
      const data = Buffer.alloc(end - start);
      if (readSync(letters, data, 0, data.length, start) !== data.length)
        throw new Error(`${path} ends within row ${i} of ${rows}: was it changed while it was read?`);
      return data.toString('latin1');
    },
    close() {
      closeSync(letters);
      closeSync(offsets);
    },
  };
}
