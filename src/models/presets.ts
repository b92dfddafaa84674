/** Named set-ups of k-mer encoders and their pre-training. Every number that decides the weights is here, and goes into their key. */
import type { BertConfig } from './bert.ts';

export interface PretrainConfig {
  /** k-mer length and the letters between two k-mers (default k: no overlap). */
  readonly k: number;
  readonly stride?: number;
  /** Longest input in nucleotides; longer sequences are cut into windows of this length for pre-training. */
  readonly length: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly dropout: number;
  /** Share of tokens to predict, and what becomes of them: [MASK], a random token, unchanged. */
  readonly maskRate: number;
  readonly maskedShare: number;
  readonly randomShare: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly warmUp: number;
  readonly maxGradientNorm: number;
  /** Passes over the corpus at most, and tokens seen at most: whichever ends first. */
  readonly epochs: number;
  readonly maxTokens: number;
}

const base = {
  k: 4,
  length: 660,
  dropout: 0.1,
  maskRate: 0.5,
  maskedShare: 1,
  randomShare: 0,
  batchSize: 32,
  weightDecay: 0.01,
  warmUp: 0.1,
  maxGradientNorm: 1,
} as const;

export const PRESETS: Readonly<Record<string, PretrainConfig>> = {
  /** Seconds on two cores: the encoder of the default suite. */
  tiny: {
    ...base,
    hidden: 96,
    layers: 3,
    heads: 4,
    feedForward: 384,
    dropout: 0,
    learningRate: 2e-3,
    epochs: 30,
    maxTokens: 1_000_000,
  },
  /** Minutes on two cores. */
  small: {
    ...base,
    hidden: 192,
    layers: 4,
    heads: 6,
    feedForward: 768,
    learningRate: 1e-3,
    epochs: 40,
    maxTokens: 10_000_000,
  },
  /** BarcodeBERT's 4-4-4 (bioscan-ml/BarcodeBERT): for a GPU. */
  'barcodebert-4-4-4': {
    ...base,
    hidden: 768,
    layers: 4,
    heads: 4,
    feedForward: 3072,
    learningRate: 1e-4,
    weightDecay: 1e-5,
    batchSize: 64,
    epochs: 35,
    maxTokens: 20_000_000_000,
  },
};

export function presetNamed(name: string): PretrainConfig {
  const preset = PRESETS[name];
  if (!preset) throw new Error(`unknown pre-training preset '${name}'; known: ${Object.keys(PRESETS).join(', ')}`);
  return preset;
}

export function bertConfigOf(config: PretrainConfig): BertConfig {
  const tokens = Math.floor((config.length - config.k) / (config.stride ?? config.k)) + 1;
  return {
    vocab_size: 4 ** config.k + 2,
    hidden_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.feedForward,
    max_position_embeddings: tokens,
    type_vocab_size: 1,
    layer_norm_eps: 1e-12,
    initializer_range: 0.02,
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: config.dropout,
  };
}
