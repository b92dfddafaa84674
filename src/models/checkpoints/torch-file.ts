/**
 * The two formats of `torch.save`. Zip (since torch 1.6): an archive with one pickle, `data.pkl`,
 * and the bytes of every storage as a member `data/<key>`. Legacy: five pickles in sequence (magic
 * number, version, machine properties, the object, the storages' keys), then the storages, each its
 * number of elements (8 bytes) and its bytes. In both cases the restricted unpickler of `pickle.ts`
 * reads the object.
 */
import { BYTES_PER_ELEMENT } from '../../runtime/arrays/float-values.ts';
import { readPickle } from './pickle.ts';
import { EndOfPickle, PickleInput } from './pickle-input.ts';
import type { PickleValue } from './pickle-values.ts';
import { CheckpointError, type ReadBytes, type StoredFile } from './stored-file.ts';
import { TensorView, type TorchStorage } from './tensor-view.ts';
import { torchRules } from './torch-globals.ts';
import { type ByteRange, zipMembers } from './zip-directory.ts';

export interface TorchFile {
  /** The saved object. */
  readonly root: PickleValue;
  /** Byte range of each storage key in the file. */
  readonly storages: ReadonlyMap<string, ByteRange>;
}

/** Pickles of real checkpoints have about 100 bytes per tensor. */
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
/** Bytes of a legacy file that are read for its pickles: at first, and when that was not enough. */
const LEGACY_WINDOWS = [2 ** 18, 2 ** 22, MAX_PICKLE_BYTES];
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

/**
 * Storages by key, as listed in a pickle: type and elements, which must be equal in every entry.
 */
class StorageList {
  readonly byKey = new Map<string, { readonly storage: TorchStorage; readonly bytes: number }>();

  constructor(private readonly where: string) {}

  readonly add = (storage: TorchStorage, elements: number): void => {
    const bytes = elements * BYTES_PER_ELEMENT[storage.type];
    const known = this.byKey.get(storage.key);
    if (known && (known.bytes !== bytes || known.storage.type !== storage.type))
      throw new CheckpointError(`${this.where}: storage ${this.shown(storage.key)} has two types or sizes.`);
    this.byKey.set(storage.key, known ?? { storage, bytes });
  };

  shown = (key: string): string => JSON.stringify(key.slice(0, 40));
}

export function readTorchZip(file: StoredFile): TorchFile {
  return file.open((read) => {
    const { names, stored } = zipMembers(file, read);
    const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
    if (pickles.length !== 1)
      throw new CheckpointError(
        `${file.path} is a zip archive with ${pickles.length || 'no'} data.pkl, not a file of torch.save.`,
      );
    const folder = pickles[0].slice(0, -'data.pkl'.length);
    if (names.includes(`${folder}constants.pkl`))
      throw new CheckpointError(
        `${file.path} is a TorchScript program; save only its weights: torch.save(torch.jit.load(file).state_dict(), "weights.pt").`,
      );
    const member = (name: string): ByteRange => {
      const range = stored.get(folder + name);
      if (range) return range;
      const problem = names.includes(folder + name)
        ? 'is compressed or encrypted, as torch never saves it'
        : 'is missing';
      throw new CheckpointError(`${file.path}: the archive's ${JSON.stringify(folder + name)} ${problem}.`);
    };
    if (stored.has(`${folder}byteorder`)) {
      const { offset, length } = member('byteorder');
      if (length !== 6 || Buffer.from(read(offset, length)).toString('latin1') !== 'little')
        throw new CheckpointError(
          `${file.path} was saved on a big-endian machine; save it again on a little-endian one.`,
        );
    }
    const pickle = member('data.pkl');
    if (pickle.length > MAX_PICKLE_BYTES)
      throw new CheckpointError(
        `${file.path}: data.pkl has ${pickle.length} bytes; at most ${MAX_PICKLE_BYTES} are read.`,
      );
    const list = new StorageList(file.path);
    const input = new PickleInput(read(pickle.offset, pickle.length), file.path);
    const root = readPickle(input, torchRules(list.add));
    const storages = new Map<string, ByteRange>();
    for (const [key, { bytes }] of list.byKey) {
      const range = member(`data/${key}`);
      if (range.length !== bytes)
        throw new CheckpointError(
          `${file.path}: storage ${list.shown(key)} has ${range.length} bytes, but the pickle has ${bytes}. The file is damaged.`,
        );
      storages.set(key, range);
    }
    return { root, storages };
  });
}

export function readTorchLegacy(file: StoredFile): TorchFile {
  return file.open((read) => {
    for (const window of LEGACY_WINDOWS) {
      const length = Math.min(window, file.size);
      try {
        return legacyFile(file, read, new PickleInput(read(0, length), file.path));
      } catch (error) {
        if (!(error instanceof EndOfPickle) || length === file.size || window === MAX_PICKLE_BYTES) throw error;
      }
    }
    throw new CheckpointError(`${file.path}: its pickles are longer than ${MAX_PICKLE_BYTES} bytes.`);
  });
}

function legacyFile(file: StoredFile, read: ReadBytes, input: PickleInput): TorchFile {
  const list = new StorageList(file.path);
  const rules = torchRules(list.add);
  // A pickle of other data is an error that has the name of its content, when that name is not
  // allowed.
  const magic = readPickle(input, rules);
  if (magic !== LEGACY_MAGIC) {
    const holds = magic instanceof TensorView ? 'tensors' : 'plain data';
    throw new CheckpointError(`${file.path} is a pickle of ${holds}, not a file of torch.save.`);
  }
  if (readPickle(input, rules) !== LEGACY_VERSION)
    throw new CheckpointError(`${file.path}: an unknown version of torch's legacy format.`);
  const machine = readPickle(input, rules);
  if (!(machine instanceof Map) || machine.get('little_endian') !== true)
    throw new CheckpointError(`${file.path} was not saved on a little-endian machine; save it again on one.`);
  const root = readPickle(input, rules);
  const keys = readPickle(input, rules);
  if (!Array.isArray(keys)) throw new CheckpointError(`${file.path}: the list of storages is missing.`);

  const storages = new Map<string, ByteRange>();
  let position = input.position;
  for (const key of keys) {
    const known = typeof key === 'string' ? list.byKey.get(key) : undefined;
    if (typeof key !== 'string' || !known || storages.has(key))
      throw new CheckpointError(`${file.path}: the list of storages does not fit the pickle. The file is damaged.`);
    const header = read(position, 8);
    const elements = Number(new DataView(header.buffer).getBigUint64(0, true));
    const { bytes, storage } = known;
    if (elements * BYTES_PER_ELEMENT[storage.type] !== bytes)
      throw new CheckpointError(
        `${file.path}: storage ${list.shown(key)} has ${elements} elements, but the pickle has ${bytes / BYTES_PER_ELEMENT[storage.type]}. The file is damaged.`,
      );
    storages.set(key, { offset: position + 8, length: bytes });
    position += 8 + bytes;
  }
  const missing = [...list.byKey.keys()].find((key) => !storages.has(key));
  if (missing !== undefined) throw new CheckpointError(`${file.path}: storage ${list.shown(missing)} is missing.`);
  if (position !== file.size)
    throw new CheckpointError(
      `${file.path} is ${position > file.size ? 'truncated' : 'damaged'}: its storages end at byte ${position}, the file at ${file.size}. Fetch it again.`,
    );
  return { root, storages };
}
