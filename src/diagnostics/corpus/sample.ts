/**
 * Which windows of a corpus a model is diagnosed on, and which others n-grams are counted in: drawn by seed without replacement, so that nothing measured was
 * counted. Windows are as long as the model reads, at most 512 tokens (the paper's, arXiv 2604.04287). The file is read twice, never held whole.
 */
import { createRandom } from '../../core/random.ts';
import { readFasta } from '../../sequences/formats/fasta.ts';
import { type CorpusKind, chooseWindows, corpusKind, readWindows } from './corpus.ts';

/** Tokens of a window at most. */
export const MOST_TOKENS = 512;
/** Letters that n-grams are counted in at most: contexts of order 8 of nucleotides are then seen some 60 times each. */
const MOST_TRAINING_LETTERS = 4_000_000;
/** Longest window tried for models that say no limit in letters. */
const MOST_LETTERS = 4096;
const LEAST_LETTERS = 8;
/** Windows that decide how long windows are. */
const TRIED = 32;
/** A corpus with fewer windows is cut into shorter ones, as long as these are not short themselves: some are needed for n-grams. */
const ENOUGH_WINDOWS = 16;
const SMALL_LETTERS = 64;
/** Records, or letters, that tell how long the records of a FASTA file are. */
const PEEK = { records: 256, letters: 4_000_000 };

export interface SampleOptions {
  /** Windows to measure on; at most half of what the corpus has, the rest is for n-grams. */
  readonly sequences: number;
  readonly seed: number;
  /** Tokens that a sequence makes; throws for one that the model can't read whole. */
  readonly tokens: (sequence: string) => number;
  /** Letters that the model reads at most, where letters alone decide. */
  readonly maxLetters?: number;
  /** Letters of a token, where that is one number. */
  readonly lettersPerToken?: number;
}

export interface CorpusSample {
  readonly kind: CorpusKind;
  /** Letters of a window at most. */
  readonly letters: number;
  /** Windows that the corpus has. */
  readonly total: number;
  /** To measure on, in the order of the file. */
  readonly windows: readonly string[];
  /** To count n-grams in. */
  readonly training: readonly string[];
  /** Windows that made more tokens than the model reads, and lost their ends. */
  readonly shortened: number;
}

/** @throws for a corpus that can't be read, or has no window that the model can read. */
export async function sampleCorpus(path: string, options: SampleOptions): Promise<CorpusSample> {
  const kind = await corpusKind(path);
  const letters = await windowLetters(path, kind, options);
  let total = 0;
  for await (const _ of readWindows(path, { letters, kind })) total += 1;
  if (total === 0)
    throw new Error(
      `${path}: holds no window of ${letters} letters${kind === 'fasta' ? ' that are mostly A, C, G and T' : ''}`,
    );
  const asked = Math.min(options.sequences, Math.max(1, total >> 1));
  const training = Math.min(total - asked, Math.ceil(MOST_TRAINING_LETTERS / letters));
  // In the order in which they were drawn.
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

/** The window, or as much of its beginning as the model reads. @throws what the model says of the shortest beginning. */
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

/** The most letters with which the first windows all fit, and a small corpus has enough of them; records shorter than that are taken whole where most are. */
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
