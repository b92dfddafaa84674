/**
 * Weights of a trained model by the names under which they were saved, in any supported format:
 * safetensors, torch's zip or legacy format, one file or several. Opening reads and checks only
 * names, types and shapes; the values of a tensor are read on demand as float32, or stay in their
 * file for ONNX Runtime to map. No code of a file is ever run.
 */
import { realpathSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { hashJson, sha256File } from '../../core/files.ts';
import type { ExternalData } from '../../onnx/tensor-type.ts';
import { isFloatType, type StoredType, toFloat32 } from '../../runtime/arrays/float-values.ts';
import { readSafetensorsHeader } from '../../runtime/arrays/safetensors.ts';
import { type CheckpointFiles, findCheckpoint } from './find-checkpoint.ts';
import { stateDict } from './state-dict.ts';
import { CheckpointError, type ReadBytes, StoredFile } from './stored-file.ts';
import { gather } from './tensor-view.ts';
import { readTorchLegacy, readTorchZip, type TorchFile } from './torch-file.ts';

export { CheckpointError } from './stored-file.ts';

export type CheckpointFormat = 'safetensors' | 'torch zip' | 'torch legacy';

export interface CheckpointEntry {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
}

/**
 * Location of a tensor stored as contiguous little-endian float32: `location` is the name of the
 * file at `path`.
 */
export interface ExternalTensor extends ExternalData {
  /**
   * Absolute, with symbolic links resolved: ONNX Runtime refuses files outside the declared folder.
   */
  readonly path: string;
}

export interface Checkpoint {
  readonly format: CheckpointFormat;
  /** Absolute paths of the files with weights, ordered by name. */
  readonly files: readonly string[];
  /** In the order of the file (of the index, for several files). */
  names(): readonly string[];
  has(name: string): boolean;
  /** Throws {@link CheckpointError} for an unknown name. */
  entry(name: string): CheckpointEntry;
  /**
   * Values in row-major order, with F16, BF16 and F64 converted. Names of the same values (tied
   * weights) return the same array, so do not change it. Throws {@link CheckpointError} for
   * integers and for a changed or truncated file.
   */
  read(name: string): Promise<Float32Array>;
  /** Undefined when the tensor is not stored as contiguous, aligned float32. */
  external(name: string): ExternalTensor | undefined;
  /**
   * Hash of the file's bytes; for several files, of their names and hashes. Reads all files once.
   */
  sha256(): Promise<string>;
}

/** One tensor of one file. */
interface Stored extends CheckpointEntry {
  readonly file: StoredFile;
  /** Location of contiguous F32 values in the file. */
  readonly range?: { readonly offset: number; readonly length: number };
  /** The same for names of the same values. */
  readonly identity: string;
  values(read: ReadBytes): Float32Array;
}

/** Bytes that float32 values in a mapped file must be aligned to. */
const ALIGNMENT = 4;

async function openSafetensors(file: StoredFile): Promise<Map<string, Stored>> {
  const { tensors } = await readSafetensorsHeader(file.path);
  return new Map(
    [...tensors].map(([name, { dtype, shape, offset, length }]) => [
      name,
      {
        ...{ dtype, shape, file },
        range: dtype === 'F32' ? { offset, length } : undefined,
        identity: name,
        values: (read: ReadBytes) => toFloat32(dtype, read(offset, length).buffer as ArrayBuffer, file.path),
      },
    ]),
  );
}

function openTorch(file: StoredFile, { root, storages }: TorchFile): Map<string, Stored> {
  const stored = new Map<string, Stored>();
  for (const [name, view] of stateDict(root, file.path)) {
    const { storage, shape } = view;
    const place = storages.get(storage.key);
    if (!place) throw new CheckpointError(`${file.path}: the storage of ${name} is missing.`);
    const within = view.byteRange;
    const range = { offset: place.offset + within.offset, length: within.length };
    stored.set(name, {
      ...{ dtype: storage.type, shape, file },
      range: storage.type === 'F32' && view.contiguous ? range : undefined,
      identity: view.identity,
      values(read) {
        const span = toFloat32(storage.type, read(range.offset, range.length).buffer as ArrayBuffer, file.path);
        return view.contiguous ? span : gather(span, view);
      },
    });
  }
  return stored;
}

const OPENERS: Readonly<Record<CheckpointFormat, (file: StoredFile) => Promise<Map<string, Stored>>>> = {
  safetensors: openSafetensors,
  'torch zip': async (file) => openTorch(file, readTorchZip(file)),
  'torch legacy': async (file) => openTorch(file, readTorchLegacy(file)),
};

/** Frequent wrong files, recognised by their first bytes. */
const IMPOSTORS: readonly (readonly [(text: string) => boolean, string])[] = [
  [
    (text) => text.startsWith('version https://git-lfs'),
    'is a pointer of Git LFS, not the weights: run `git lfs pull`',
  ],
  [(text) => /^\s*<(!doctype|html)/i.test(text), 'is a web page, not weights: fetch the file again'],
  [(text) => text.startsWith('ustar', 257), "is in torch's tar format of before 2017: load it and save it again"],
  [(text) => text.startsWith('\x1f\x8b'), 'is gzip-compressed: unpack it first'],
  [(text) => text.startsWith('\x93NUMPY'), 'is a .npy array: use it as precomputed embeddings'],
];

/** The kind of a file by its first bytes. */
function formatOf(file: StoredFile): CheckpointFormat {
  const first = file.open((read) => read(0, Math.min(file.size, 512)));
  const text = Buffer.from(first.buffer, 0, first.length).toString('latin1');
  // The 8 bytes of a header's length may start with any byte.
  if (text.slice(4, 9) === '\0\0\0\0{') return 'safetensors';
  if (text.startsWith('PK\x03\x04')) return 'torch zip';
  if (first[0] === 0x80) return 'torch legacy';
  const what = IMPOSTORS.find(([begins]) => begins(text))?.[1] ?? 'is neither safetensors nor a file of torch.save';
  throw new CheckpointError(`${file.path} ${what}.`);
}

/** Tensors of all files; with an index, the listed ones, each read from its file. */
async function openFiles({ folder, files, weightMap, index }: CheckpointFiles) {
  const opened = new Map<string, Map<string, Stored>>();
  const formats = new Set<CheckpointFormat>();
  const paths: string[] = [];
  for (const name of files) {
    const file = new StoredFile(realpathSync(resolve(folder, name)));
    const format = formatOf(file);
    formats.add(format);
    paths.push(file.path);
    opened.set(name, await OPENERS[format](file));
  }
  const [format, other] = formats;
  if (other) throw new CheckpointError(`${index}: its files have two formats, ${format} and ${other}.`);
  if (!weightMap) return { format, paths, tensors: opened.get(files[0]) as Map<string, Stored> };
  const tensors = new Map<string, Stored>();
  for (const [tensor, name] of weightMap) {
    const stored = opened.get(name)?.get(tensor);
    if (!stored)
      throw new CheckpointError(
        `${index} lists ${tensor} in ${name}, but the file does not contain it. Download both again.`,
      );
    tensors.set(tensor, stored);
  }
  return { format, paths, tensors };
}

/**
 * Opens the weights in a folder (`find-checkpoint.ts` has the searched names) or in a file. Throws
 * {@link CheckpointError}, with the file and the remedy, when there are none, they are damaged, or
 * reading them would run code.
 */
export async function openCheckpoint(folderOrFile: string): Promise<Checkpoint> {
  const found = findCheckpoint(folderOrFile);
  const { format, paths, tensors } = await openFiles(found);
  const shared = new Map<string, Promise<Float32Array>>();
  const uses = new Map<string, number>();
  const keyOf = ({ file, identity }: Stored) => `${file.path}\n${identity}`;
  for (const stored of tensors.values()) uses.set(keyOf(stored), (uses.get(keyOf(stored)) ?? 0) + 1);
  const where = found.index ?? paths[0];
  const tensor = (name: string): Stored => {
    const stored = tensors.get(name);
    if (stored) return stored;
    const some = [...tensors.keys()].slice(0, 5).join(', ');
    throw new CheckpointError(`${where}: no tensor '${name}'; it has ${tensors.size}: ${some}, ...`);
  };
  const load = async (name: string): Promise<Float32Array> => {
    const { file, dtype, values } = tensor(name);
    if (!isFloatType(dtype))
      throw new CheckpointError(`${file.path}: tensor '${name}' has dtype ${dtype}, which is not read as float32.`);
    return file.open(values);
  };
  let hash: Promise<string> | undefined;
  return {
    format,
    files: paths,
    names: () => [...tensors.keys()],
    has: (name) => tensors.has(name),
    entry: (name) => {
      const { dtype, shape } = tensor(name);
      return { dtype, shape };
    },
    async read(name) {
      const key = keyOf(tensor(name));
      if ((uses.get(key) ?? 0) < 2) return load(name);
      const values = shared.get(key) ?? load(name);
      shared.set(key, values);
      return values;
    },
    external(name) {
      const { file, range } = tensor(name);
      if (!range || range.length === 0 || range.offset % ALIGNMENT !== 0) return undefined;
      return { path: file.path, location: basename(file.path), offset: range.offset, length: range.length };
    },
    sha256() {
      hash ??= hashOf(paths, found.files);
      return hash;
    },
  };
}

async function hashOf(paths: readonly string[], names: readonly string[]): Promise<string> {
  const hashes = await Promise.all(paths.map((path) => sha256File(path)));
  return hashes.length === 1 ? hashes[0] : hashJson(hashes.map((hash, i) => [names[i], hash]));
}
