/**
 * Rows of letters that an encoder is pre-trained on, read on demand. In memory for the sequences of
 * a task; on disk for files of any size, with one read per row and constant memory.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../core/atomic-file.ts';
import { namingFile } from '../core/file-fault.ts';

export interface Corpus {
  readonly rows: number;
  /** Upper-case letters of one row. */
  row(i: number): string;
  /** sha256 over all rows in order. */
  readonly hash: string;
  close(): void;
}

/** Keeps rows in memory. @throws when a row has a letter beyond Latin-1. */
export function memoryCorpus(sequences: readonly string[]): Corpus {
  const hash = rowsHash();
  for (const [i, row] of sequences.entries()) hash.add(letters(row, i));
  return { rows: sequences.length, row: (i) => sequences[i], hash: hash.digest(), close() {} };
}

/** One byte per letter. */
function letters(row: string, i: number): Buffer {
  const data = Buffer.from(row, 'latin1');
  if (data.toString('latin1') !== row)
    throw new Error(
      `row ${i} of the corpus has a letter that is not a nucleotide: ${JSON.stringify(row.slice(0, 40))}`,
    );
  return data;
}

/** sha256 over rows separated by a line feed. */
function rowsHash() {
  const hash = createHash('sha256');
  let count = 0;
  return {
    add(row: Buffer) {
      if (count > 0) hash.update('\n');
      hash.update(row);
      count += 1;
    },
    digest: () => hash.digest('hex'),
  };
}

/** Bytes of letters and of offsets that are collected before a write. */
const WRITE_BYTES = 1 << 20;
const OFFSET_BYTES = 8;

/**
 * Writes rows to `path` (letters without separators) and `path.offsets` (start of each row,
 * float64), and opens them. Existing files are overwritten.
 * @throws when a row has a letter beyond Latin-1.
 */
export async function writeCorpus(path: string, rows: AsyncIterable<string> | Iterable<string>): Promise<Corpus> {
  await namingFile(path, () => makeFolder(dirname(path)));
  const hash = rowsHash();
  const all = await buffered(path);
  const offsets = await buffered(`${path}.offsets`);
  let count = 0;
  let bytes = 0;
  const mark = async () => {
    const offset = Buffer.alloc(OFFSET_BYTES);
    offset.writeDoubleLE(bytes);
    await offsets.write(offset);
  };
  try {
    for await (const row of rows) {
      const data = letters(row, count);
      hash.add(data);
      await mark();
      await all.write(data);
      bytes += data.length;
      count += 1;
    }
    await mark();
  } finally {
    await all.close();
    await offsets.close();
  }
  return openCorpus(path, count, hash.digest());
}

/**
 * Collects pieces in one buffer before a write: one object per piece would cost more than the
 * piece.
 */
async function buffered(path: string) {
  const file = await namingFile(path, () => open(path, 'w'));
  const gathered = Buffer.alloc(WRITE_BYTES);
  let size = 0;
  const flush = async () => {
    if (size > 0) await namingFile(path, () => file.writeFile(gathered.subarray(0, size)));
    size = 0;
  };
  return {
    async write(data: Buffer) {
      if (size + data.length > WRITE_BYTES) await flush();
      if (data.length > WRITE_BYTES) await namingFile(path, () => file.writeFile(data));
      else size += data.copy(gathered, size);
    },
    async close() {
      try {
        await flush();
      } finally {
        await file.close();
      }
    },
  };
}

function openCorpus(path: string, rows: number, hash: string): Corpus {
  const text = watched(path);
  const offsets = watched(`${path}.offsets`);
  return {
    rows,
    hash,
    row(i) {
      const pair = offsets.read(i * OFFSET_BYTES, 2 * OFFSET_BYTES, i);
      const [start, end] = [pair.readDoubleLE(0), pair.readDoubleLE(OFFSET_BYTES)];
      return text.read(start, end - start, i).toString('latin1');
    },
    close() {
      text.close();
      offsets.close();
    },
  };
}

/**
 * A file that must not change while it is read: another process may have started to write its own
 * corpus in the same folder.
 */
function watched(path: string) {
  const file = openSync(path, 'r');
  const state = () => {
    const { size, mtimeNs } = fstatSync(file, { bigint: true });
    return `${size} ${mtimeNs}`;
  };
  const before = state();
  return {
    read(start: number, length: number, row: number): Buffer {
      const data = Buffer.alloc(length);
      if (state() !== before || readSync(file, data, 0, length, start) !== length)
        throw new Error(
          `${path} changed while row ${row} was read; check whether another process uses the same folder`,
        );
      return data;
    },
    close: () => closeSync(file),
  };
}
