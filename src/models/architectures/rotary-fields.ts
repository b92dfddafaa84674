/**
 * Rotary positions in a `config.json`: `rope_parameters` since transformers 5, separate fields
 * before.
 */
import { rotaryFrequencies } from '../../onnx/layers/positions/rotary.ts';
import type { RawConfig } from './architecture.ts';
import { number } from './config-fields.ts';

export interface RotaryFields {
  /** Size of one head. */
  readonly head: number;
  /** Field names of older configs, and the reference's defaults. */
  readonly theta: string;
  readonly share: string;
  readonly defaultShare: number;
}

/**
 * Radians per token of each rotated plane. Throws for scaled variants (linear, YaRN, Llama 3),
 * which are not supported.
 */
export function rotaryFields(config: RawConfig, where: string, fields: RotaryFields): number[] {
  const { head, theta, share, defaultShare } = fields;
  const nested = (field: string) => {
    const value = config[field];
    return typeof value === 'object' && value !== null ? (value as RawConfig) : {};
  };
  for (const field of ['rope_scaling', 'rope_parameters']) {
    const kind = nested(field).rope_type ?? nested(field).type ?? 'default';
    if (kind !== 'default')
      throw new Error(`${where}: ${field} of type '${String(kind)}' is not supported; known: default`);
  }
  const parameters = nested('rope_parameters');
  const base = number({ ...config, ...renamed(parameters, 'rope_theta', theta) }, theta, where, 10000);
  const turned = number(
    { ...config, ...renamed(parameters, 'partial_rotary_factor', share) },
    share,
    where,
    defaultShare,
  );
  const width = Math.trunc(head * turned);
  if (turned > 1 || width < 2 || width % 2 !== 0)
    throw new Error(
      `${where}: ${share} = ${turned} rotates ${width} of a head's ${head} entries; an even number of at least 2 is needed`,
    );
  return rotaryFrequencies(width, base);
}

function renamed(parameters: RawConfig, from: string, to: string): RawConfig {
  return from in parameters ? { [to]: parameters[from] } : {};
}
