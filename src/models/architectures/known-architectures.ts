/** The supported architectures, and the choice of the one that a `config.json` describes. */

import type { Architecture, RawConfig } from './architecture.ts';
import { bert } from './bert.ts';
import { bert6ma } from './bert6ma.ts';
import { caduceus } from './caduceus.ts';
import { esm } from './esm.ts';
import { genaBert } from './gena-bert.ts';
import { gpn } from './gpn.ts';
import { gptNeox } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { hyenaDna } from './hyena-dna.ts';
import { llama } from './llama.ts';
import { modernBert } from './modern-bert.ts';
import { mosaicBert } from './mosaic-bert.ts';
import { nucleotideTransformerV2 } from './nucleotide-transformer-v2.ts';

/** In the order in which they are tested; a config must match exactly one. */
export const ARCHITECTURES: readonly Architecture[] = [
  bert,
  mosaicBert,
  genaBert,
  modernBert,
  esm,
  nucleotideTransformerV2,
  gpt2,
  gptNeox,
  llama,
  hyenaDna,
  caduceus,
  gpn,
  bert6ma,
];

/**
 * The architecture of a `config.json`. If none matches, throws with `where` (the file), the
 * config's model type, the known ones, and the ways to use a model of another architecture.
 */
export function architectureOf(config: RawConfig, where: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture.matches(config));
  if (found) return found;
  const classes = Array.isArray(config.architectures) ? ` (${config.architectures.join(', ')})` : '';
  const known = ARCHITECTURES.map(({ id }) => id).join(', ');
  throw new Error(
    `${where}: model_type '${String(config.model_type)}'${classes} is not supported; known: ${known}. A model of another architecture can be used as an .onnx file, or as precomputed embeddings (.npy or Parquet, one row per sequence)`,
  );
}
