/**
 * Reads of one gene in one system of coordinates. Barcodes of public collections begin and end at many places of the gene, and sequencing inserts and drops
 * letters; a model with learned positions then spends itself on where a read begins. Here every read is laid on a reference (a consensus of the corpus,
 * found from it alone): the diagonal on which most letters agree, then the best overlap alignment within a band around it. No strand is tried but
 * the one given. The scores are those of `overlap-alignment.ts`; here the path matters, not the score.
 */

import { BASE_CODES } from '../alphabet.ts';
import { SequenceError } from '../sequence-error.ts';
import { ALIGNMENT_SCORES } from './overlap-alignment.ts';

export interface Placement {
  /** Column of the reference on which the read's first letter stands; negative where the read begins before it. */
  readonly start: number;
  /** Letters of the read on columns of the reference that hold a base, and the share of them that agree. */
  readonly overlap: number;
  readonly identity: number;
}

export interface PlacedRead {
  /** The read as the reference's columns, N where it has no letter. Letters before and after the reference are not in it. */
  readonly letters: string;
  /** Columns `from` (first) to `to` (behind the last) that the read covers; N in between where it lacks a letter. */
  readonly from: number;
  readonly to: number;
  /** False where no place was good enough: the read then stands at column 0, as it does without a reference. */
  readonly placed: boolean;
}

export interface Placer {
  /** The best place, or null where the read shares no word with the reference. Equally good places: the first. */
  find(read: string): Placement | null;
  lay(read: string): PlacedRead;
}

/** Words that vote for a diagonal. Of 72% alike reads one in seven such words agrees; one in 4,096 does by chance. */
const WORD = 6;
/** Diagonals whose letters are compared, those with most votes. */
const CANDIDATES = 4;
/** A place counts when this share of at least so many letters agrees. Unrelated sequences agree in about 30% at their best place. */
const LEAST_IDENTITY = 0.5;
const LEAST_OVERLAP = 60;

/**
 * @param reference letters A, C, G, T, and N for columns without a consensus.
 * @throws SequenceError for a reference shorter than two words or with other letters.
 */
export function createPlacer(reference: string): Placer {
  if (reference.length < 2 * WORD || !/^[ACGTN]+$/.test(reference))
    throw new SequenceError(
      `a reference for placing reads has at least ${2 * WORD} letters A, C, G, T or N; this one is '${reference.slice(0, 20)}' (${reference.length})`,
    );
  const columns = codesOf(reference);
  const places = Array.from({ length: 4 ** WORD }, (): number[] => []);
  eachWord(columns, (word, at) => places[word].push(at));

  const find = (read: string): Placement | null => {
    const codes = codesOf(read);
    // Of the diagonal on which the read's first letter stands at column `start`: votes[start + read.length].
    const votes = new Uint32Array(read.length + columns.length);
    eachWord(codes, (word, at) => {
      for (const column of places[word]) votes[column - at + read.length]++;
    });
    const likely = mostVoted(votes).map((place) => place - read.length);
    const agreeing = ({ identity, overlap }: Placement) => identity * overlap;
    return likely
      .map((start) => agreement(columns, codes, start))
      .reduce<Placement | null>((best, next) => (best && agreeing(best) >= agreeing(next) ? best : next), null);
  };

  return {
    find,
    lay(read) {
      const found = find(read);
      if (found) {
        const laid = align(columns, codesOf(read), found.start);
        if (isGood(agreement(columns, codesOf(laid.letters)), read)) return { ...laid, placed: true };
      }
      const to = Math.min(reference.length, read.length);
      return { letters: read.slice(0, to) + 'N'.repeat(reference.length - to), from: 0, to, placed: false };
    },
  };
}

/** Letters of a read whose first stands on column `start`, without gaps. */
function agreement(columns: Uint8Array, codes: Uint8Array, start = 0): Placement {
  let overlap = 0;
  let same = 0;
  const end = Math.min(codes.length, columns.length - start);
  for (let i = Math.max(0, -start); i < end; i++) {
    if (codes[i] === 4 || columns[start + i] === 4) continue;
    overlap++;
    if (codes[i] === columns[start + i]) same++;
  }
  return { start, overlap, identity: overlap === 0 ? 0 : same / overlap };
}

/** Cells away from the diagonal that an alignment may go to either side: letters inserted or lost, net. */
const BAND = 24;
/** How a cell was come to. */
const DIAGONAL = 1;
const READ_LETTER_EXTRA = 2;
const COLUMN_SKIPPED = 3;

/**
 * The best overlap alignment of a read with the columns within {@link BAND} of a diagonal, ends free on both sides, written onto the columns: letters that
 * stand on none are left out, columns that the read skips are N. Of equal paths the one with fewer gaps near its end.
 */
function align(columns: Uint8Array, codes: Uint8Array, start: number): Omit<PlacedRead, 'placed'> {
  const { match, mismatch, gap } = ALIGNMENT_SCORES;
  const width = 2 * BAND + 1;
  const outside = -1e9;
  // Cell (i, w): i letters of the read and j = i + start + w - BAND columns are behind it.
  const ways = new Uint8Array((codes.length + 1) * width); // 0: the path begins here
  let above = new Int32Array(width);
  let row = new Int32Array(width);
  let best = { score: 0, i: 0, w: 0 };
  for (let i = 0; i <= codes.length; i++) {
    for (let w = 0; w < width; w++) {
      const j = i + start + w - BAND;
      if (j < 0 || j > columns.length) {
        row[w] = outside;
        continue;
      }
      // Free to begin where no letter or no column is behind.
      let score = i === 0 || j === 0 ? 0 : outside;
      let way = 0;
      if (i > 0 && j > 0 && above[w] > outside) {
        const code = codes[i - 1];
        // An unknown letter speaks neither for nor against its column.
        const pair = code === 4 || columns[j - 1] === 4 ? 0 : code === columns[j - 1] ? match : mismatch;
        if (above[w] + pair > score) {
          score = above[w] + pair;
          way = DIAGONAL;
        }
      }
      if (i > 0 && w + 1 < width && above[w + 1] + gap > score) {
        score = above[w + 1] + gap;
        way = READ_LETTER_EXTRA;
      }
      if (j > 0 && w > 0 && row[w - 1] + gap > score) {
        score = row[w - 1] + gap;
        way = COLUMN_SKIPPED;
      }
      row[w] = score;
      ways[i * width + w] = way;
      // The end is free where no letter or no column is left.
      if ((i === codes.length || j === columns.length) && score > best.score) best = { score, i, w };
    }
    [above, row] = [row, above];
  }
  return written(columns.length, codes, ways, best, start);
}

/** The path back from its end, as letters on columns. */
function written(
  count: number,
  codes: Uint8Array,
  ways: Uint8Array,
  end: { i: number; w: number },
  start: number,
): Omit<PlacedRead, 'placed'> {
  const width = 2 * BAND + 1;
  const letters = new Array<string>(count).fill('N');
  let { i, w } = end;
  const to = i + start + w - BAND;
  for (let way = ways[i * width + w]; way !== 0; way = ways[i * width + w]) {
    if (way === DIAGONAL) {
      letters[i + start + w - BAND - 1] = 'ACGTN'[codes[i - 1]];
      i--;
    } else if (way === READ_LETTER_EXTRA) {
      i--;
      w++;
    } else w--;
  }
  return { letters: letters.join(''), from: i + start + w - BAND, to };
}

/** Places of the largest counts above 0, the first of equal ones first. */
function mostVoted(votes: Uint32Array): number[] {
  const places: number[] = [];
  for (let place = 0; place < votes.length; place++) {
    if (votes[place] === 0 || (places.length === CANDIDATES && votes[place] <= votes[places[CANDIDATES - 1]])) continue;
    let rank = places.length;
    while (rank > 0 && votes[places[rank - 1]] < votes[place]) rank--;
    places.splice(rank, 0, place);
    places.length = Math.min(places.length, CANDIDATES);
  }
  return places;
}

export interface Consensus {
  /** A, C, G, T, and N for columns in between that too few reads cover. */
  readonly letters: string;
  /** Reads looked at, and those of them that could be laid on it. */
  readonly reads: number;
  readonly placed: number;
}

/** Rows that a consensus is made from, spread evenly over the corpus. */
const ROWS = 2000;
const ROUNDS = 3;
/** Columns with fewer reads than this share of them have no place in the reference. */
const LEAST_COVERAGE = 0.1;

/**
 * The consensus of reads of one gene: the most frequent letter of each column, over the columns that at least one read in ten covers. Begins with
 * a read of the most frequent length and lays all others on it, three times over. Deterministic; labels and other splits play no part.
 * @param row the i-th read. Up to 2,000 reads are looked at.
 * @throws SequenceError when there is no read, or the reads can't be laid on each other (they are not of one gene).
 */
export function consensusReference(rows: number, row: (i: number) => string): Consensus {
  const count = Math.min(rows, ROWS);
  const reads = Array.from({ length: count }, (_, i) => row(Math.floor((i * rows) / count)));
  if (reads.length === 0) throw new SequenceError('no read to make a reference from');
  const seed = mostFrequentLength(reads);
  const first = reads.find((read) => read.length === seed && !/[^ACGT]/.test(read)) ?? reads[0];
  let consensus = consensusOn(first, reads);
  for (let round = 1; round < ROUNDS; round++) consensus = consensusOn(consensus.letters, reads);
  return consensus;
}

/** How many reads, of up to 2,000 spread evenly, have a place on a reference: the others are read from their first letter, as without one. */
export function countPlaced(
  reference: string,
  rows: number,
  row: (i: number) => string,
): { readonly reads: number; readonly placed: number } {
  const placer = createPlacer(reference);
  const reads = Math.min(rows, ROWS);
  let placed = 0;
  for (let i = 0; i < reads; i++) if (placer.lay(row(Math.floor((i * rows) / reads))).placed) placed++;
  return { reads, placed };
}

function consensusOn(reference: string, reads: readonly string[]): Consensus {
  const placer = createPlacer(reference);
  const margin = reads.reduce((most, read) => Math.max(most, read.length), 0);
  const width = reference.length + 2 * margin;
  const counts = new Uint32Array(width * 4); // [columns, bases]
  let placed = 0;
  for (const read of reads) {
    const found = placer.find(read);
    if (!found || !isGood(found, read)) continue;
    placed++;
    const codes = codesOf(read);
    for (let i = 0; i < codes.length; i++) {
      const column = margin + found.start + i;
      if (codes[i] < 4 && column >= 0 && column < width) counts[column * 4 + codes[i]]++;
    }
  }
  if (placed < reads.length / 2)
    throw new SequenceError(
      `only ${placed} of ${reads.length} reads can be laid on one another: a common reference needs reads of one gene, on one strand`,
    );
  const least = Math.max(1, LEAST_COVERAGE * placed);
  const letters = Array.from({ length: width }, (_, column) => {
    const of = counts.subarray(column * 4, column * 4 + 4);
    const most = of.reduce((best, n, base) => (n > of[best] ? base : best), 0);
    return of.reduce((sum, n) => sum + n, 0) >= least ? 'ACGT'[most] : 'N';
  }).join('');
  return { letters: letters.replace(/^N+/, '').replace(/N+$/, ''), reads: reads.length, placed };
}

const isGood = ({ identity, overlap }: Placement, read: string) =>
  identity >= LEAST_IDENTITY && overlap >= Math.min(LEAST_OVERLAP, read.length / 2);

function mostFrequentLength(reads: readonly string[]): number {
  const counts = new Map<number, number>();
  for (const { length } of reads) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0][0];
}

function codesOf(sequence: string): Uint8Array {
  const codes = new Uint8Array(sequence.length);
  for (let i = 0; i < codes.length; i++) codes[i] = BASE_CODES[sequence.charCodeAt(i) & 255];
  return codes;
}

/** Every word of known letters, as a number in base 4, with where it begins. */
function eachWord(codes: Uint8Array, visit: (word: number, at: number) => void): void {
  let word = 0;
  let known = 0;
  for (let i = 0; i < codes.length; i++) {
    known = codes[i] === 4 ? 0 : known + 1;
    word = ((word << 2) | (codes[i] & 3)) & (4 ** WORD - 1);
    if (known >= WORD) visit(word, i - WORD + 1);
  }
}
