/**
 * The sequence that aligns best with a query, found as BLAST finds it (Altschul et al. 1990, J. Mol. Biol. 215:403): those that share most
 * words with the query are aligned in full (`overlap-alignment.ts`), the others are not. Words are spaced, which finds distant relatives that
 * contiguous words of the same weight miss (Ma, Tromp & Li 2002, Bioinformatics 18:440). With `candidates` at infinity every sequence is
 * aligned and the search is exact. Ties go to the first sequence.
 */

import { reverseComplement } from '../alphabet.ts';
import { SequenceError } from '../sequence-error.ts';
import { alignmentCodes, alignmentPattern, overlapScore } from './overlap-alignment.ts';

export interface AlignmentSearchOptions {
  /** How many different sequences are aligned with each query, those that share most distinct words first. Default 100. */
  readonly candidates?: number;
  /** Which letters of a window make a word: 1 for those that count, at both ends too; '11111111' for words of eight. */
  readonly seed?: string;
  /** Also align the query's reverse complement and keep the better score. Default false: barcodes are oriented. */
  readonly bothStrands?: boolean;
}

export const ALIGNMENT_SEARCH_DEFAULTS: Required<AlignmentSearchOptions> = {
  candidates: 100,
  seed: '111010011001011',
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

/** Most letters of a word, so that a table of all words can be had: 4^12 entries. */
const HEAVIEST = 12;

/** Places of a seed's ones. */
const offsetsOf = (seed: string): Int32Array =>
  Int32Array.from([...seed].flatMap((letter, i) => (letter === '1' ? [i] : [])));

/** Distinct words of A, C, G, T/U of one sequence, in the order of their places. `seen` [4^weight] remembers `stamp`. */
function distinctWords(codes: Uint8Array, offsets: Int32Array, seen: Int32Array, stamp: number): number[] {
  const words: number[] = [];
  const last = codes.length - 1 - offsets[offsets.length - 1];
  for (let start = 0; start <= last; start++) {
    let word = 0;
    let other = 0; // 4 once a letter that is no base was met
    for (let i = 0; i < offsets.length; i++) {
      const base = codes[start + offsets[i]];
      word = (word << 2) | (base & 3);
      other |= base;
    }
    if (other > 3 || seen[word] === stamp) continue;
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

function indexWords(wordsOf: readonly (readonly number[])[], count: number): WordIndex {
  const starts = new Int32Array(count + 1);
  for (const words of wordsOf) for (const word of words) starts[word + 1] += 1;
  for (let word = 0; word < count; word++) starts[word + 1] += starts[word];
  const sequences = new Int32Array(starts[count]);
  const next = starts.slice();
  wordsOf.forEach((words, i) => {
    for (const word of words) sequences[next[word]++] = i;
  });
  return { starts, sequences };
}

/** Places of the `count` largest of `shared` (values 0..most), largest first, equals by place. */
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
  return places.sort((a, b) => shared[b] - shared[a] || a - b);
}

function checkOptions({ candidates, seed }: Required<AlignmentSearchOptions>): void {
  if (!(candidates >= 1)) throw new SequenceError(`alignment search: candidates must be 1 or more, not ${candidates}`);
  if (!/^1([01]*1)?$/.test(seed) || offsetsOf(seed).length > HEAVIEST)
    throw new SequenceError(
      `alignment search: seed must be ones and zeros that begin and end with 1, at most ${HEAVIEST} ones, not '${seed}'`,
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
  const { candidates, bothStrands } = options;
  if (sequences.length === 0) throw new SequenceError('alignment search: there are no sequences to search');
  const firstRows = new Map<string, number>();
  sequences.forEach((sequence, row) => {
    if (!firstRows.has(sequence)) firstRows.set(sequence, row);
  });
  const rows = [...firstRows.values()];
  const texts = [...firstRows.keys()].map(alignmentCodes);
  const offsets = offsetsOf(options.seed);
  const seen = new Int32Array(4 ** offsets.length).fill(-1);
  const index = indexWords(
    texts.map((codes, i) => distinctWords(codes, offsets, seen, i)),
    seen.length,
  );
  const shared = new Int32Array(rows.length);
  let stamp = rows.length;

  const nearest = (query: string): AlignmentHit => {
    const pattern = alignmentPattern(query);
    const words = candidates < rows.length ? distinctWords(alignmentCodes(query), offsets, seen, stamp++) : [];
    shared.fill(0);
    for (const word of words) {
      for (let at = index.starts[word]; at < index.starts[word + 1]; at++) shared[index.sequences[at]] += 1;
    }
    let best = { place: rows.length, score: 0 };
    for (const place of mostShared(shared, words.length, Math.min(candidates, rows.length))) {
      // An equal score only counts for a sequence further up.
      const wanted = place < best.place ? best.score : best.score + 1;
      if (wanted > query.length) continue;
      const score = overlapScore(pattern, texts[place], wanted);
      if (score >= wanted) best = { place, score };
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
