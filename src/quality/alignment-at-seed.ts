/**
 * Local alignment in a band around one diagonal (Smith & Waterman 1981; match 1, mismatch -1, gap -2 per letter), 16 letters to each side.
 * Gives identity and columns of the best local alignment; the path is not kept, its counts are carried along.
 */
import type { SharedStretch } from './kmer-index.ts';
import type { PackedSequences } from './packed-sequences.ts';

const BAND = 16;
const WIDTH = 2 * BAND + 1;
const K = 16;

export interface SeedAlignment {
  /** Matches over columns; 0 without an alignment. */
  readonly identity: number;
  readonly columns: number;
}

export function alignAtSeed(packed: PackedSequences, query: number, seed: SharedStretch): SeedAlignment {
  const { codes, offsets } = packed;
  const first = offsets[query];
  const length = offsets[query + 1] - first;
  const otherFirst = offsets[seed.row];
  const otherLength = offsets[seed.row + 1] - otherFirst;
  // The other row's letter that pairs with query letter q on the diagonal: q - shift, on its reverse complement if reversed.
  const shift = seed.reversed ? seed.diagonal - (otherLength - K) : seed.diagonal;
  const letter = (at: number) => {
    if (!seed.reversed) return codes[otherFirst + at];
    const code = codes[otherFirst + otherLength - 1 - at];
    return code === 4 ? 4 : 3 - code;
  };
  let score = new Int32Array(WIDTH + 2);
  let matches = new Int32Array(WIDTH + 2);
  let columns = new Int32Array(WIDTH + 2);
  let best = { score: 0, matches: 0, columns: 0 };
  for (let q = 0; q < length; q++) {
    const nextScore = new Int32Array(WIDTH + 2);
    const nextMatches = new Int32Array(WIDTH + 2);
    const nextColumns = new Int32Array(WIDTH + 2);
    const own = codes[first + q];
    for (let b = 1; b <= WIDTH; b++) {
      const at = q - shift + b - 1 - BAND;
      if (at < 0 || at >= otherLength) continue;
      const equal = own !== 4 && own === letter(at);
      // Diagonal keeps b; a gap in the other row comes from b + 1 of the row before, a gap in the query from b - 1 of this row.
      let top = score[b] + (equal ? 1 : -1);
      let fromMatches = matches[b] + (equal ? 1 : 0);
      let fromColumns = columns[b] + 1;
      if (score[b + 1] - 2 > top) {
        top = score[b + 1] - 2;
        fromMatches = matches[b + 1];
        fromColumns = columns[b + 1] + 1;
      }
      if (nextScore[b - 1] - 2 > top) {
        top = nextScore[b - 1] - 2;
        fromMatches = nextMatches[b - 1];
        fromColumns = nextColumns[b - 1] + 1;
      }
      if (top <= 0) continue;
      nextScore[b] = top;
      nextMatches[b] = fromMatches;
      nextColumns[b] = fromColumns;
      if (top > best.score) best = { score: top, matches: fromMatches, columns: fromColumns };
    }
    score = nextScore;
    matches = nextMatches;
    columns = nextColumns;
  }
  return { identity: best.columns === 0 ? 0 : best.matches / best.columns, columns: best.columns };
}
