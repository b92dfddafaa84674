/**
 * A corpus as windows of letters and of tokens: FASTA (every record cut into windows, nothing over their ends) or plain text (one stream, cut at white space).
 * gzip or not. The letters that a token spans are counted, so that what is measured per token can be told per nucleotide or character.
 */

import type { Random } from '../../core/random.ts';
import type { ModelTokenizer, TokenBatch } from '../../models/tokenizers/tokenizers.ts';
import { readFasta } from '../../sequences/formats/fasta.ts';
import { readLines } from '../../sequences/formats/gzip-stream.ts';
import { nucleotideSymbols } from './symbols.ts';

export type CorpusKind = 'fasta' | 'text';

export interface WindowOptions {
  /** Letters of a window: all windows of FASTA but the last of a record, the most that a window of text has. */
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
 * Windows in the order of the file. FASTA in upper case, letters but A, C, G, T as N (U as T); what is left of a record is a window where it has at
 * least half the letters; windows with more than half N are left out. Text with white space at its ends taken off.
 */
export async function* readWindows(path: string, { letters, kind }: WindowOptions): AsyncGenerator<string> {
  if (!(Number.isInteger(letters) && letters >= 2)) throw new Error(`windows of ${letters} letters; give 2 or more`);
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

/** Where to cut at most `letters` after `start`: after the last white space of the second half, or in a word that fills it, not inside a surrogate pair. */
function wordEnd(text: string, start: number, letters: number): number {
  for (let end = start + letters; end > start + letters / 2; end--) if (/\s/.test(text[end - 1])) return end;
  const inPair = (text.charCodeAt(start + letters - 1) & 0xfc00) === 0xd800;
  return start + letters - Number(inPair);
}

/** `count` of `total` windows, drawn without replacement: those to measure on, the others to count n-grams in. All when there are no more. */
export function chooseWindows(total: number, count: number, random: Random): Set<number> {
  return new Set(random.shuffle(Uint32Array.from({ length: total }, (_, i) => i)).subarray(0, count));
}

export interface TokenWindows extends TokenBatch {
  /** `[windows, tokens]` letters that a token spans; 0 for special tokens and padding. */
  readonly letters: Float64Array;
  /** Whether spans are each token's own; otherwise each window's letters are spread evenly over its tokens, special ones too. */
  readonly exact: boolean;
}

/**
 * Tokens of windows and the letters each spans: `tokenLetters` of the id (all of an overlapping k-mer's), else so many as the tokenizer gives for all tokens
 * alike, else an even share.
 * @throws where the model can't read a window whole.
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
