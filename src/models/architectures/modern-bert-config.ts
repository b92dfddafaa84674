/** What ModernBERT's graph needs of its `config.json`, as transformers 4 wrote it (`global_rope_theta`) and as 5 does (`rope_parameters`). */

import type { RawConfig } from './architecture.ts';
import { count, flag, headCount, number, oneOf } from './config-fields.ts';

export interface ModernBertConfig {
  readonly vocabulary: number;
  readonly width: number;
  readonly intermediate: number;
  readonly heads: number;
  /** For each layer, how many tokens to either side it sees: Infinity or half the window. */
  readonly layerReaches: readonly number[];
  readonly globalTheta: number;
  readonly localTheta: number;
  readonly maxTokens: number;
  readonly epsilon: number;
  /** Standard deviation of the first weights, and at how many of it they are cut off. */
  readonly initializerRange: number;
  readonly cutoff: number;
  readonly embeddingDropout: number;
  readonly attentionDropout: number;
  readonly feedForwardDropout: number;
  /** Which layers have additive terms. */
  readonly bias: {
    readonly norm: boolean;
    readonly attention: boolean;
    readonly feedForward: boolean;
    readonly head: boolean;
    readonly decoder: boolean;
  };
  /** Is the decoder the word table? */
  readonly tied: boolean;
}

/** Throws naming `where`, the field and what is known. Defaults are those of transformers' ModernBertConfig. */
export function readModernBertConfig(config: RawConfig, where: string): ModernBertConfig {
  oneOf(config, 'hidden_activation', where, ['gelu'], 'gelu');
  oneOf(config, 'classifier_activation', where, ['gelu'], 'gelu');
  const globalTheta = theta(config, where, 'full_attention', 'global_rope_theta', 160_000);
  return {
    vocabulary: count(config, 'vocab_size', where),
    width: count(config, 'hidden_size', where),
    intermediate: count(config, 'intermediate_size', where),
    heads: headCount(config, where),
    layerReaches: reaches(config, where),
    globalTheta,
    // A local theta of null stands for the global one.
    localTheta:
      config.local_rope_theta === null
        ? globalTheta
        : theta(config, where, 'sliding_attention', 'local_rope_theta', 10_000),
    maxTokens: count(config, 'max_position_embeddings', where, 8192),
    epsilon: number(config, 'norm_eps', where, 1e-5),
    initializerRange: number(config, 'initializer_range', where, 0.02),
    cutoff: number(config, 'initializer_cutoff_factor', where, config.initializer_cutoff_factor === null ? 3 : 2),
    embeddingDropout: number(config, 'embedding_dropout', where, 0),
    attentionDropout: number(config, 'attention_dropout', where, 0),
    feedForwardDropout: number(config, 'mlp_dropout', where, 0),
    bias: {
      norm: flag(config, 'norm_bias', where, false),
      attention: flag(config, 'attention_bias', where, false),
      feedForward: flag(config, 'mlp_bias', where, false),
      head: flag(config, 'classifier_bias', where, false),
      decoder: flag(config, 'decoder_bias', where, true),
    },
    tied: flag(config, 'tie_word_embeddings', where, true),
  };
}

const LAYER_TYPES = ['full_attention', 'sliding_attention'] as const;
type LayerType = (typeof LAYER_TYPES)[number];

/** Listed one by one (`layer_types`), or every n-th layer sees everything (`global_attn_every_n_layers`). */
function reaches(config: RawConfig, where: string): number[] {
  const layers = count(config, 'num_hidden_layers', where);
  const half = Math.floor(count(config, 'local_attention', where, 128) / 2);
  const every = count(config, 'global_attn_every_n_layers', where, 3);
  const listed = config.layer_types;
  if (listed !== undefined && listed !== null && (!Array.isArray(listed) || listed.length !== layers))
    throw new Error(`${where}: layer_types must list all ${layers} layers (num_hidden_layers)`);
  return Array.from({ length: layers }, (_, i) => {
    const fallback = i % every === 0 ? 'full_attention' : 'sliding_attention';
    const type = oneOf({ [`layer_types[${i}]`]: listed?.[i] }, `layer_types[${i}]`, where, LAYER_TYPES, fallback);
    return type === 'full_attention' ? Number.POSITIVE_INFINITY : half;
  });
}

/** Rotary base of one sort of layer: from `rope_parameters`, else from the older field. Scaled variants are refused. */
function theta(config: RawConfig, where: string, type: LayerType, older: string, fallback: number): number {
  const all = config.rope_parameters as RawConfig | null | undefined;
  const own = (all?.[type] ?? {}) as RawConfig;
  const scaling = (config.rope_scaling ?? own) as RawConfig;
  oneOf(scaling, scaling.type === undefined ? 'rope_type' : 'type', where, ['default'], 'default');
  return own.rope_theta === undefined ? number(config, older, where, fallback) : number(own, 'rope_theta', where);
}
