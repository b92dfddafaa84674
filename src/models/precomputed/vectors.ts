/** What the readers of embeddings made elsewhere (`npy.ts`, `parquet.ts`) give. */

/** What rows are found by. */
export type RowKey = 'sequence' | 'sha256';

/** Vectors in a file, with what finds them. */
export interface PrecomputedVectors {
  readonly rows: number;
  readonly dimension: number;
  readonly keyedBy: RowKey;
  /** One per row: letters in upper case, or hexadecimal digits in lower case. */
  readonly keys: readonly string[];
  /** Hashes of all files read. */
  readonly hashes: readonly string[];
  /** What the files say of themselves. Plain JSON. */
  readonly stated: Readonly<Record<string, unknown>>;
  /** Calls `use` with a function that copies a row's `dimension` values into `target` at `offset`. */
  withRows<T>(use: (copy: (row: number, target: Float32Array, offset: number) => void) => T): T;
}
