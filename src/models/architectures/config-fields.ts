/** Reads fields of a `config.json`; errors have the file, the field and the expected value. */
import type { RawConfig } from './architecture.ts';

/**
 * Upper bounds of sizes: far above any published model, but low enough that building a graph takes
 * no minutes.
 */
const MOST = 2 ** 24;
const MOST_LAYERS = 4096;
/** Fields that count layers. */
const LAYERS = /^n_layers?$|_layers?$|layers_per/;

/** A whole number of at least 1, bounded. Throws when it is missing and there is no fallback. */
export function count(config: RawConfig, field: string, where: string, fallback?: number): number {
  const value = config[field] ?? fallback;
  if (typeof value !== 'number') throw new Error(`${where}: the number '${field}' is missing`);
  const most = LAYERS.test(field) ? MOST_LAYERS : MOST;
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`${where}: ${field} = ${value}; a whole number from 1 to ${most} is needed`);
  return value;
}

/** Any finite number. */
export function number(config: RawConfig, field: string, where: string, fallback?: number): number {
  const value = config[field] ?? fallback;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new Error(`${where}: the number '${field}' is missing`);
  return value;
}

/** true or false; `fallback` when the field is missing. */
export function flag(config: RawConfig, field: string, where: string, fallback: boolean): boolean {
  const value = config[field] ?? fallback;
  if (typeof value !== 'boolean')
    throw new Error(`${where}: ${field} = ${JSON.stringify(value)}; true or false is needed`);
  return value;
}

/** One of the supported values. `fallback` is the reference's default for a missing field. */
export function oneOf<T extends string | number | boolean>(
  config: RawConfig,
  field: string,
  where: string,
  known: readonly T[],
  fallback?: T,
): T {
  const value = config[field] ?? fallback;
  const found = known.find((candidate) => candidate === value);
  if (found === undefined)
    throw new Error(`${where}: ${field} '${String(value)}' is not supported; known: ${known.join(', ')}`);
  return found;
}

/** The class names in `architectures` and `auto_map`: `BertForMaskedLM`, `modeling_esm.EsmConfig`. */
export function classNames(config: RawConfig): string[] {
  const listed = Array.isArray(config.architectures) ? config.architectures : [];
  const mapped = typeof config.auto_map === 'object' && config.auto_map !== null ? Object.values(config.auto_map) : [];
  return [...listed, ...mapped.flat()].filter((name): name is string => typeof name === 'string');
}

/** Attention heads, each of a whole number of the width's dimensions. */
export function headCount(config: RawConfig, where: string): number {
  const [heads, width] = [count(config, 'num_attention_heads', where), count(config, 'hidden_size', where)];
  if (width % heads !== 0)
    throw new Error(`${where}: hidden_size ${width} does not divide into num_attention_heads ${heads}`);
  return heads;
}
