/**
 * Tokenizers of pre-training: k-mers as in the barcode papers. Masking and heads use a {@link
 * Vocabulary}: ordinary tokens are predicted and are the classes of the heads; special ones
 * ([MASK], [UNK], padding) are never predicted. Models that only embed use `tokenizers.ts`.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../core/files.ts';
import type { Random } from '../core/random.ts';
import {
  createKmerTokenizer,
  FIRST_KMER_ID,
  type KmerTokenizerConfig,
  MASK_ID,
  UNKNOWN_ID,
} from '../sequences/tokenizers/kmer-tokenizer.ts';

export interface Vocabulary {
  /** Rows of the word table. */
  readonly size: number;
  /** Id that replaces a hidden token. */
  readonly maskId: number;
  /** Id that pads short rows; no token attends to it. */
  readonly paddingId: number;
  /** Number of ordinary tokens. */
  readonly classes: number;
  /** Class 0..classes-1 of an ordinary id, -1 of a special one. */
  classOf(id: number): number;
  /** Inverse of {@link classOf}. */
  idOf(classIndex: number): number;
}

export interface TrainingTokens {
  /** `[windows, tokens]` */
  readonly ids: Int32Array;
  /** `[windows, tokens]`, 1 for tokens that are attended to. */
  readonly mask: Uint8Array;
  readonly tokens: number;
}

export interface TrainingTokenizer {
  readonly vocabulary: Vocabulary;
  /** Tokens of the longest window: rows of the position table. */
  readonly maxTokens: number;
  /** Description of an ordinary token for messages. */
  readonly ordinary: string;
  /**
   * Everything that affects the ids except the pre-training set-up; part of the fingerprint of a
   * run.
   */
  readonly identity?: string;
  /** Whether windows start at a random letter in training. */
  readonly randomOffset: boolean;
  /**
   * Number of letters to drop from the start of a window of this length; drawn in training when
   * `randomOffset` is set.
   */
  drawOffset(letters: number, random: Random): number;
  /** Tokens of a window; 0 when none of them is ordinary, since nothing can be learned from it. */
  count(window: string): number;
  /** Windows without the first `offsets[i]` letters. */
  encode(windows: readonly string[], offsets: readonly number[]): TrainingTokens;
  /** Writes the files from which `tokenizers.ts` computes the same ids. */
  saveTo(folder: string): Promise<void>;
}

/** The 4^k k-mers of A, C, G, T. */
export function kmerVocabulary(k: number): Vocabulary {
  return {
    size: 4 ** k + FIRST_KMER_ID,
    maskId: MASK_ID,
    paddingId: UNKNOWN_ID,
    classes: 4 ** k,
    classOf: (id) => (id < FIRST_KMER_ID ? -1 : id - FIRST_KMER_ID),
    idOf: (classIndex) => classIndex + FIRST_KMER_ID,
  };
}

/**
 * k-mers of windows of at most `length` letters, with a random start below the stride in training;
 * with a reference, k-mers of its columns.
 */
export function kmerTrainingTokenizer(config: KmerTokenizerConfig & { readonly length: number }): TrainingTokenizer {
  const tokenizer = createKmerTokenizer(config);
  const { k, stride } = tokenizer.config;
  const vocabulary = kmerVocabulary(k);
  const onReference = tokenizer.config.reference !== undefined;
  return {
    vocabulary,
    maxTokens: tokenizer.tokens(tokenizer.config.length ?? config.length),
    ordinary: `${k}-mer of A, C, G, T`,
    randomOffset: !onReference,
    drawOffset: (letters, random) => (!onReference && letters >= 2 * k ? random.integer(stride) : 0),
    count(window) {
      const { ids, mask } = tokenizer.encode([window]);
      return ids.some((id) => vocabulary.classOf(id) >= 0) ? mask.reduce((sum, attended) => sum + attended, 0) : 0;
    },
    encode(windows, offsets) {
      if (onReference) return tokenizer.encode(windows);
      const length = windows.reduce((most, window, i) => Math.max(most, window.length - offsets[i]), k);
      return tokenizer.encode(windows, { offset: (i) => offsets[i], length });
    },
    saveTo: (folder) =>
      writeFileAtomic(join(folder, 'kmer_tokenizer.json'), `${JSON.stringify(tokenizer.config, null, 2)}\n`),
  };
}
