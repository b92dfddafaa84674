/**
 * The values of a pickle after reading: plain data only. Dictionaries are Maps, so no key is
 * special. Objects of the few classes that checkpoints contain in addition to tensors are inert
 * records: a name with arguments, whose code is never loaded.
 */
import { CheckpointError } from './stored-file.ts';
import { TensorView, TorchStorage } from './tensor-view.ts';

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleTuple
  | PickleSet
  | GlobalName
  | InertRecord
  | TorchStorage
  | TensorView;

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A set or frozen set. Checkpoints of tensors do not need the identity of the members. */
export class PickleSet {
  readonly items: PickleValue[] = [];
}

/** A name in the pickle that is in the list of allowed names. */
export class GlobalName {
  constructor(readonly name: string) {}
}

/** An object of a listed class, as a record of its construction. */
export class InertRecord {
  state: PickleValue = null;
  /** The contents of a dictionary-like or list-like object. */
  readonly entries = new Map<PickleValue, PickleValue>();
  readonly items: PickleValue[] = [];
  constructor(
    readonly name: string,
    readonly args: PickleValue,
  ) {}
}

/** Description of a value for error messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'string') return 'a string';
  if (typeof value === 'boolean') return 'a truth value';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dictionary';
  if (value instanceof PickleTuple) return 'a tuple';
  if (value instanceof PickleSet) return 'a set';
  if (value instanceof TensorView) return 'a tensor';
  if (value instanceof TorchStorage) return 'a storage';
  return value instanceof GlobalName ? `the name ${value.name}` : `a ${value.name}`;
}

/** Maximum nesting of containers; real checkpoints have only a few levels. */
const MAX_NESTING = 256;

function* contentsOf(value: PickleValue): Generator<PickleValue> {
  if (Array.isArray(value)) yield* value;
  else if (value instanceof PickleTuple || value instanceof PickleSet) yield* value.items;
  else if (value instanceof Map) {
    for (const [key, entry] of value) {
      yield key;
      yield entry;
    }
  } else if (value instanceof InertRecord) {
    yield value.args;
    yield value.state;
    yield value.entries;
    yield value.items;
  }
}

/**
 * Throws when a container contains itself, at any depth, or when containers are nested too deep.
 * Every container is visited once.
 */
export function checkAcyclic(root: PickleValue, where: string): void {
  const state = new Map<PickleValue, 'open' | 'done'>();
  const path: { value: PickleValue; contents: Generator<PickleValue> }[] = [];
  const enter = (value: PickleValue) => {
    if (typeof value !== 'object' || value === null || state.get(value) === 'done') return;
    if (state.get(value) === 'open')
      throw new CheckpointError(
        `${where}: the pickle holds a container that contains itself; a checkpoint never does.`,
      );
    if (path.length >= MAX_NESTING)
      throw new CheckpointError(`${where}: the pickle nests containers more than ${MAX_NESTING} deep.`);
    state.set(value, 'open');
    path.push({ value, contents: contentsOf(value) });
  };
  enter(root);
  while (path.length > 0) {
    const { value, contents } = path[path.length - 1];
    const next = contents.next();
    if (next.done) {
      state.set(value, 'done');
      path.pop();
    } else enter(next.value);
  }
}
