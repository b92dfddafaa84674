/**
 * A corpus as windows of letters and of tokens: FASTA (every record is cut into windows; no window
 * spans two records) or plain text (one stream, cut at white space), gzip or not. The number of
 * letters of each token is kept, so that measures per token can be converted to measures per
 * nucleotide or character.
 */

import type { Random } from '../../core/random.ts';
import type { ModelTokenizer, TokenBatch } from '../../models/tokenizers/tokenizers.ts';
import { readFasta } from '../../sequences/formats/fasta.ts';
import { readLines } from '../../sequences/formats/gzip-stream.ts';
import { nucleotideSymbols } from './symbols.ts';

export type CorpusKind = 'fasta' | 'text';

export interface WindowOptions {
  /** Letters of a window. FASTA: of every window but the last of a record. Text: the maximum. */
  readonly letters: number;
  /** Default: FASTA where the first letter of the file is ">". */
  readonly kind?: CorpusKind;
}

/** FASTA where the file's first line that is not blank starts with ">", else text. @throws for a file with no text. */
export async function corpusKind(path: string): Promise<CorpusKind> {
  for await (const { lines } of readLines(path)) {
    const first = lines.find((line) => line.trim() !== '');
    if (first !== undefined) return first.trimStart().startsWith('>') ? 'fasta' : 'text';
  }
  throw new Error(`${path} holds no text`);
}

/**
 * Windows in the order of the file. FASTA: upper case, letters other than A, C, G, T as N (U as T);
 * the rest of a record is a window when it has at least half the letters; windows with more than
 * half N are left out. Text: white space at both ends is removed.
 */
export async function* readWindows(path: string, { letters, kind }: WindowOptions): AsyncGenerator<string> {
  if (!(Number.isInteger(letters) && letters >= 2))
    throw new Error(`windows of ${letters} letters are too short; the minimum is 2`);
  yield* (kind ?? (await corpusKind(path))) === 'fasta' ? fastaWindows(path, letters) : textWindows(path, letters);
}

async function* fastaWindows(path: string, letters: number): AsyncGenerator<string> {
  for await (const { sequence } of readFasta(path))
    for (let start = 0; start < sequence.length; start += letters) {
      const symbols = nucleotideSymbols(sequence.slice(start, start + letters));
      const known = symbols.reduce((count, symbol) => count + Number(symbol >= 0), 0);
      if (symbols.length < letters / 2 || known < symbols.length / 2) continue;
      yield Array.from(symbols, (symbol) => 'ACGT'[symbol] ?? 'N').join('');
    }
}

async function* textWindows(path: string, letters: number): AsyncGenerator<string> {
  let held = '';
  for await (const { lines } of readLines(path)) {
    held += `${lines.join('\n')}\n`;
    let start = 0;
    while (held.length - start > letters) {
      const end = wordEnd(held, start, letters);
      const window = held.slice(start, end).trim();
      if (window !== '') yield window;
      start = end;
    }
    held = held.slice(start);
  }
  const rest = held.trim();
  if (rest.length >= letters / 2) yield rest;
}

/**
 * Where to cut at most `letters` after `start`: after the last white space of the second half, or
 * inside a word that fills it, never inside a surrogate pair.
 */
function wordEnd(text: string, start: number, letters: number): number {
  for (let end = start + letters; end > start + letters / 2; end--) if (/\s/.test(text[end - 1])) return end;
  const inPair = (text.charCodeAt(start + letters - 1) & 0xfc00) === 0xd800;
  return start + letters - Number(inPair);
}

/**
 * Draws `count` of `total` windows without replacement: those to measure on, and the others to
 * count n-grams in. All windows are measured when there are no more than `count`.
 */
export function chooseWindows(total: number, count: number, random: Random): Set<number> {
  return new Set(random.shuffle(Uint32Array.from({ length: total }, (_, i) => i)).subarray(0, count));
}

export interface TokenWindows extends TokenBatch {
  /** `[windows, tokens]` letters that a token spans; 0 for special tokens and padding. */
  readonly letters: Float64Array;
  /**
   * Whether each token has its own span. Otherwise the letters of each window are spread evenly
   * over its tokens, special ones too.
   */
  readonly exact: boolean;
}

/**
 * Tokens of windows and the number of letters of each: `tokenLetters` of the id (all letters of an
 * overlapping k-mer), else the tokenizer's constant, else an even share.
 * @throws when a window is longer than the model can read.
 */
export function encodeWindows(
  windows: readonly string[],
  tokenizer: Pick<ModelTokenizer, 'encode' | 'nucleotidesPerToken'>,
  tokenLetters?: ArrayLike<number>,
): TokenWindows {
  const batch = tokenizer.encode(windows);
  const { ids, mask, tokens } = batch;
  const each = tokenizer.nucleotidesPerToken;
  const letters = new Float64Array(ids.length);
  windows.forEach((window, w) => {
    const row = { start: w * tokens, end: (w + 1) * tokens };
    let attended = 0;
    for (let i = row.start; i < row.end; i++) attended += Number(mask[i] === 1n);
    for (let i = row.start; i < row.end; i++) {
      if (mask[i] !== 1n) continue;
      const own = tokenLetters?.[Number(ids[i])];
      if (own === 0) continue;
      letters[i] = own ?? each ?? window.length / attended;
    }
  });
  return { ...batch, letters, exact: each !== undefined || tokenLetters !== undefined };
}
