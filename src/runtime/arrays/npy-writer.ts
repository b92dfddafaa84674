/**
 * A `.npy` file of float32 rows written a block at a time, for results larger than memory: the number of rows is promised first, because the preamble
 * states it. As with `writeFileAtomic` the file appears under its name when it is whole, or not at all.
 */
import { createHash } from 'node:crypto';
import { createAtomicFile } from '../../core/atomic-file.ts';
import { npyHeader } from './npy.ts';

export interface NpyWriter {
  /** Appends whole rows, [n, columns]. Throws where they are none, or more than were promised. */
  write(values: Float32Array): Promise<void>;
  /** Gives the file its name; -> the sha256 of its bytes. Throws where rows are missing. */
  finish(): Promise<string>;
  /** Removes what was written, unless it is finished. */
  discard(): Promise<void>;
}

/** Begins a `[rows, columns]` file at `path`, making its folder where absent. */
export async function openNpyWriter(path: string, rows: number, columns: number): Promise<NpyWriter> {
  const file = await createAtomicFile(path);
  const hash = createHash('sha256');
  let written = 0;
  const append = async (bytes: Uint8Array) => {
    hash.update(bytes);
    await file.append(bytes);
  };
  const writer: NpyWriter = {
    async write(values) {
      const count = values.length / columns;
      if (!Number.isInteger(count)) throw new RangeError(`.npy: ${values.length} values are no rows of ${columns}`);
      if (written + count > rows) throw new RangeError(`${path}: row ${written + count} of ${rows}`);
      await append(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      written += count;
    },
    async finish() {
      if (written !== rows) throw new Error(`${path}: ${written} rows were written, ${rows} were promised`);
      await file.finish();
      return hash.digest('hex');
    },
    discard: () => file.discard(),
  };
  try {
    await append(npyHeader('<f4', rows, columns));
  } catch (error) {
    await writer.discard();
    throw error;
  }
  return writer;
}
