/**
 * Precomputed vectors in a `.npy` file, `[rows, dimension]`, float16, float32 or float64 of either byte order, with the sequences of
 * its rows in the JSON file of the same name: {"sequences": [...]} or {"sha256": [...]}, and further facts for the model's card.
 * In C order rows stay on disk until they are needed; in Fortran order a row is spread over the file, which is held in memory.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { sha256, sha256File } from '../../core/files.ts';
import { decodeNpyHeader, decodeNpyValues, LONGEST_NPY_HEADER, npyElementBytes } from '../../runtime/arrays/npy.ts';
import { StoredFile } from '../checkpoints/stored-file.ts';
import type { PrecomputedVectors, RowKey } from './vectors.ts';

/** Strings of JavaScript are a little longer at most. */
const LONGEST_SIDECAR = 2 ** 29 - 100;

/** Opens the file and its sidecar. Throws, naming the file, where they are damaged or don't fit each other. */
export async function readNpyVectors(path: string): Promise<PrecomputedVectors> {
  const file = new StoredFile(path);
  const header = decodeNpyHeader(
    file.open((read) => read(0, Math.min(file.size, LONGEST_NPY_HEADER))),
    path,
  );
  const { rows, columns: dimension, start, fortran, descriptor } = header;
  const size = npyElementBytes(descriptor);
  if (size === undefined || !/f\d$/.test(descriptor))
    throw new UsageError(`${path}: element type ${descriptor}`, 'Save it with .astype("float32").');
  const width = dimension * size; // bytes of a row
  if (file.size - start !== rows * width)
    throw new UsageError(`${path}: holds ${file.size - start} bytes of data, its header promises ${rows * width}`);
  const rowwise = (): PrecomputedVectors['withRows'] => (use) =>
    file.open((read) =>
      use((row, target, offset) => {
        target.set(decodeNpyValues(descriptor, read(start + row * width, width), path), offset);
      }),
    );
  const columnwise = (): PrecomputedVectors['withRows'] => {
    const values = new Float32Array(rows * dimension); // [rows, dimension]
    file.open((read) => {
      for (let c = 0; c < dimension; c++) {
        const column = decodeNpyValues(descriptor, read(start + c * rows * size, rows * size), path);
        for (let r = 0; r < rows; r++) values[r * dimension + c] = column[r];
      }
    });
    return (use) =>
      use((row, target, offset) => target.set(values.subarray(row * dimension, (row + 1) * dimension), offset));
  };
  const sidecar = await readSidecar(path.replace(/\.npy$/i, '.json'), path, rows);
  return {
    rows,
    dimension,
    keyedBy: sidecar.keyedBy,
    keys: sidecar.keys,
    stated: sidecar.stated,
    hashes: [await sha256File(path), sidecar.hash],
    withRows: fortran ? columnwise() : rowwise(),
  };
}

async function readSidecar(path: string, vectors: string, rows: number) {
  const remedy = `write {"sequences": [...]}, one per row of ${basename(vectors)}, with json.dump`;
  if (!existsSync(path))
    throw new UsageError(`${path} is missing, which says what sequences the rows are of; ${remedy}`);
  const bytes = await readFile(path);
  if (bytes.length > LONGEST_SIDECAR)
    throw new UsageError(
      `${path} is too long to be read; write {"sha256": [...]} of the sequences instead, or Parquet`,
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new UsageError(`${path} is not valid JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new UsageError(`${path} holds no JSON object; ${remedy}`);
  const { sequences, sha256: hashes, ...stated } = parsed as Record<string, unknown>;
  const [keyedBy, list]: [RowKey, unknown] = sequences === undefined ? ['sha256', hashes] : ['sequence', sequences];
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
    throw new UsageError(`${path} has neither "sequences" nor "sha256", a list of strings; ${remedy}`);
  if (list.length !== rows)
    throw new UsageError(
      `${path} lists ${list.length} ${keyedBy === 'sequence' ? 'sequences' : 'hashes'}, ${vectors} has ${rows} rows`,
    );
  const keys = (list as string[]).map((entry) => (keyedBy === 'sequence' ? entry.toUpperCase() : entry.toLowerCase()));
  return { keyedBy, keys, stated, hash: sha256(bytes) };
}
