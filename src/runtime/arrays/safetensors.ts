/**
 * Named tensors in one file, in the safetensors format: 8 bytes with the header's length (little-endian), a JSON header
 * {name: {dtype, shape, data_offsets}}, then the values back to back. https://huggingface.co/docs/safetensors
 * Reads any file of the format after checking it as the reference implementation does; writes float32 tensors only.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { createAtomicFile } from '../../core/atomic-file.ts';
import { BYTES_PER_ELEMENT, type StoredType, toFloat32 } from './float-values.ts';

export type SafetensorsType = StoredType;

export interface SafetensorsEntry {
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  /** First byte of the values, counted from the start of the file (as ONNX external data counts it). */
  readonly offset: number;
  /** Length of the values in bytes. */
  readonly length: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
}

export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The reference implementation's limit: a longer header is damage or an attack. */
const MAX_HEADER_BYTES = 100_000_000;
/** One system call moves less than 2 GiB. */
const BYTES_PER_READ = 2 ** 30;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || Object.values(value).some((entry) => typeof entry !== 'string')) {
    throw new Error(`${path}: "__metadata__" of the safetensors header must map names to strings.`);
  }
  return value as Record<string, string>;
}

function parseEntry(path: string, name: string, value: unknown, dataStart: number): SafetensorsEntry {
  const fail = (what: string): never => {
    throw new Error(`${path}: tensor "${name}" ${what}.`);
  };
  if (!isRecord(value)) return fail('has no description in the safetensors header');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES_PER_ELEMENT, dtype)) {
    return fail(`has unknown dtype ${JSON.stringify(dtype)}; known are ${Object.keys(BYTES_PER_ELEMENT).join(', ')}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`has a damaged shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[1] < offsets[0]) {
    return fail(`has damaged data_offsets ${JSON.stringify(offsets)}`);
  }
  const type = dtype as SafetensorsType;
  const expected = (shape as number[]).reduce((product, size) => product * size, BYTES_PER_ELEMENT[type]);
  const length = offsets[1] - offsets[0];
  if (length !== expected) {
    return fail(
      `of dtype ${dtype} and shape [${shape.join(', ')}] needs ${expected} bytes but its offsets give ${length}`,
    );
  }
  return { dtype: type, shape: shape as number[], offset: dataStart + offsets[0], length };
}

/** Every byte behind the header belongs to exactly one tensor. */
function checkCoverage(path: string, tensors: ReadonlyMap<string, SafetensorsEntry>, start: number, end: number): void {
  const sorted = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let position = start;
  let previous = 'the header';
  for (const [name, { offset, length }] of sorted) {
    if (offset < position) throw new Error(`${path}: tensors "${previous}" and "${name}" overlap.`);
    if (offset > position) {
      throw new Error(`${path}: ${offset - position} bytes between "${previous}" and "${name}" belong to no tensor.`);
    }
    position = offset + length;
    previous = name;
  }
  if (position > end) {
    throw new Error(
      `${path}: the file is truncated: tensors need ${position} bytes but it has ${end}. Fetch it again.`,
    );
  }
  if (position < end) throw new Error(`${path}: ${end - position} bytes after the last tensor belong to no tensor.`);
}

/** Parses and checks the header. `fileSize` is the length of the whole file in bytes. */
function parseHeader(path: string, headerBytes: Uint8Array, fileSize: number): SafetensorsHeader {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(headerBytes));
  } catch (cause) {
    throw new Error(`${path}: the safetensors header is not JSON (${(cause as Error).message}).`, { cause });
  }
  if (!isRecord(header)) throw new Error(`${path}: the safetensors header is not a JSON object.`);
  const dataStart = 8 + headerBytes.length;
  const { __metadata__: metadata, ...entries } = header;
  const tensors = new Map(
    Object.entries(entries).map(([name, value]) => [name, parseEntry(path, name, value, dataStart)]),
  );
  checkCoverage(path, tensors, dataStart, fileSize);
  return { metadata: parseMetadata(path, metadata), tensors };
}

async function readExactly(path: string, file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, BYTES_PER_READ), offset + done);
    if (bytesRead === 0) throw new Error(`${path}: the file is truncated at byte ${offset + done}. Fetch it again.`);
    done += bytesRead;
  }
  return bytes;
}

async function readHeader(path: string, file: FileHandle): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  if (size < 8) throw new Error(`${path}: ${size} bytes is too short for a safetensors file.`);
  const lengthBytes = await readExactly(path, file, 0, 8);
  const headerLength = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (headerLength > BigInt(MAX_HEADER_BYTES)) {
    throw new Error(
      `${path}: the header claims ${headerLength} bytes; this is not a safetensors file, or it is damaged.`,
    );
  }
  if (8 + Number(headerLength) > size) {
    throw new Error(`${path}: the file is truncated: its header needs ${headerLength} bytes but ${size - 8} follow.`);
  }
  return parseHeader(path, await readExactly(path, file, 8, Number(headerLength)), size);
}

/** Reads and checks the header only: names, dtypes, shapes, byte ranges. Throws on a file that is not sound. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const file = await open(path, 'r');
  try {
    return await readHeader(path, file);
  } finally {
    await file.close();
  }
}

/**
 * Reads tensors as float32 (F32 as stored; F16, BF16 and F64 converted).
 * @param names which tensors; default all. Throws on a name that the file lacks and on integer tensors.
 */
export async function readSafetensors(
  path: string,
  names?: readonly string[],
): Promise<{ metadata: Readonly<Record<string, string>>; tensors: Map<string, NamedTensor> }> {
  const file = await open(path, 'r');
  try {
    const header = await readHeader(path, file);
    const tensors = new Map<string, NamedTensor>();
    for (const name of names ?? header.tensors.keys()) {
      const entry = header.tensors.get(name);
      if (!entry) throw new Error(`${path}: no tensor "${name}"; it has: ${[...header.tensors.keys()].join(', ')}.`);
      const bytes = await readExactly(path, file, entry.offset, entry.length);
      const data = toFloat32(entry.dtype, bytes.buffer as ArrayBuffer, `${path}: tensor "${name}"`);
      tensors.set(name, { shape: entry.shape, data });
    }
    return { metadata: header.metadata, tensors };
  } finally {
    await file.close();
  }
}

/**
 * Writes float32 tensors, in the order of their names, as the reference implementation lays them out. The file appears
 * under its name only when it is complete: it is written beside it, flushed to disk, then renamed.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  let position = 0;
  for (const [name, { shape, data }] of sorted) {
    if (name === '__metadata__') throw new Error(`${path}: "__metadata__" cannot name a tensor.`);
    if (shape.reduce((product, size) => product * size, 1) !== data.length) {
      throw new Error(`${path}: tensor "${name}" has ${data.length} values but shape [${shape.join(', ')}].`);
    }
    header[name] = { dtype: 'F32', shape, data_offsets: [position, position + data.byteLength] };
    position += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20); // spaces, so that values are aligned
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);

  const file = await createAtomicFile(path);
  try {
    await file.append(padded);
    for (const [, { data }] of sorted) await file.append(data);
    await file.finish();
  } finally {
    await file.discard();
  }
}
