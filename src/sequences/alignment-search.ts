/**
 * The sequence that aligns best with a query, as BLAST finds it (Altschul et al. 1990, J. Mol. Biol. 215:403): those that share the most
 * distinct words with the query are aligned in full (`alignment.ts`), the others are not. With `candidates` at infinity every sequence is
 * aligned, and the search is exact. Ties go to the first sequence.
 */

import { alignmentCodes, alignmentPattern, overlapScore } from './alignment.ts';
import { BASE_CODES, reverseComplement } from './alphabet.ts';
import { SequenceError } from './sequence-error.ts';

export interface AlignmentSearchOptions {
  /** How many different sequences are aligned with each query, those that share most words first. Default 32. */
  readonly candidates?: number;
  /** Letters of a word. Default 8. */
  readonly wordLength?: number;
  /** Also align the query's reverse complement and keep the better score. Default false: barcodes are oriented. */
  readonly bothStrands?: boolean;
}

export const ALIGNMENT_SEARCH_DEFAULTS: Required<AlignmentSearchOptions> = {
  candidates: 32,
  wordLength: 8,
  bothStrands: false,
};

export interface AlignmentHit {
  /** Place of the best sequence among those searched; of several equal ones the first. */
  readonly row: number;
  /** Score of {@link overlapScore}. */
  readonly score: number;
}

export interface AlignmentSearch {
  /** Different sequences searched. */
  readonly size: number;
  nearest(query: string): AlignmentHit;
}

/** Longest word with a table of all words: 4^12 entries. */
const LONGEST_WORD = 12;

/** Distinct words of A, C, G, T/U of one sequence, in the order of their first letters. */
function distinctWords(sequence: string, length: number, seen: Int32Array, stamp: number): number[] {
  const words: number[] = [];
  const wrap = 4 ** length - 1;
  let word = 0;
  let run = 0;
  for (let i = 0; i < sequence.length; i++) {
    const letter = sequence.charCodeAt(i);
    const base = letter < 256 ? BASE_CODES[letter] : 4;
    if (base === 4) {
      run = 0;
      continue;
    }
    word = ((word << 2) | base) & wrap;
    if (++run < length || seen[word] === stamp) continue;
    seen[word] = stamp;
    words.push(word);
  }
  return words;
}

/** Which sequences have a word: `sequences[starts[word] .. starts[word + 1]]`. */
interface WordIndex {
  readonly starts: Int32Array;
  readonly sequences: Int32Array;
}

function indexWords(wordsOf: readonly (readonly number[])[], length: number): WordIndex {
  const starts = new Int32Array(4 ** length + 1);
  for (const words of wordsOf) for (const word of words) starts[word + 1] += 1;
  for (let word = 0; word < 4 ** length; word++) starts[word + 1] += starts[word];
  const sequences = new Int32Array(starts[4 ** length]);
  const next = starts.slice();
  wordsOf.forEach((words, i) => {
    for (const word of words) sequences[next[word]++] = i;
  });
  return { starts, sequences };
}

/** Places of the `count` largest of `shared` (values 0..most), equals by place, in ascending order. */
function mostShared(shared: Int32Array, most: number, count: number): number[] {
  const having = new Int32Array(most + 1);
  for (const value of shared) having[value] += 1;
  let threshold = most;
  let above = 0;
  while (threshold > 0 && above + having[threshold] < count) above += having[threshold--];
  let equal = count - above; // of those at the threshold only the first
  const places: number[] = [];
  for (let i = 0; i < shared.length; i++) {
    if (shared[i] > threshold || (shared[i] === threshold && equal-- > 0)) places.push(i);
  }
  return places;
}

function checkOptions({ candidates, wordLength }: Required<AlignmentSearchOptions>): void {
  if (!(candidates >= 1)) throw new SequenceError(`alignment search: candidates must be 1 or more, not ${candidates}`);
  if (!Number.isInteger(wordLength) || wordLength < 1 || wordLength > LONGEST_WORD)
    throw new SequenceError(
      `alignment search: wordLength must be a whole number from 1 to ${LONGEST_WORD}, not ${wordLength}`,
    );
}

/**
 * Prepares a search among `sequences`; equal ones are searched once.
 * @throws SequenceError where there are none, or for options out of range.
 */
export function openAlignmentSearch(
  sequences: readonly string[],
  changes: AlignmentSearchOptions = {},
): AlignmentSearch {
  const options = { ...ALIGNMENT_SEARCH_DEFAULTS, ...changes };
  checkOptions(options);
  const { candidates, wordLength, bothStrands } = options;
  if (sequences.length === 0) throw new SequenceError('alignment search: there are no sequences to search');
  const firstRows = new Map<string, number>();
  sequences.forEach((sequence, row) => {
    if (!firstRows.has(sequence)) firstRows.set(sequence, row);
  });
  const rows = [...firstRows.values()];
  const texts = [...firstRows.keys()].map(alignmentCodes);
  const seen = new Int32Array(4 ** wordLength).fill(-1);
  const index = indexWords(
    [...firstRows.keys()].map((sequence, i) => distinctWords(sequence, wordLength, seen, i)),
    wordLength,
  );
  const shared = new Int32Array(rows.length);
  let stamp = rows.length;

  const nearest = (query: string): AlignmentHit => {
    const pattern = alignmentPattern(query);
    const words = candidates < rows.length ? distinctWords(query, wordLength, seen, stamp++) : [];
    shared.fill(0);
    for (const word of words) {
      for (let at = index.starts[word]; at < index.starts[word + 1]; at++) shared[index.sequences[at]] += 1;
    }
    let best = { place: 0, score: -1 };
    for (const place of mostShared(shared, words.length, Math.min(candidates, rows.length))) {
      const score = overlapScore(pattern, texts[place]);
      if (score > best.score) best = { place, score };
      if (score === query.length) break; // every letter matches: none can be better
    }
    return { row: rows[best.place], score: best.score };
  };
  return {
    size: rows.length,
    nearest(query) {
      const hit = nearest(query);
      if (!bothStrands) return hit;
      const other = nearest(reverseComplement(query));
      return other.score > hit.score || (other.score === hit.score && other.row < hit.row) ? other : hit;
    },
  };
}
