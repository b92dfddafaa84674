/**
 * Sequences as numbers: one-hot channels, base codes, k-mer counts. Letters other than A, C, G, T/U (either case) carry no
 * base: a zero column, code 4, or a k-mer not counted. Positions come from the caller; nothing is truncated.
 */
import { BASE_CODES } from './alphabet.ts';
import { SequenceError } from './sequence-error.ts';

export interface OneHotOptions {
  /** 5 adds a channel for letters that are no base (N, ambiguity codes); padding stays zero in every channel. Default 4. */
  readonly channels?: 4 | 5;
  /** Names the fourth channel T or U; both letters are read as it either way. Default dna. */
  readonly alphabet?: 'dna' | 'rna';
  /** Where sequences shorter than `length` lie; center puts floor((length - n) / 2) zeros before. Default left. */
  readonly align?: 'left' | 'center';
}

/**
 * One-hot encoding, `[sequences, channels, length]` row-major, channels A C G T(U) (N).
 * @throws SequenceError when a sequence is longer than `length`.
 */
export function oneHot(sequences: readonly string[], length: number, options: OneHotOptions = {}): Float32Array {
  const channels = options.channels ?? 4;
  const center = options.align === 'center';
  const values = new Float32Array(sequences.length * channels * length); // [n, channels, length]
  for (let row = 0; row < sequences.length; row++) {
    const sequence = sequences[row];
    checkLength(sequence, length, row);
    const start = row * channels * length + (center ? (length - sequence.length) >> 1 : 0);
    for (let i = 0; i < sequence.length; i++) {
      const code = baseCode(sequence, i);
      if (code < channels) values[start + code * length + i] = 1;
    }
  }
  return values;
}

/**
 * Base codes, `[sequences, length]`: 0 A, 1 C, 2 G, 3 T/U, 4 any other letter and padding (right).
 * A fifth to a sixteenth of the memory of {@link oneHot}; made for storing a data set and expanding batches in the graph.
 * @throws SequenceError when a sequence is longer than `length`.
 */
export function encodeBases(sequences: readonly string[], length: number): Uint8Array {
  const codes = new Uint8Array(sequences.length * length).fill(4); // [n, length]
  for (let row = 0; row < sequences.length; row++) {
    const sequence = sequences[row];
    checkLength(sequence, length, row);
    const start = row * length;
    for (let i = 0; i < sequence.length; i++) codes[start + i] = baseCode(sequence, i);
  }
  return codes;
}

export interface KmerOptions {
  /** Add a k-mer and its reverse complement into one column, that of the alphabetically first of the two. */
  readonly canonical?: boolean;
  /** Divide each row by its number of counted k-mers of that k (rows without any stay zero). */
  readonly normalise?: boolean;
}

/** Longest k for which a dense row of 4^k counts is made. */
const LONGEST_K = 10;

/**
 * Counts of overlapping k-mers, `[sequences, columns]` float32: for each k of `ks` in the order given, the k-mers in
 * alphabetical order (see {@link kmerNames}). k-mers with a letter other than A, C, G, T/U are not counted.
 * @throws SequenceError for a k outside 1..10.
 */
export function kmerCounts(
  sequences: readonly string[],
  ks: readonly number[],
  options: KmerOptions = {},
): { rows: number; columns: number; values: Float32Array } {
  let columns = 0;
  const blocks = ks.map((k) => {
    checkK(k);
    const { column, count } = kmerColumns(k, options.canonical === true);
    const block = { k, column, start: columns, count, wrap: 4 ** k - 1 };
    columns += count;
    return block;
  });
  const rows = sequences.length;
  const values = new Float32Array(rows * columns); // [n, columns]
  for (let row = 0; row < rows; row++) {
    const sequence = sequences[row];
    for (const { k, column, start, count, wrap } of blocks) {
      const first = row * columns + start;
      let kmer = 0;
      let run = 0; // bases since the last letter that is none
      let total = 0;
      for (let i = 0; i < sequence.length; i++) {
        const code = baseCode(sequence, i);
        if (code === 4) {
          run = 0;
          continue;
        }
        kmer = ((kmer << 2) | code) & wrap;
        if (++run < k) continue;
        values[first + column[kmer]]++;
        total++;
      }
      if (options.normalise === true && total > 0) {
        for (let c = first; c < first + count; c++) values[c] /= total;
      }
    }
  }
  return { rows, columns, values };
}

/** Names of the columns of {@link kmerCounts}: "A", "C", ..., "AA", "AC", ... (T also stands for U). */
export function kmerNames(ks: readonly number[], options: Pick<KmerOptions, 'canonical'> = {}): string[] {
  return ks.flatMap((k) => {
    checkK(k);
    const { column, count } = kmerColumns(k, options.canonical === true);
    const names = new Array<string>(count);
    for (let kmer = 4 ** k - 1; kmer >= 0; kmer--) {
      let name = '';
      for (let shift = 2 * (k - 1); shift >= 0; shift -= 2) name += 'ACGT'[(kmer >> shift) & 3];
      names[column[kmer]] = name; // descending, so that the alphabetically first of a pair is written last
    }
    return names;
  });
}

/** Column of each k-mer code (base 4, most significant first, A0 C1 G2 T3) and the number of columns. */
function kmerColumns(k: number, canonical: boolean): { column: Int32Array; count: number } {
  const column = new Int32Array(4 ** k);
  let count = 0;
  for (let kmer = 0; kmer < column.length; kmer++) {
    const partner = canonical ? reverseComplementCode(kmer, k) : kmer;
    column[kmer] = partner < kmer ? column[partner] : count++;
  }
  return { column, count };
}

function reverseComplementCode(kmer: number, k: number): number {
  let reversed = 0;
  for (let i = 0, rest = kmer; i < k; i++, rest >>= 2) reversed = (reversed << 2) | (3 - (rest & 3));
  return reversed;
}

function baseCode(sequence: string, index: number): number {
  const code = sequence.charCodeAt(index);
  return code < 256 ? BASE_CODES[code] : 4;
}

function checkLength(sequence: string, length: number, row: number): void {
  if (sequence.length <= length) return;
  throw new SequenceError(
    `sequence ${row} (0-based) has ${sequence.length} letters, more than the ${length} it is encoded into; ` +
      'raise the length to the longest sequence, or trim the data',
  );
}

function checkK(k: number): void {
  if (Number.isInteger(k) && k >= 1 && k <= LONGEST_K) return;
  throw new SequenceError(`k = ${k} for k-mer counts; give whole numbers from 1 to ${LONGEST_K}`);
}
