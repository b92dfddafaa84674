/**
 * NumPy's `.npy` format, version 1.0 (numpy.lib.format), for one- and two-dimensional little-endian float32, float64 and
 * int32 arrays in C order: what predictions, targets and embeddings are stored in, readable with `numpy.load`.
 * Not a general reader: Fortran order, big-endian, structured and object arrays are refused by name.
 */
import { readFile } from 'node:fs/promises';
import { sha256, writeFileAtomic } from '../../core/files.ts';

export type NpyValues = Float32Array | Float64Array | Int32Array;

/** A dense row-major array `[rows, columns]`. A one-dimensional file of n values is read as `[n, 1]`. */
export interface NpyArray<T extends NpyValues = NpyValues> {
  readonly rows: number;
  readonly columns: number;
  readonly values: T;
}

const MAGIC = '\x93NUMPY';
const CONSTRUCTORS = { '<f4': Float32Array, '<f8': Float64Array, '<i4': Int32Array } as const;
type Descriptor = keyof typeof CONSTRUCTORS;

function descriptorOf(values: NpyValues): Descriptor {
  if (values instanceof Float32Array) return '<f4';
  if (values instanceof Float64Array) return '<f8';
  return '<i4';
}

/** The preamble of a `[rows, columns]` file, padded to a multiple of 64 bytes as numpy does. */
export function npyHeader(descriptor: Descriptor, rows: number, columns: number): Uint8Array {
  const text = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const padded = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(padded, ' ');
  header.write(MAGIC, 0, 'latin1');
  header[6] = 1; // version 1.0
  header[7] = 0;
  header.writeUInt16LE(padded - 10, 8);
  header.write(text, 10, 'latin1');
  header[padded - 1] = 0x0a;
  return header;
}

/** The bytes of a `.npy` file. Throws when `values` does not hold rows x columns numbers. */
export function encodeNpy(array: NpyArray): Uint8Array {
  const { rows, columns, values } = array;
  if (values.length !== rows * columns) {
    throw new RangeError(`.npy: ${values.length} values do not fill ${rows} rows x ${columns} columns`);
  }
  const header = npyHeader(descriptorOf(values), rows, columns);
  const bytes = new Uint8Array(header.length + values.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), header.length);
  return bytes;
}

/** What the preamble says. `start` is the offset of the first value; a one-dimensional file has one column. */
export interface NpyHeader {
  /** Element type as NumPy writes it, e.g. `<f4`. */
  readonly descriptor: string;
  readonly rows: number;
  readonly columns: number;
  readonly start: number;
}

/** Reads the preamble, at the start of `bytes`, which need not hold the values. `name` stands in error messages. */
export function decodeNpyHeader(bytes: Uint8Array, name = '.npy'): NpyHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 10 || buffer.toString('latin1', 0, 6) !== MAGIC) throw new Error(`${name}: not a .npy file`);
  if (buffer[6] !== 1) throw new Error(`${name}: .npy version ${buffer[6]}.${buffer[7]}; only 1.0 is read here`);
  const start = 10 + buffer.readUInt16LE(8);
  const header = buffer.toString('latin1', 10, start);
  const descriptor = /'descr':\s*'([^']*)'/.exec(header)?.[1] ?? 'a structured type';
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (/'fortran_order':\s*True/.test(header)) {
    throw new Error(`${name}: Fortran order; save with numpy.ascontiguousarray`);
  }
  const sizes = (shape ?? '')
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  if (shape === undefined || sizes.length < 1 || sizes.length > 2 || !sizes.every(Number.isInteger)) {
    throw new Error(`${name}: shape (${shape ?? '?'}); only one or two dimensions are read`);
  }
  return { descriptor, rows: sizes[0], columns: sizes[1] ?? 1, start };
}

/** Reads the bytes of a `.npy` file. `name` stands in error messages. */
export function decodeNpy(bytes: Uint8Array, name = '.npy'): NpyArray {
  const { descriptor, rows, columns, start } = decodeNpyHeader(bytes, name);
  if (!(descriptor in CONSTRUCTORS)) {
    throw new Error(
      `${name}: element type ${descriptor}; only <f4, <f8 and <i4 are read (save with .astype("float32"))`,
    );
  }
  const Values = CONSTRUCTORS[descriptor as Descriptor];
  const expected = rows * columns * Values.BYTES_PER_ELEMENT;
  if (bytes.length - start !== expected) {
    throw new Error(`${name}: holds ${bytes.length - start} bytes of data, its header promises ${expected}`);
  }
  const copy = new Uint8Array(expected); // aligned for the typed array
  copy.set(bytes.subarray(start));
  return { rows, columns, values: new Values(copy.buffer) };
}

/** Reads a `.npy` file. */
export async function readNpy(path: string): Promise<NpyArray> {
  return decodeNpy(await readFile(path), path);
}

/** Writes a `.npy` file atomically and returns the sha256 of its bytes. */
export async function writeNpy(path: string, array: NpyArray): Promise<string> {
  const bytes = encodeNpy(array);
  await writeFileAtomic(path, bytes);
  return sha256(bytes);
}
