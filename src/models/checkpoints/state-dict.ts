/**
 * Finds the tensors in a saved training state. A state dict is a dictionary of names to tensors; it
 * is either the whole object or stored under one of the usual keys (`state_dict` in Lightning's
 * .ckpt, `model`, ...). When there are several under other keys, all are read, with the key as a
 * prefix of each name (`encoder.x`, `decoder.x`). Optimiser states, counters and settings are
 * skipped.
 */
import { kindOf, type PickleValue } from './pickle-values.ts';
import { CheckpointError } from './stored-file.ts';
import { TensorView } from './tensor-view.ts';

/** In order of preference. */
const CUSTOMARY_KEYS = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'module',
  'net',
  'network',
  'weights',
];
const MAX_TENSORS = 1_000_000;
/**
 * Tensors may share values (tied weights), but values shared by very many tensors are an attack
 * that makes reading endless.
 */
const MAX_SHARING = 64;
const SHARING_ALLOWANCE = 2 ** 24;

type Dictionary = ReadonlyMap<PickleValue, PickleValue>;

function hasTensors(value: PickleValue | undefined): value is Map<PickleValue, PickleValue> {
  return value instanceof Map && [...value.values()].some((entry) => entry instanceof TensorView);
}

/** The prefix of the model, and its tensor names. */
function findTensors(root: Dictionary, seen = new Set<Dictionary>()): Map<string, TensorView> {
  seen.add(root);
  const nests = CUSTOMARY_KEYS.map((key) => root.get(key)).filter((value) => value instanceof Map);
  for (const nest of nests) {
    if (seen.has(nest)) continue;
    const found = findTensors(nest, seen);
    if (found.size > 0) return found;
  }
  const direct = tensorsOf(root, '');
  if (direct.size > 0) return direct;
  const checked = new Map<PickleValue, boolean>(); // the same dictionary may be stored under several keys
  const all = new Map<string, TensorView>();
  for (const [key, value] of root) {
    if (!checked.has(value)) checked.set(value, hasTensors(value));
    if (typeof key !== 'string' || !checked.get(value)) continue;
    for (const [name, tensor] of tensorsOf(value as Dictionary, `${key}.`)) all.set(name, tensor);
    if (all.size > MAX_TENSORS) break;
  }
  return all;
}

function tensorsOf(dictionary: Dictionary, prefix: string): Map<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  for (const [name, value] of dictionary)
    if (value instanceof TensorView && typeof name === 'string') tensors.set(prefix + name, value);
  return tensors;
}

/**
 * Tensors by name. Throws {@link CheckpointError} when there are none, or when too many share
 * values.
 */
export function stateDict(root: PickleValue, where: string): ReadonlyMap<string, TensorView> {
  if (!(root instanceof Map))
    throw new CheckpointError(
      `${where} holds ${kindOf(root)}, not a dictionary of tensors; save model.state_dict() instead.`,
    );
  const tensors = findTensors(root);
  if (tensors.size === 0) {
    const keys = [...root.keys()].slice(0, 8).map((key) => (typeof key === 'string' ? key.slice(0, 40) : kindOf(key)));
    throw new CheckpointError(
      `${where} holds no dictionary of tensors; its keys: ${keys.join(', ') || 'none'}. Save model.state_dict() instead.`,
    );
  }
  if (tensors.size > MAX_TENSORS)
    throw new CheckpointError(`${where} has more than ${MAX_TENSORS} tensors, which is not supported.`);
  const distinct = new Map([...tensors.values()].map((tensor) => [tensor.identity, tensor]));
  const storages = new Map([...distinct.values()].map(({ storage }) => [storage.key, storage.elements]));
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  const viewed = sum([...distinct.values()].map(({ span }) => span));
  if (viewed > MAX_SHARING * sum(storages.values()) + SHARING_ALLOWANCE)
    throw new CheckpointError(`${where}: its tensors overlap each other more than ${MAX_SHARING}-fold; no model's do.`);
  return tensors;
}
