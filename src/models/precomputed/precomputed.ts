/**
 * Embeddings that were computed elsewhere, as a model: for models that can't be run here. One row per sequence, found by the sequence itself (its
 * letters in upper case) or by their SHA-256, so that rows can't be taken for those of another sequence; there is one representation, layer 0,
 * and nothing left to pool. The file is `.npy` with its sequences in a JSON file beside it, or Parquet:
 *
 *     np.save("vectors.npy", vectors.astype("float32"))                  # [rows, dimension]; float16 and float64 are read too
 *     json.dump({"sequences": sequences}, open("vectors.json", "w"))     # or "sha256": [hashlib.sha256(s.upper().encode()).hexdigest() ...]
 *
 *     pandas.DataFrame({"sequence": sequences, "embedding": list(vectors)}).to_parquet("vectors.parquet")   # or a column "sha256"
 */
import { basename, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { hashJson, sha256 } from '../../core/files.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { Encoder } from '../model.ts';
import { readNpyVectors } from './npy.ts';
import { readParquetVectors } from './parquet.ts';
import type { PrecomputedVectors } from './vectors.ts';

/** Rows copied between two messages. */
const ROWS_PER_MESSAGE = 16_384;

const READERS: readonly (readonly [RegExp, (path: string) => Promise<PrecomputedVectors>])[] = [
  [/\.npy$/i, readNpyVectors],
  [/\.parquet$/i, readParquetVectors],
];

/** True for files that {@link precomputedEmbeddings} reads. */
export function isPrecomputed(path: string): boolean {
  return READERS.some(([ending]) => ending.test(path));
}

/**
 * An encoder that looks vectors up. Throws, naming the file and the remedy, where it is damaged, says not which sequence a row is of, or gives one
 * sequence two vectors. `embed` throws for sequences that the file has no row for, and for values that are no finite numbers.
 */
export async function precomputedEmbeddings(file: string): Promise<Encoder> {
  const path = resolve(file);
  const reader = READERS.find(([ending]) => ending.test(path))?.[1];
  if (!reader) throw new UsageError(`${path}: precomputed embeddings are read from .npy and .parquet files`);
  const vectors = await reader(path);
  const { rows, dimension, keyedBy } = vectors;
  const places = rowsByKey(path, vectors);
  const keyOf = (sequence: string) => (keyedBy === 'sha256' ? sha256(sequence.toUpperCase()) : sequence.toUpperCase());

  const rowsOf = (sequences: readonly string[]): number[] => {
    const found = sequences.map((sequence) => places.get(keyOf(sequence)) ?? -1);
    const missing = found.filter((row) => row < 0).length;
    if (missing > 0) {
      const first = sequences[found.indexOf(-1)];
      const shown = `'${first.slice(0, 12)}${first.length > 12 ? '...' : ''}' (${first.length} nucleotides)`;
      throw new UsageError(
        `${path}: ${missing} of ${sequences.length} sequences have no row among its ${rows}, the first ${shown}. Embed these too; rows are found by ${keyedBy === 'sha256' ? 'the SHA-256 of ' : ''}the letters in upper case`,
      );
    }
    return found;
  };

  return {
    dimension,
    layers: 0,
    fingerprint: hashJson({ encoder: 'precomputed embeddings', files: vectors.hashes }),
    card: { ...vectors.stated, architecture: 'precomputed embeddings', file: basename(path), rows, dimension },
    async embed(sequences, representations, progress) {
      const other = representations.find(({ layer }) => layer !== 0);
      if (other) throw new UsageError(`${path} has one representation, layer 0, and no layer ${other.layer}`);
      const found = rowsOf(sequences);
      const values = new Float32Array(found.length * dimension); // [sequences, dimension]
      vectors.withRows((copy) => {
        for (const [i, row] of found.entries()) {
          copy(row, values, i * dimension);
          if ((i + 1) % ROWS_PER_MESSAGE === 0) progress?.((i + 1) / found.length, `looked up ${i + 1} embeddings`);
        }
      });
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0)
        throw new UsageError(
          `${path}: ${values[bad]} in row ${found[Math.floor(bad / dimension)] + 1}, which is no number`,
        );
      return representations.map((): Matrix => ({ rows: found.length, columns: dimension, values }));
    },
    async dispose() {},
  };
}

/** Rows by their keys. A sequence may stand twice if its vectors are the same. */
function rowsByKey(
  path: string,
  { rows, dimension, keys, keyedBy, withRows }: PrecomputedVectors,
): Map<string, number> {
  if (rows === 0 || dimension === 0) throw new UsageError(`${path}: [${rows}, ${dimension}] holds no vectors`);
  const places = new Map<string, number>();
  const repeated: [number, number][] = [];
  for (const [row, key] of keys.entries()) {
    if (keyedBy === 'sha256' && !/^[0-9a-f]{64}$/.test(key))
      throw new UsageError(
        `${path}: row ${row + 1} has '${key.slice(0, 20)}' for a SHA-256, which has 64 hexadecimal digits`,
      );
    const first = places.get(key);
    if (first === undefined) places.set(key, row);
    else repeated.push([first, row]);
  }
  withRows((copy) => {
    const pair = [new Float32Array(dimension), new Float32Array(dimension)];
    for (const [first, row] of repeated) {
      copy(first, pair[0], 0);
      copy(row, pair[1], 0);
      if (pair[0].some((value, i) => !Object.is(value, pair[1][i])))
        throw new UsageError(
          `${path}: rows ${first + 1} and ${row + 1} are of one sequence and differ; keep one of them`,
        );
    }
  });
  return places;
}
