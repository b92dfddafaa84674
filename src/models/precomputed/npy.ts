/**
 * Precomputed vectors in a `.npy` file, `[rows, dimension]`, float16, float32 or float64 in C order, with the sequences of its rows in the JSON file of
 * the same name: {"sequences": [...]} or {"sha256": [...]}, and what else is to stand on the model's card. Rows stay on disk until asked for.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { sha256, sha256File } from '../../core/files.ts';
import { BYTES_PER_ELEMENT, toFloat32 } from '../../runtime/arrays/float-values.ts';
import { decodeNpyHeader } from '../../runtime/arrays/npy.ts';
import { StoredFile } from '../checkpoints/stored-file.ts';
import type { PrecomputedVectors, RowKey } from './vectors.ts';

const TYPES: Readonly<Record<string, 'F16' | 'F32' | 'F64'>> = { '<f2': 'F16', '<f4': 'F32', '<f8': 'F64' };
/** Version 1.0 has two bytes for the length of its header. */
const LONGEST_HEADER = 10 + 0xffff;
/** Strings of JavaScript are a little longer at most. */
const LONGEST_SIDECAR = 2 ** 29 - 100;

/** Opens the file and its sidecar. Throws, naming the file, where they are damaged or don't fit each other. */
export async function readNpyVectors(path: string): Promise<PrecomputedVectors> {
  const file = new StoredFile(path);
  const header = decodeNpyHeader(
    file.open((read) => read(0, Math.min(file.size, LONGEST_HEADER))),
    path,
  );
  const { rows, columns: dimension, start } = header;
  if (!Object.hasOwn(TYPES, header.descriptor))
    throw new Error(`${path}: element type ${header.descriptor}; save with .astype("float32")`);
  const type = TYPES[header.descriptor];
  const width = dimension * BYTES_PER_ELEMENT[type]; // bytes of a row
  if (file.size - start !== rows * width)
    throw new Error(`${path}: holds ${file.size - start} bytes of data, its header promises ${rows * width}`);
  const sidecar = await readSidecar(path.replace(/\.npy$/i, '.json'), path, rows);
  return {
    rows,
    dimension,
    keyedBy: sidecar.keyedBy,
    keys: sidecar.keys,
    stated: sidecar.stated,
    hashes: [await sha256File(path), sidecar.hash],
    withRows: (use) =>
      file.open((read) =>
        use((row, target, offset) => {
          const bytes = read(start + row * width, width);
          target.set(toFloat32(type, bytes.buffer as ArrayBuffer, path), offset);
        }),
      ),
  };
}

async function readSidecar(path: string, vectors: string, rows: number) {
  const remedy = `write {"sequences": [...]}, one per row of ${basename(vectors)}, with json.dump`;
  if (!existsSync(path)) throw new Error(`${path} is missing, which says what sequences the rows are of; ${remedy}`);
  const bytes = await readFile(path);
  if (bytes.length > LONGEST_SIDECAR)
    throw new Error(`${path} is too long to be read; write {"sha256": [...]} of the sequences instead, or Parquet`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Error(`${path} holds no JSON object; ${remedy}`);
  const { sequences, sha256: hashes, ...stated } = parsed as Record<string, unknown>;
  const [keyedBy, list]: [RowKey, unknown] = sequences === undefined ? ['sha256', hashes] : ['sequence', sequences];
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
    throw new Error(`${path} has neither "sequences" nor "sha256", a list of strings; ${remedy}`);
  if (list.length !== rows)
    throw new Error(
      `${path} lists ${list.length} ${keyedBy === 'sequence' ? 'sequences' : 'hashes'}, ${vectors} has ${rows} rows`,
    );
  const keys = (list as string[]).map((entry) => (keyedBy === 'sequence' ? entry.toUpperCase() : entry.toLowerCase()));
  return { keyedBy, keys, stated, hash: sha256(bytes) };
}
