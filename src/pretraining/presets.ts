/**
 * Named set-ups of k-mer encoders and their pre-training. Every number that affects the weights is
 * here, and is part of their key.
 */

import type { BertConfig } from '../models/architectures/bert-graph.ts';
import { consensusReference } from '../sequences/alignment/consensus-alignment.ts';
import type { MaskingConfig } from './masking.ts';
import { kmerTrainingTokenizer, type TrainingTokenizer } from './training-tokenizers.ts';

export interface PretrainConfig extends MaskingConfig {
  /**
   * k-mer length, and letters from one k-mer to the next (default k: no overlap). With a
   * tokenizer.json, k is only the upper bound of the random offset.
   */
  readonly k: number;
  readonly stride?: number;
  /** Longest input in nucleotides; longer sequences are cut into windows of this length for pre-training. */
  readonly length: number;
  /**
   * Reference that every sequence is aligned to before it is cut into k-mers
   * (`sequences/alignment/consensus-alignment.ts`), so that a position is a column of the gene;
   * `consensus`: computed from the corpus first. `length` is then the length of the reference. For
   * reads of one gene with different start positions.
   */
  readonly reference?: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly dropout: number;
  /**
   * The decoder of BarcodeMAE, discarded after training: number of blocks, and width and heads if
   * they differ from the encoder's.
   */
  readonly decoderLayers?: number;
  readonly decoderHidden?: number;
  readonly decoderHeads?: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /**
   * `oneCycle` as in the barcode papers (with fixed decay of the first and second moments), or half
   * a cosine.
   */
  readonly schedule: 'cosine' | 'oneCycle';
  /** Share of the steps during which the learning rate rises. */
  readonly warmUp: number;
  readonly maxGradientNorm: number;
  /**
   * Maximum number of passes over the corpus and of tokens: training ends at the first limit
   * reached.
   */
  readonly epochs: number;
  readonly maxTokens: number;
}

/** Value of `reference`: compute the consensus of the corpus. */
export const CONSENSUS = 'consensus';

const base = {
  objective: 'masked-lm',
  k: 4,
  length: 660,
  dropout: 0.1,
  maskRate: 0.5,
  maskedShare: 1,
  randomShare: 0,
  maskedWeight: 1,
  batchSize: 32,
  weightDecay: 0.01,
  schedule: 'cosine',
  warmUp: 0.1,
  maxGradientNorm: 1,
} as const;

/** Names of the barcode papers' objectives in model names. */
const NAMES = {
  'mae-v2': 'barcodemae',
  'mae-v1': 'barcodemae-v1',
  barcodebert: 'barcodebert',
  causal: 'barcodecausal',
} as const;
type BarcodeObjective = keyof typeof NAMES;
export const BARCODE_OBJECTIVES = Object.keys(NAMES) as BarcodeObjective[];

/**
 * Equal for all objectives, so that they are compared at equal encoder, tokens and steps: minutes
 * on two cores. Six letters are two codons, and reads are aligned to the consensus of the corpus:
 * the loss of such small encoders then falls many times faster than with four letters and no
 * alignment (docs/methods.md).
 */
const SMALL = {
  k: 6,
  reference: CONSENSUS,
  hidden: 128,
  layers: 2,
  heads: 4,
  feedForward: 512,
  decoderLayers: 1,
  dropout: 0,
  batchSize: 16,
  learningRate: 2.5e-3,
  epochs: 40,
  maxTokens: 2_400_000,
} as const;

/**
 * Learning rate 1e-4 per 64 sequences of a batch; 45 epochs of 2.3 million barcodes are about
 * 1.1e10 tokens at k = 6.
 */
const PAPER = {
  hidden: 768,
  feedForward: 3072,
  dropout: 0.1,
  learningRate: 1e-4,
  batchSize: 64,
  epochs: 45,
  maxTokens: 20_000_000_000,
} as const;

type Shape = Pick<
  PretrainConfig,
  | 'k'
  | 'reference'
  | 'hidden'
  | 'layers'
  | 'heads'
  | 'feedForward'
  | 'dropout'
  | 'batchSize'
  | 'learningRate'
  | 'epochs'
  | 'maxTokens'
> &
  Pick<PretrainConfig, 'decoderLayers'>;

/**
 * AdamW with little decay under OneCycle, half of all tokens masked: the authors' defaults. Only
 * BarcodeMAE has a decoder.
 */
function barcode(objective: BarcodeObjective, { decoderLayers, ...shape }: Shape): PretrainConfig {
  const decoder = objective.startsWith('mae') ? { decoderLayers: decoderLayers ?? shape.layers } : {};
  return { ...base, ...shape, ...decoder, objective, weightDecay: 1e-5, schedule: 'oneCycle', warmUp: 0.3 };
}

export const PRESETS: Readonly<Record<string, PretrainConfig>> = {
  /** Trains in seconds on two cores: the encoder of the default suite. */
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
  /** Trains in minutes on two cores. */
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
  ...Object.fromEntries(
    BARCODE_OBJECTIVES.map((objective) => [`${NAMES[objective]}-small`, barcode(objective, SMALL)]),
  ),
  /** BarcodeBERT's 4-4-4 (bioscan-ml/BarcodeBERT): for a GPU. */
  'barcodebert-4-4-4': barcode('barcodebert', { ...PAPER, k: 4, layers: 4, heads: 4 }),
  /**
   * BarcodeMAE's 6-6-6, with a decoder as deep as the encoder (bioscan-ml/BarcodeMAE): for a GPU.
   */
  'barcodemae-6-6-6': barcode('mae-v2', { ...PAPER, k: 6, layers: 6, heads: 6, decoderLayers: 6 }),
};

export function presetNamed(name: string): PretrainConfig {
  const preset = PRESETS[name];
  if (!preset) throw new Error(`unknown pre-training preset '${name}'; known: ${Object.keys(PRESETS).join(', ')}`);
  return preset;
}

/** The decoder of BarcodeMAE: width and heads of the encoder unless the set-up sets them. */
export function decoderConfigOf(config: PretrainConfig, tokens: TokenTables = kmersOf(config)): BertConfig {
  const { decoderLayers = config.layers, decoderHidden = config.hidden, decoderHeads = config.heads } = config;
  const feedForward = Math.round((config.feedForward / config.hidden) * decoderHidden);
  const shape = { layers: decoderLayers, hidden: decoderHidden, heads: decoderHeads, feedForward };
  return bertConfigOf({ ...config, ...shape }, tokens);
}

/** The sizes of the word and position tables. */
export type TokenTables = Pick<TrainingTokenizer, 'vocabulary' | 'maxTokens'>;

/** The k-mer tokenizer of a set-up. */
export function kmersOf({ k, stride, length, reference }: PretrainConfig): TrainingTokenizer {
  return kmerTrainingTokenizer({ k, stride, length, reference });
}

/**
 * The set-up with `consensus` replaced by the consensus letters of the rows. @throws SequenceError
 * when they are not reads of one gene.
 */
export function onReference(config: PretrainConfig, rows: number, row: (i: number) => string): PretrainConfig {
  if (config.reference === undefined) return config;
  const letters = config.reference === CONSENSUS ? consensusReference(rows, row).letters : config.reference;
  return { ...config, reference: letters, length: letters.length };
}

/**
 * transformers' class of the model that an objective saves; BarcodeMAE's decoder is not part of it.
 */
export function bertClassOf(objective: PretrainConfig['objective']): string {
  if (objective.startsWith('mae')) return 'BertModel';
  return objective === 'masked-lm' ? 'BertForMaskedLM' : 'BertForTokenClassification';
}

export function bertConfigOf(config: PretrainConfig, tokens: TokenTables = kmersOf(config)): BertConfig {
  return {
    vocab_size: tokens.vocabulary.size,
    hidden_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.feedForward,
    max_position_embeddings: tokens.maxTokens,
    type_vocab_size: 1,
    layer_norm_eps: 1e-12,
    initializer_range: 0.02,
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: config.dropout,
  };
}
