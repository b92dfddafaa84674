/** Named set-ups of k-mer encoders and their pre-training. Every number that decides the weights is here, and goes into their key. */

import type { BertConfig } from '../models/architectures/bert-graph.ts';
import { consensusReference } from '../sequences/alignment/consensus-alignment.ts';
import type { MaskingConfig } from './masking.ts';
import { kmerTrainingTokenizer, type TrainingTokenizer } from './training-tokenizers.ts';

export interface PretrainConfig extends MaskingConfig {
  /**
   * k-mer length and the letters between two k-mers (default k: no overlap). With a tokenizer.json, k is only what the random offset
   * stays below.
   */
  readonly k: number;
  readonly stride?: number;
  /** Longest input in nucleotides; longer sequences are cut into windows of this length for pre-training. */
  readonly length: number;
  /**
   * Letters that every sequence is laid on before it is cut into k-mers (`sequences/alignment/consensus-alignment.ts`), so that a position is a column of the gene;
   * `consensus`: made from the corpus first. Then `length` is the reference's. For reads of one gene that begin at many places.
   */
  readonly reference?: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly dropout: number;
  /** The decoder of BarcodeMAE, which is thrown away: blocks, and where they differ from the encoder's width and heads. */
  readonly decoderLayers?: number;
  readonly decoderHidden?: number;
  readonly decoderHeads?: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** `oneCycle` as the barcode papers have it (the first and second moments' decay stays fixed), or half a cosine. */
  readonly schedule: 'cosine' | 'oneCycle';
  /** Share of the steps on which the learning rate rises. */
  readonly warmUp: number;
  readonly maxGradientNorm: number;
  /** Passes over the corpus at most, and tokens seen at most: whichever ends first. */
  readonly epochs: number;
  readonly maxTokens: number;
}

/** Says that the reference is to be made from the corpus. */
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

/** What the barcode papers' objectives are called in names of models. */
const NAMES = {
  'mae-v2': 'barcodemae',
  'mae-v1': 'barcodemae-v1',
  barcodebert: 'barcodebert',
  causal: 'barcodecausal',
} as const;
type BarcodeObjective = keyof typeof NAMES;
export const BARCODE_OBJECTIVES = Object.keys(NAMES) as BarcodeObjective[];

/**
 * Equal for all objectives, so that they are compared at equal encoder, tokens and steps: minutes on two cores. Six letters are two codons, and reads are laid
 * on the consensus of the corpus: the loss of such small encoders falls many times faster than with four letters and without (docs/methods.md).
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

/** Learning rate 1e-4 for every 64 sequences of a batch; 45 epochs of 2.3 million barcodes are about 1.1e10 tokens at k = 6. */
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

/** AdamW with little decay under OneCycle, half of all tokens masked: the authors' defaults. The decoder is BarcodeMAE's alone. */
function barcode(objective: BarcodeObjective, { decoderLayers, ...shape }: Shape): PretrainConfig {
  const decoder = objective.startsWith('mae') ? { decoderLayers: decoderLayers ?? shape.layers } : {};
  return { ...base, ...shape, ...decoder, objective, weightDecay: 1e-5, schedule: 'oneCycle', warmUp: 0.3 };
}

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
  ...Object.fromEntries(
    BARCODE_OBJECTIVES.map((objective) => [`${NAMES[objective]}-small`, barcode(objective, SMALL)]),
  ),
  /** BarcodeBERT's 4-4-4 (bioscan-ml/BarcodeBERT): for a GPU. */
  'barcodebert-4-4-4': barcode('barcodebert', { ...PAPER, k: 4, layers: 4, heads: 4 }),
  /** BarcodeMAE's 6-6-6, its decoder as deep as its encoder (bioscan-ml/BarcodeMAE): for a GPU. */
  'barcodemae-6-6-6': barcode('mae-v2', { ...PAPER, k: 6, layers: 6, heads: 6, decoderLayers: 6 }),
};

export function presetNamed(name: string): PretrainConfig {
  const preset = PRESETS[name];
  if (!preset) throw new Error(`unknown pre-training preset '${name}'; known: ${Object.keys(PRESETS).join(', ')}`);
  return preset;
}

/** The decoder of BarcodeMAE: as wide as the encoder, with as many heads, unless the set-up says otherwise. */
export function decoderConfigOf(config: PretrainConfig, tokens: TokenTables = kmersOf(config)): BertConfig {
  const { decoderLayers = config.layers, decoderHidden = config.hidden, decoderHeads = config.heads } = config;
  const feedForward = Math.round((config.feedForward / config.hidden) * decoderHidden);
  const shape = { layers: decoderLayers, hidden: decoderHidden, heads: decoderHeads, feedForward };
  return bertConfigOf({ ...config, ...shape }, tokens);
}

/** What decides the rows of the word and position tables. */
export type TokenTables = Pick<TrainingTokenizer, 'vocabulary' | 'maxTokens'>;

/** The k-mers that a set-up reads. */
export function kmersOf({ k, stride, length, reference }: PretrainConfig): TrainingTokenizer {
  return kmerTrainingTokenizer({ k, stride, length, reference });
}

/** The set-up with `consensus` replaced by the letters that the rows agree on. @throws SequenceError where they are not of one gene. */
export function onReference(config: PretrainConfig, rows: number, row: (i: number) => string): PretrainConfig {
  if (config.reference === undefined) return config;
  const letters = config.reference === CONSENSUS ? consensusReference(rows, row).letters : config.reference;
  return { ...config, reference: letters, length: letters.length };
}

/** transformers' class of what an objective leaves: BarcodeMAE's decoder is not part of it. */
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
