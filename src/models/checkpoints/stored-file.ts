/**
 * Byte ranges of one file on disk. A range is checked against the file's size before memory is
 * allocated, so that a length in a damaged or hostile file cannot allocate more than the file's
 * size. A file that has changed since it was opened is an error.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** One system call moves less than 2 GiB. */
const BYTES_PER_READ = 2 ** 30;

export class CheckpointError extends Error {
  override name = 'CheckpointError';
}

/** Reads `length` bytes from `offset`; throws {@link CheckpointError} when the file has no such bytes. */
export type ReadBytes = (offset: number, length: number) => Uint8Array;

export class StoredFile {
  readonly size: number;
  private readonly modified: number;

  /** @param path absolute */
  constructor(readonly path: string) {
    const { size, modified } = withDescriptor(path, (descriptor) => statusOf(descriptor, path));
    this.size = size;
    this.modified = modified;
  }

  /** Opens the file, passes its reader to `use`, and closes it. */
  open<T>(use: (read: ReadBytes) => T): T {
    return withDescriptor(this.path, (descriptor) => {
      const { size, modified } = statusOf(descriptor, this.path);
      if (size !== this.size || modified !== this.modified)
        throw new CheckpointError(`${this.path} changed while it was being read; open it again.`);
      return use((offset, length) => this.read(descriptor, offset, length));
    });
  }

  private read(descriptor: number, offset: number, length: number): Uint8Array {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0)
      throw new CheckpointError(`${this.path} is damaged: it refers to ${length} bytes at ${offset}.`);
    if (offset + length > this.size)
      throw new CheckpointError(
        `${this.path} is truncated or damaged: it refers to bytes ${offset} to ${offset + length}, but has ${this.size}. Fetch it again.`,
      );
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(descriptor, bytes, done, Math.min(length - done, BYTES_PER_READ), offset + done);
      if (count === 0)
        throw new CheckpointError(`${this.path} ended at byte ${offset + done} while it was being read.`);
      done += count;
    }
    return bytes;
  }
}

function statusOf(descriptor: number, path: string): { size: number; modified: number } {
  const status = fstatSync(descriptor);
  if (!status.isFile()) throw new CheckpointError(`${path} is not a file.`);
  return { size: status.size, modified: status.mtimeMs };
}

function withDescriptor<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(path, 'r');
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
