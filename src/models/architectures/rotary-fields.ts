/** What a `config.json` says of rotary positions: `rope_parameters` since transformers 5, fields of their own before. */
import { rotaryFrequencies } from '../../onnx/layers/positions/rotary.ts';
import type { RawConfig } from './architecture.ts';
import { number } from './config-fields.ts';

export interface RotaryFields {
  /** Size of one head. */
  readonly head: number;
  /** Names of older configs, and what the reference takes where there are none. */
  readonly theta: string;
  readonly share: string;
  readonly defaultShare: number;
}

/** Radians per token of each plane that is turned. Throws for scaled variants (linear, YaRN, Llama 3), which the graphs do not have. */
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
      `${where}: ${share} = ${turned} turns ${width} of a head's ${head} entries; an even number of at least 2 is needed`,
    );
  return rotaryFrequencies(width, base);
}

function renamed(parameters: RawConfig, from: string, to: string): RawConfig {
  return from in parameters ? { [to]: parameters[from] } : {};
}
