/**
 * Chooses the windows of a corpus that a model is diagnosed on, and the other windows that n-grams
 * are counted in. Both are drawn by seed without replacement, so that no measured window was
 * counted. Windows are as long as the model reads, at most 512 tokens (the paper's choice, arXiv
 * 2604.04287). The file is read twice and never held in memory whole.
 */
import { createRandom } from '../../core/random.ts';
import { readFasta } from '../../sequences/formats/fasta.ts';
import { type CorpusKind, chooseWindows, corpusKind, readWindows } from './corpus.ts';

/** Maximum number of tokens of a window. */
export const MOST_TOKENS = 512;
/**
 * Maximum number of letters that n-grams are counted in. Contexts of order 8 of nucleotides are
 * then seen about 60 times each.
 */
const MOST_TRAINING_LETTERS = 4_000_000;
/** Longest window tried for models that state no limit in letters. */
const MOST_LETTERS = 4096;
const LEAST_LETTERS = 8;
/** Number of windows that decide how long windows are. */
const TRIED = 32;
/**
 * A corpus with fewer windows than this is cut into shorter ones, down to a minimum length, because
 * some windows are needed for n-grams.
 */
const ENOUGH_WINDOWS = 16;
const SMALL_LETTERS = 64;
/**
 * Number of records, or letters, from which the length of the records of a FASTA file is estimated.
 */
const PEEK = { records: 256, letters: 4_000_000 };

export interface SampleOptions {
  /** Windows to measure on. At most half of the corpus; the rest is for n-grams. */
  readonly sequences: number;
  readonly seed: number;
  /** Number of tokens of a sequence. Throws for a sequence that the model cannot read whole. */
  readonly tokens: (sequence: string) => number;
  /** Maximum number of letters that the model reads, when the limit depends on letters alone. */
  readonly maxLetters?: number;
  /** Letters per token, when all tokens have the same number. */
  readonly lettersPerToken?: number;
}

export interface CorpusSample {
  readonly kind: CorpusKind;
  /** Maximum number of letters of a window. */
  readonly letters: number;
  /** Number of windows of the corpus. */
  readonly total: number;
  /** Windows to measure on, in the order of the file. */
  readonly windows: readonly string[];
  /** Windows to count n-grams in. */
  readonly training: readonly string[];
  /** Number of windows that were cut because they made more tokens than the model reads. */
  readonly shortened: number;
}

/** @throws for a corpus that cannot be read, or that has no window that the model can read. */
export async function sampleCorpus(path: string, options: SampleOptions): Promise<CorpusSample> {
  const kind = await corpusKind(path);
  const letters = await windowLetters(path, kind, options);
  let total = 0;
  for await (const _ of readWindows(path, { letters, kind })) total += 1;
  if (total === 0)
    throw new Error(
      `${path} has no window of ${letters} letters${kind === 'fasta' ? ' that are mostly A, C, G and T' : ''}`,
    );
  const asked = Math.min(options.sequences, Math.max(1, total >> 1));
  const training = Math.min(total - asked, Math.ceil(MOST_TRAINING_LETTERS / letters));
  // In the order of drawing.
  const drawn = [...chooseWindows(total, asked + training, createRandom(`diagnose:windows:${options.seed}`))];
  const measured = new Set(drawn.slice(0, asked));
  const counted = new Set(drawn.slice(asked));
  const sample = { windows: [] as string[], training: [] as string[] };
  let shortened = 0;
  let place = 0;
  for await (const window of readWindows(path, { letters, kind })) {
    if (counted.has(place)) sample.training.push(window);
    if (measured.has(place)) {
      const fitting = readable(window, options.tokens);
      shortened += Number(fitting.length < window.length);
      sample.windows.push(fitting);
    }
    place += 1;
  }
  return { kind, letters, total, ...sample, shortened };
}

/**
 * The window, or the longest beginning of it that the model reads. @throws the model's own error
 * for the shortest beginning.
 */
export function readable(window: string, tokens: SampleOptions['tokens']): string {
  for (let text = window; ; text = text.slice(0, Math.floor(text.length * 0.75))) {
    if (fits(text, tokens)) return text;
    if (text.length * 0.75 < LEAST_LETTERS) {
      tokens(text);
      return text;
    }
  }
}

function fits(text: string, tokens: SampleOptions['tokens']): boolean {
  try {
    return tokens(text) <= MOST_TOKENS;
  } catch {
    return false;
  }
}

/**
 * The largest number of letters for which the first windows all fit and a small corpus has enough
 * windows. Records shorter than that are used whole when most records are.
 */
async function windowLetters(path: string, kind: CorpusKind, options: SampleOptions): Promise<number> {
  const { maxLetters = Number.POSITIVE_INFINITY, lettersPerToken, tokens } = options;
  const most = lettersPerToken === undefined ? MOST_LETTERS : MOST_TOKENS * lettersPerToken;
  const records = kind === 'fasta' ? await medianRecord(path) : Number.POSITIVE_INFINITY;
  let letters = Math.max(2, Math.min(most, maxLetters, records));
  while (letters > LEAST_LETTERS) {
    const first = await firstWindows(path, kind, letters);
    if (first.length < ENOUGH_WINDOWS && letters > SMALL_LETTERS) letters = Math.floor(letters / 2);
    else if (!first.every((window) => fits(window, tokens))) letters = Math.floor(letters * 0.9);
    else break;
  }
  return letters;
}

async function firstWindows(path: string, kind: CorpusKind, letters: number): Promise<string[]> {
  const windows: string[] = [];
  for await (const window of readWindows(path, { letters, kind })) {
    windows.push(window);
    if (windows.length === TRIED) break;
  }
  return windows;
}

async function medianRecord(path: string): Promise<number> {
  const lengths: number[] = [];
  let letters = 0;
  for await (const { sequence } of readFasta(path)) {
    lengths.push(sequence.length);
    letters += sequence.length;
    if (lengths.length === PEEK.records || letters >= PEEK.letters) break;
  }
  return lengths.sort((a, b) => a - b)[lengths.length >> 1] ?? LEAST_LETTERS;
}
