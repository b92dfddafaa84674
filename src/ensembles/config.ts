/**
 * Configurations of matched ensembles: masked language models of equal architecture on equal data,
 * English or DNA, byte-pair encoding or k-mers with the same number of tokens. `paper-*` are those
 * of Rochkoulets, Vrcek & Sikic 2026 (arXiv 2604.04287; lbcb-sci/GFMs, `src/utils/config.py`):
 * stock BERT-base with 4^6 tokens; the special tokens of BPE are among them, those of k-mers are
 * additional. `tiny-*` differ in size, length and the learning rate that fits these.
 */
import { z } from 'zod';
import { checkPretrainConfig } from '../pretraining/config.ts';
import type { PretrainConfig } from '../pretraining/presets.ts';
import { didYouMean } from '../sequences/sequence-error.ts';

type Training = Pick<
  PretrainConfig,
  | 'hidden'
  | 'layers'
  | 'heads'
  | 'feedForward'
  | 'dropout'
  | 'maskRate'
  | 'maskedShare'
  | 'randomShare'
  | 'batchSize'
  | 'learningRate'
  | 'weightDecay'
  | 'schedule'
  | 'warmUp'
  | 'maxGradientNorm'
  | 'epochs'
  | 'maxTokens'
>;

export interface EnsembleConfig extends Training {
  /** What the models read. */
  readonly language: 'text' | 'dna';
  readonly tokenizer: 'bpe' | 'kmer';
  /** Number of BPE tokens, special ones included. Not with k-mers. */
  readonly vocabulary?: number;
  /** Letters of a k-mer; k-mers do not overlap. Not with BPE. */
  readonly k?: number;
  /** Tokens of a block, the maximum that a model reads. */
  readonly tokens: number;
}

const BPE = { tokenizer: 'bpe', vocabulary: 4096 } as const;
const KMER = { tokenizer: 'kmer', k: 6 } as const;
const MASKING = { maskRate: 0.15, maskedShare: 0.8, randomShare: 0.1 } as const;

const PAPER = {
  ...MASKING,
  tokens: 512,
  hidden: 768,
  layers: 12,
  heads: 12,
  feedForward: 3072,
  dropout: 0.1,
  batchSize: 96,
  learningRate: 1e-4,
  weightDecay: 0,
  schedule: 'cosine',
  warmUp: 0.1,
  maxGradientNorm: 0.5,
  epochs: 5,
  // 2,000,000 sequences of at most 512 tokens, five times
  maxTokens: 5_120_000_000,
} as const;

/**
 * About two minutes per member on one core. Small batches: with so few tokens, the number of steps
 * is the limit.
 */
const TINY = {
  ...PAPER,
  tokens: 64,
  hidden: 96,
  layers: 2,
  heads: 4,
  feedForward: 384,
  batchSize: 8,
  learningRate: 2e-3,
  epochs: 20,
  maxTokens: 2_500_000,
} as const;

const kinds = (size: string, base: Training & { tokens: number }): Record<string, EnsembleConfig> => ({
  [`${size}-text-bpe`]: { language: 'text', ...BPE, ...base },
  [`${size}-dna-bpe`]: { language: 'dna', ...BPE, ...base },
  [`${size}-dna-kmer`]: { language: 'dna', ...KMER, ...base },
});

export const ENSEMBLE_PRESETS: Readonly<Record<string, EnsembleConfig>> = {
  ...kinds('tiny', TINY),
  ...kinds('paper', PAPER),
};

/** Controls that an ensemble can be compared with. */
export const ENSEMBLE_CONTROLS = {
  none: 'the corpus as it is',
  shuffled: 'every chunk shuffled, with its pairs of neighbouring letters kept',
  untrained: 'initial weights',
  'four-letters': 'English in four letters, read as DNA; --bits: with the entropy of DNA',
} as const;
export type EnsembleControlName = keyof typeof ENSEMBLE_CONTROLS;

const OWN = {
  language: z.enum(['text', 'dna']),
  tokenizer: z.enum(['bpe', 'kmer']),
  vocabulary: z.int().min(16).max(65_536).optional(),
  k: z.int().min(1).max(7).optional(),
  tokens: z.int().min(4),
} as const;
const own = z.object(OWN);

const FIELDS = [...Object.keys(OWN), ...Object.keys(PAPER).filter((field) => field !== 'tokens')];

/**
 * A configuration from user input: some fields over those of a preset (`preset`). Of `vocabulary`
 * and `k`, the one that the tokenizer does not use is dropped when only the preset has it.
 * @throws with the name of the field, and a suggestion for an unknown name.
 */
export function ensembleConfigFrom(written: unknown): EnsembleConfig {
  if (typeof written !== 'object' || written === null || Array.isArray(written))
    throw new Error('the configuration of an ensemble is a JSON object of fields');
  const { preset, ...fields } = written as { readonly preset?: unknown };
  const names = Object.keys(ENSEMBLE_PRESETS);
  if (typeof preset !== 'string' || !Object.hasOwn(ENSEMBLE_PRESETS, preset))
    throw new Error(
      `preset ${JSON.stringify(preset)} is not known${didYouMean(String(preset), names)}; one of ${names.join(', ')}`,
    );
  const unknown = Object.keys(fields).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new Error(`there is no field '${unknown}'${didYouMean(unknown, ['preset', ...FIELDS])}`);
  const merged = { ...ENSEMBLE_PRESETS[preset], ...fields } as EnsembleConfig;
  const unread = merged.tokenizer === 'bpe' ? 'k' : 'vocabulary';
  const { [unread]: _, ...without } = merged;
  const config = (Object.hasOwn(fields, unread) ? merged : without) as EnsembleConfig;
  checkEnsembleConfig(config);
  return config;
}

/**
 * @throws for a configuration that cannot run or has a field that would not be used, with the name
 *   of the field.
 */
export function checkEnsembleConfig(config: EnsembleConfig): void {
  const { success, error } = own.safeParse(config);
  const problem = (field: string, words: string) => new Error(`ensemble: ${field} ${words}`);
  if (!success) {
    const [{ path, message }] = error.issues;
    const field = String(path[0]) as keyof EnsembleConfig;
    throw problem(field, `is ${JSON.stringify(config[field])}: ${message}`);
  }
  const [read, unread] = config.tokenizer === 'bpe' ? (['vocabulary', 'k'] as const) : (['k', 'vocabulary'] as const);
  if (config[read] === undefined) throw problem(read, `is missing; tokenizer '${config.tokenizer}' needs it`);
  if (config[unread] !== undefined)
    throw problem(unread, `is given, but tokenizer '${config.tokenizer}' does not use it; leave it out`);
  if (config.language === 'text' && config.tokenizer === 'kmer')
    throw problem('tokenizer', "is 'kmer', which is for DNA; text is read by 'bpe'");
  checkPretrainConfig(pretrainConfigOf(config), { kmers: false });
}

/** The pre-training configuration of a member, on rows of ids (`blocks.ts`), two letters per id. */
export function pretrainConfigOf(config: EnsembleConfig): PretrainConfig {
  const { language, tokenizer, vocabulary, k = 1, tokens, ...training } = config;
  return { ...training, objective: 'masked-lm', k, length: 2 * tokens, maskedWeight: 1 };
}
