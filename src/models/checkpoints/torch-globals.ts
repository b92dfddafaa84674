/**
 * Names that a checkpoint's pickle may use, and their meaning here. Any other name is an error that
 * contains the name. There are three kinds: storage types, functions that rebuild tensors
 * (implemented here, see `tensor-view.ts`), and classes of data that training loops save in
 * addition to the weights (settings, counters, NumPy scalars), which become inert records. Whole
 * modules (`torch.save(model)`) need the model's own classes and are refused: reading them would
 * run their authors' code.
 */
import type { StoredType } from '../../runtime/arrays/float-values.ts';
import type { PickleRules } from './pickle.ts';
import { GlobalName, InertRecord, kindOf, PickleTuple, type PickleValue } from './pickle-values.ts';
import { CheckpointError } from './stored-file.ts';
import { TensorView, TorchStorage } from './tensor-view.ts';

const STORAGE_TYPES: ReadonlyMap<string, StoredType> = new Map([
  ['FloatStorage', 'F32'],
  ['DoubleStorage', 'F64'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
  ['ComplexFloatStorage', 'C64'],
]);

type Rule = (args: readonly PickleValue[], where: string, spend: (values: number) => void, name: string) => PickleValue;

const inert: Rule = (args, _where, _spend, name) => new InertRecord(name, new PickleTuple(args));

const CALLS: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['collections.OrderedDict', orderedDict],
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_parameter_with_state', rebuildParameter],
  ['torch.Size', ([sizes], where) => tupleOf(sizes, where)],
  // Settings and counters of training loops.
  ['argparse.Namespace', inert],
  ['collections.defaultdict', inert],
  ['collections.Counter', inert],
  ['builtins.set', inert],
  ['__builtin__.set', inert],
  ['builtins.frozenset', inert],
  ['__builtin__.frozenset', inert],
  ['pytorch_lightning.utilities.parsing.AttributeDict', inert],
  ['lightning.pytorch.utilities.parsing.AttributeDict', inert],
  ['lightning_fabric.utilities.data.AttributeDict', inert],
  ['lightning.fabric.utilities.data.AttributeDict', inert],
  ['pathlib.PosixPath', inert],
  ['pathlib.WindowsPath', inert],
  ['torch.device', inert],
  ['torch.torch_version.TorchVersion', inert],
  ['torch.serialization._get_layout', inert],
  ['numpy.dtype', inert],
  ['numpy.core.multiarray.scalar', inert],
  ['numpy._core.multiarray.scalar', inert],
  ['_codecs.encode', inert],
]);

/**
 * Names that are only arguments of others and are never called. `builtins` is `__builtin__` in the
 * output of Python 2 and protocol 2.
 */
const CONSTANTS: ReadonlySet<string> = new Set([
  ...['dict', 'list', 'int', 'float', 'bool', 'str'].flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  ...['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'bool', 'strided'].map((name) => `torch.${name}`),
]);

const storageTypeOf = (name: string): StoredType | undefined =>
  STORAGE_TYPES.get(/^torch\.(?:cuda\.)?(\w+)$/.exec(name)?.[1] ?? '');

function refuse(name: string, where: string): never {
  const shown = JSON.stringify(name.slice(0, 100));
  throw new CheckpointError(
    `${where}: the pickle uses ${shown}, which is not among the few names that a checkpoint of tensors needs. No code was run. ` +
      'Load the file where it was made and save only its tensors: safetensors.torch.save_file(model.state_dict(), "model.safetensors").',
  );
}

function orderedDict(args: readonly PickleValue[], where: string, spend: (values: number) => void): PickleValue {
  const entries = new Map<PickleValue, PickleValue>();
  const pairs = args[0] ?? [];
  if (!Array.isArray(pairs)) throw new CheckpointError(`${where}: an OrderedDict is made of ${kindOf(pairs)}.`);
  spend(pairs.length); // the same list may be used several times
  for (const pair of pairs) {
    const items = pair instanceof PickleTuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (items.length !== 2)
      throw new CheckpointError(`${where}: an OrderedDict's entry is ${kindOf(pair)}, not a pair.`);
    entries.set(items[0], items[1]);
  }
  return entries;
}

function tupleOf(value: PickleValue | undefined, where: string): PickleTuple {
  if (value instanceof PickleTuple) return value;
  throw new CheckpointError(`${where}: a tensor's sizes are ${kindOf(value)}, not a tuple.`);
}

/** `_rebuild_tensor(storage, offset, shape, strides)` and v2, which adds requires_grad, hooks and metadata. */
function rebuildTensor(
  [storage, offset, shape, strides]: readonly PickleValue[],
  where: string,
  spend: (values: number) => void,
): PickleValue {
  if (!(storage instanceof TorchStorage))
    throw new CheckpointError(`${where}: a tensor is made of ${kindOf(storage)}.`);
  const numbers = (value: PickleValue | undefined): number[] => {
    const { items } = tupleOf(value, where);
    spend(items.length);
    return items.map((item) => (typeof item === 'number' ? item : Number.NaN));
  };
  return new TensorView(
    storage,
    typeof offset === 'number' ? offset : Number.NaN,
    numbers(shape),
    numbers(strides),
    where,
  );
}

/** `_rebuild_parameter(tensor, requires_grad, hooks)`: a parameter is its tensor. */
function rebuildParameter([tensor]: readonly PickleValue[], where: string): PickleValue {
  if (tensor instanceof TensorView) return tensor;
  throw new CheckpointError(`${where}: a parameter is made of ${kindOf(tensor)}.`);
}

/**
 * `('storage', type, key, device, elements)`; legacy files add a sixth field, `(key, first,
 * elements)`, when the storage is part of another.
 */
function storageOf(id: PickleValue, where: string): TorchStorage {
  const fail = (what: string): never => {
    throw new CheckpointError(`${where}: the pickle refers to ${what}; only storages of tensors lie outside a pickle.`);
  };
  if (!(id instanceof PickleTuple)) return fail(`${kindOf(id)} outside it`);
  const [kind, type, key, , elements, view] = id.items;
  if (kind === 'module')
    return fail('a module with its source code: this is a whole model; save model.state_dict() instead');
  if (kind !== 'storage') return fail(`something of the kind ${JSON.stringify(String(kind).slice(0, 40))}`);
  const stored = type instanceof GlobalName ? storageTypeOf(type.name) : undefined;
  if (!stored) return fail(`a storage whose type is ${kindOf(type)}`);
  const count = (value: PickleValue | undefined): number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : fail('a storage without a valid size');
  if (typeof key !== 'string') return fail(`a storage whose key is ${kindOf(key)}`);
  if (!(view instanceof PickleTuple)) return new TorchStorage(stored, key, count(elements));
  const [, first, length] = view.items;
  const [start, within] = [count(first), count(length)];
  if (start + within > count(elements)) fail('a storage that reaches outside the storage that it is part of');
  return new TorchStorage(stored, key, within, start);
}

/**
 * The rules for torch's checkpoints. Every storage in the pickle is passed to `found`, with the
 * total size stored under its key.
 */
export function torchRules(found: (storage: TorchStorage, elementsUnderKey: number) => void): PickleRules {
  return {
    global(module, name, where) {
      const whole = `${module}.${name}`;
      return CALLS.has(whole) || CONSTANTS.has(whole) || storageTypeOf(whole)
        ? new GlobalName(whole)
        : refuse(whole, where);
    },
    call({ name }, args, where, spend) {
      const rule = CALLS.get(name);
      if (!rule) throw new CheckpointError(`${where}: the pickle calls ${name}, which may only be an argument.`);
      return rule(args, where, spend, name);
    },
    persistent(id, where) {
      const storage = storageOf(id, where);
      found(storage, (id as PickleTuple).items[4] as number);
      return storage;
    },
  };
}
