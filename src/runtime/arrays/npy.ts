/**
 * NumPy's `.npy` format (numpy.lib.format), for one- and two-dimensional arrays: what predictions, targets and embeddings are stored
 * in, readable with `numpy.load`. Written: version 1.0, little-endian float32, float64 and int32 in C order. Read: versions 1.0 to
 * 3.0, both byte orders, C and Fortran order, and float16. Not read: more dimensions, structured and object arrays.
 */
import { readFile } from 'node:fs/promises';
import { sha256, writeFileAtomic } from '../../core/files.ts';
import { toFloat32 } from './float-values.ts';

export type NpyValues = Float32Array | Float64Array | Int32Array;

/** A dense row-major array `[rows, columns]`. A one-dimensional file of n values is read as `[n, 1]`. */
export interface NpyArray<T extends NpyValues = NpyValues> {
  readonly rows: number;
  readonly columns: number;
  readonly values: T;
}

const MAGIC = '\x93NUMPY';
type Descriptor = '<f4' | '<f8' | '<i4';
/** Longest preamble that is read; NumPy writes 128 bytes for plain types. */
export const LONGEST_NPY_HEADER = 1 << 17;

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

/** Element types that are read, by the code of NumPy without its byte order. */
const READERS: Readonly<Record<string, { readonly bytes: number; decode(bytes: ArrayBuffer): NpyValues }>> = {
  f2: { bytes: 2, decode: (bytes) => toFloat32('F16', bytes, '.npy') },
  f4: { bytes: 4, decode: (bytes) => new Float32Array(bytes) },
  f8: { bytes: 8, decode: (bytes) => new Float64Array(bytes) },
  i4: { bytes: 4, decode: (bytes) => new Int32Array(bytes) },
};

/** What the preamble says. `start` is the offset of the first value; a one-dimensional file has one column. */
export interface NpyHeader {
  /** Element type as NumPy writes it, e.g. `<f4`. */
  readonly descriptor: string;
  /** Values are stored column by column. */
  readonly fortran: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly start: number;
}

/** Reads the preamble, at the start of `bytes`, which need not hold the values. `name` stands in error messages. */
export function decodeNpyHeader(bytes: Uint8Array, name = '.npy'): NpyHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 10 || buffer.toString('latin1', 0, 6) !== MAGIC) throw new Error(`${name}: not a .npy file`);
  if (buffer[6] < 1 || buffer[6] > 3) {
    throw new Error(`${name}: .npy version ${buffer[6]}.${buffer[7]}; versions 1 to 3 are read`);
  }
  // Version 1 has two bytes for the length of the header, later ones four.
  const wide = buffer[6] > 1;
  if (wide && buffer.length < 12) throw new Error(`${name}: not a .npy file`);
  const start = wide ? 12 + buffer.readUInt32LE(8) : 10 + buffer.readUInt16LE(8);
  if (start > LONGEST_NPY_HEADER) throw new Error(`${name}: a header of ${start} bytes; is it a structured array?`);
  const header = buffer.toString('latin1', wide ? 12 : 10, start);
  const descriptor = /'descr':\s*'([^']*)'/.exec(header)?.[1] ?? 'a structured type';
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const fortran = /'fortran_order':\s*True/.test(header);
  const sizes = (shape ?? '')
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  if (shape === undefined || sizes.length < 1 || sizes.length > 2 || !sizes.every(Number.isInteger)) {
    throw new Error(`${name}: shape (${shape ?? '?'}); only one or two dimensions are read`);
  }
  return { descriptor, rows: sizes[0], columns: sizes[1] ?? 1, start, fortran };
}

/** Bytes of one element, or undefined for a type that is not read. */
export function npyElementBytes(descriptor: string): number | undefined {
  return readerOf(descriptor)?.bytes;
}

function readerOf(descriptor: string) {
  const [, code] = /^[<>=](.*)$/.exec(descriptor) ?? [];
  return code !== undefined && Object.hasOwn(READERS, code) ? READERS[code] : undefined;
}

/** Stored elements as numbers, in the order stored. Throws, naming `name`, for a type that is not read. */
export function decodeNpyValues(descriptor: string, bytes: Uint8Array, name: string): NpyValues {
  const reader = readerOf(descriptor);
  if (!reader) {
    const types = Object.keys(READERS).join(', ');
    throw new Error(`${name}: element type ${descriptor}; read are ${types} (save with .astype("float32"))`);
  }
  const copy = Buffer.from(new ArrayBuffer(bytes.length)); // aligned for the typed array
  copy.set(bytes);
  if (descriptor.startsWith('>')) SWAPS[reader.bytes](copy);
  return reader.decode(copy.buffer);
}

const SWAPS: Readonly<Record<number, (bytes: Buffer) => void>> = {
  2: (bytes) => bytes.swap16(),
  4: (bytes) => bytes.swap32(),
  8: (bytes) => bytes.swap64(),
};

/** Reads the bytes of a `.npy` file. `name` stands in error messages. */
export function decodeNpy(bytes: Uint8Array, name = '.npy'): NpyArray {
  const { descriptor, rows, columns, start, fortran } = decodeNpyHeader(bytes, name);
  const stored = bytes.subarray(start);
  const size = npyElementBytes(descriptor);
  if (size !== undefined && stored.length !== rows * columns * size) {
    throw new Error(`${name}: holds ${stored.length} bytes of data, its header promises ${rows * columns * size}`);
  }
  const values = decodeNpyValues(descriptor, stored, name);
  if (!fortran || rows < 2 || columns < 2) return { rows, columns, values };
  const ordered = values.slice();
  for (let c = 0; c < columns; c++) for (let r = 0; r < rows; r++) ordered[r * columns + c] = values[c * rows + r];
  return { rows, columns, values: ordered };
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
