/**
 * Rows in batches that fit into memory. When a device runs out, the batch is halved and the work goes on at the row where it
 * stopped, so that every row is done exactly once. The numbers do not change as long as `runBatch` treats rows independently.
 */
import { freemem } from 'node:os';
import type { Device } from './device.ts';
import { OutOfMemoryError } from './session.ts';

export interface BatchOptions {
  /** Told when a batch did not fit: the size that failed and the size that is tried next. */
  readonly onHalve?: (failed: number, next: number) => void;
}

/**
 * Calls `runBatch(start, end)` over rows `[0, rows)` in order, `end` exclusive, never more than `initialBatch` at a time.
 * A batch that throws {@link OutOfMemoryError} is tried again with half the rows; the smaller size is kept from then on.
 * `runBatch` must leave nothing behind when it throws. Any other error passes through.
 * @returns the batch size that was reached.
 */
export async function runInBatches(
  rows: number,
  initialBatch: number,
  runBatch: (start: number, end: number) => Promise<void>,
  options: BatchOptions = {},
): Promise<number> {
  if (!Number.isInteger(initialBatch) || initialBatch < 1) {
    throw new Error(`The batch size must be a positive whole number, not ${initialBatch}.`);
  }
  let batch = initialBatch;
  let start = 0;
  while (start < rows) {
    const size = Math.min(batch, rows - start);
    try {
      await runBatch(start, start + size);
      start += size;
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      if (size === 1) {
        throw new OutOfMemoryError(
          `Row ${start} does not fit into memory even in a batch of one. Use shorter sequences, a smaller model or ` +
            `a device with more memory. (${error.message})`,
          { cause: error },
        );
      }
      batch = Math.floor(size / 2);
      options.onHalve?.(size, batch);
    }
  }
  return batch;
}

/** Bytes that one batch may take on a device: half of the free memory of the machine (cpu), or 4 GiB, which most GPUs have. */
export function batchMemory(device: Device): number {
  return device === 'cpu' ? freemem() / 2 : 4 * 2 ** 30;
}

/**
 * A batch size to begin with: as many rows as `memory` (bytes) holds, at least 1 and at most `maximum`. `bytesPerRow` is what a
 * row needs at its peak while it is computed: activations, not weights. An estimate, not a promise: {@link runInBatches} halves
 * it where the device says that it was too large. The operating system may not say so, but end the process.
 */
export function automaticBatchSize(bytesPerRow: number, memory: number, maximum: number): number {
  if (!(bytesPerRow > 0)) throw new Error(`bytesPerRow must be positive, not ${bytesPerRow}.`);
  return Math.max(1, Math.floor(Math.min(maximum, memory / bytesPerRow)));
}
