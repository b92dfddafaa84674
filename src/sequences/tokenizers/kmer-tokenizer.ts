/**
 * The k-mer tokenizer of BarcodeBERT and BarcodeMAE (bioscan-ml/BarcodeBERT, `barcodebert/datasets.py`): non-overlapping
 * k-mers of a sequence padded with the letter N to a fixed length; [MASK] = 0, [UNK] = 1, then the 4^k k-mers in the
 * order A, C, G, T, most significant letter first. There is no padding, class or separator token: padding is [UNK] with
 * attention 0.
 */

import { createPlacer } from '../alignment/consensus-alignment.ts';
import { BASE_CODES } from '../alphabet.ts';
import { SequenceError } from '../sequence-error.ts';

export const MASK_ID = 0;
export const UNKNOWN_ID = 1;
/** Ids below this are special tokens; id - FIRST_KMER_ID is the k-mer in base 4. */
export const FIRST_KMER_ID = 2;

export interface KmerTokenizerConfig {
  readonly k: number;
  /** Letters between the starts of two k-mers. Default k, as in the source. */
  readonly stride?: number;
  /** Letters that every sequence is truncated or padded to. Default: the longest sequence of each call. */
  readonly length?: number;
  /**
   * Take Ns off the end first, as the source does when it prepares its data. Token ids stay the same; the attention mask
   * then ends with the last real letter. Default true.
   */
  readonly stripTrailingN?: boolean;
  /**
   * Every sequence is first laid on this reference (`consensus-alignment.ts`): tokens are then the same columns of a gene in all of them, and only those
   * wholly inside a sequence are attended to. Ours, not the source's: its barcodes all begin at one place. Its length is the tokenizer's.
   */
  readonly reference?: string;
}

export interface EncodeOptions {
  readonly length?: number;
  /** Letters dropped from the start of sequence i (the source draws 0..k-1 at random in pre-training). Default none. */
  readonly offset?: (i: number) => number;
}

export interface KmerTokens {
  /** `[sequences, tokens]` */
  readonly ids: Int32Array;
  /** `[sequences, tokens]`: 1 for the first floor(letters / k) tokens (stride k), which lie wholly inside the sequence. */
  readonly mask: Uint8Array;
  readonly tokens: number;
  /** How many sequences were longer than the length and lost their end. */
  readonly truncated: number;
}

export interface KmerTokenizer {
  readonly config: Required<Pick<KmerTokenizerConfig, 'k' | 'stride' | 'stripTrailingN'>> &
    Pick<KmerTokenizerConfig, 'length' | 'reference'>;
  /** 4^k + 2 */
  readonly vocabularySize: number;
  /** Tokens of a sequence of `length` letters. */
  tokens(length: number): number;
  /** A k-mer with any letter but A, C, G, T (U is read as T, lower case as upper) is [UNK]. */
  encode(sequences: readonly string[], options?: EncodeOptions): KmerTokens;
}

/** @throws SequenceError for k outside 1..12, a stride outside 1..k, a length shorter than k. */
export function createKmerTokenizer({
  k,
  stride = k,
  length,
  stripTrailingN = true,
  reference,
}: KmerTokenizerConfig): KmerTokenizer {
  requireInteger('k', k, 1, 12);
  requireInteger('stride', stride, 1, k);
  if (length !== undefined) requireInteger('length', length, k, Number.MAX_SAFE_INTEGER);
  const tokens = (letters: number) => (letters < k ? 0 : Math.floor((letters - k) / stride) + 1);
  if (reference !== undefined) return placedTokenizer({ k, stride, stripTrailingN }, reference, tokens);

  return {
    config: { k, stride, length, stripTrailingN },
    vocabularySize: 4 ** k + FIRST_KMER_ID,
    tokens,
    encode(sequences, options = {}) {
      const offsets = sequences.map((_, i) => options.offset?.(i) ?? 0);
      const ends = sequences.map((sequence) => (stripTrailingN ? endWithoutN(sequence) : sequence.length));
      const longest = ends.reduce((most, end, i) => Math.max(most, end - offsets[i]), k);
      const padded = options.length ?? length ?? longest;
      requireInteger('length', padded, k, Number.MAX_SAFE_INTEGER);
      const perSequence = tokens(padded);
      const ids = new Int32Array(sequences.length * perSequence).fill(UNKNOWN_ID); // [n, tokens]
      const mask = new Uint8Array(ids.length); // [n, tokens]
      let truncated = 0;
      for (let row = 0; row < sequences.length; row++) {
        const sequence = sequences[row];
        const offset = offsets[row];
        if (!Number.isInteger(offset) || offset < 0) {
          throw new SequenceError(`offset ${offset} for sequence ${row}; give whole numbers from 0`);
        }
        if (ends[row] - offset > padded) truncated++;
        const end = Math.min(ends[row], offset + padded);
        const real = tokens(end - offset);
        const first = row * perSequence;
        mask.fill(1, first, first + real);
        for (let t = 0; t < real; t++) ids[first + t] = kmerId(sequence, offset + t * stride, k);
      }
      return { ids, mask, tokens: perSequence, truncated };
    },
  };
}

/** As above, over the columns of a reference; batches end with the last column that one of their sequences covers. */
function placedTokenizer(
  config: Required<Pick<KmerTokenizerConfig, 'k' | 'stride' | 'stripTrailingN'>>,
  reference: string,
  tokens: (letters: number) => number,
): KmerTokenizer {
  const { k, stride, stripTrailingN } = config;
  const placer = createPlacer(reference);
  return {
    config: { ...config, length: reference.length, reference },
    vocabularySize: 4 ** k + FIRST_KMER_ID,
    tokens,
    encode(sequences, { offset } = {}) {
      if (sequences.some((_, i) => offset?.(i)))
        throw new SequenceError('sequences on a reference have no offsets: their place decides how they are read');
      const reads = sequences.map((sequence) =>
        placer.lay(stripTrailingN ? sequence.slice(0, endWithoutN(sequence)) : sequence),
      );
      const perSequence = reads.reduce((most, { to }) => Math.max(most, tokens(to)), 1);
      const ids = new Int32Array(sequences.length * perSequence).fill(UNKNOWN_ID); // [n, tokens]
      const mask = new Uint8Array(ids.length); // [n, tokens]
      reads.forEach(({ letters, from, to }, row) => {
        for (let t = Math.ceil(from / stride); t < tokens(to); t++) {
          ids[row * perSequence + t] = kmerId(letters, t * stride, k);
          mask[row * perSequence + t] = 1;
        }
        // Less than one token of it stands on the reference: it is one [UNK].
        if (Math.ceil(from / stride) >= tokens(to)) mask[row * perSequence] = 1;
      });
      const truncated = reads.filter(({ from, to }, row) => to - from < sequences[row].length).length;
      return { ids, mask, tokens: perSequence, truncated };
    },
  };
}

function kmerId(sequence: string, start: number, k: number): number {
  let kmer = 0;
  for (let i = start; i < start + k; i++) {
    const letter = sequence.charCodeAt(i);
    const code = letter < 256 ? BASE_CODES[letter] : 4;
    if (code === 4) return UNKNOWN_ID;
    kmer = kmer * 4 + code;
  }
  return FIRST_KMER_ID + kmer;
}

function endWithoutN(sequence: string): number {
  let end = sequence.length;
  while (end > 0 && (sequence[end - 1] === 'N' || sequence[end - 1] === 'n')) end--;
  return end;
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new SequenceError(`k-mer tokenizer: ${name} = ${value}; give a whole number ${range}`);
}
