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

export interface AutomaticBatchOptions {
  /** Peak bytes that one row needs while it is computed: activations, not weights. */
  readonly bytesPerRow: number;
  readonly device: Device;
  /** Memory that may be used. Default: half of the free memory of the machine (cpu), or 4 GiB, which most GPUs have. */
  readonly memoryBytes?: number;
  /** Default 512: larger batches no longer gain speed. */
  readonly maximum?: number;
}

/**
 * A batch size to begin with: the largest power of two that fits. An estimate, not a promise: {@link runInBatches} halves it
 * where it was too large.
 */
export function automaticBatchSize(options: AutomaticBatchOptions): number {
  const { bytesPerRow, device, maximum = 512 } = options;
  if (!(bytesPerRow > 0)) throw new Error(`bytesPerRow must be positive, not ${bytesPerRow}.`);
  const memory = options.memoryBytes ?? (device === 'cpu' ? freemem() / 2 : 4 * 2 ** 30);
  const fitting = Math.max(1, Math.min(maximum, memory / bytesPerRow));
  return 2 ** Math.floor(Math.log2(fitting));
}
