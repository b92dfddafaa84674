/**
 * Score of the best overlap alignment of two sequences: +1 for a match, -1 for a mismatch, -2 for a gapped letter, gaps at either end of
 * either sequence free. Barcodes begin and end at different primers, and a short overlap cannot win by chance: every aligned letter
 * counts. The whole matrix is computed, with no band. Letters other than A, C, G, T/U match nothing, not even themselves.
 *
 * Bit-parallel as in Loving, Hernandez & Benson 2014 (Bioinformatics 30:3166): 32 rows of a column at a time, as differences between
 * neighbouring cells, which this scoring holds to -2..3. With a and b those differences plus 2 (down into a cell's column on its left
 * side, along its upper side), a cell is z = 5 where the letters match and max(a, b, 3) elsewhere; b becomes z - a, and a z - b.
 */
import { BASE_CODES } from '../alphabet.ts';

/** What an aligned pair of equal bases, of other letters, and a letter against a gap count. The recurrence below holds for these alone. */
export const ALIGNMENT_SCORES = { match: 1, mismatch: -1, gap: -2 } as const;

/** A sequence as letters to compare others with: one word of 32 rows per letter, and the last row's place. */
export interface AlignmentPattern {
  readonly length: number;
  /** `[words, 5]`: bit i of word w, base c is set where letter 32 w + i is base c; column 4 (no base) is empty. */
  readonly matches: Int32Array;
}

/** Base codes 0..3, 4 for every other letter: `[length]`. */
export function alignmentCodes(sequence: string): Uint8Array {
  return Uint8Array.from({ length: sequence.length }, (_, i) => {
    const code = sequence.charCodeAt(i);
    return code < 256 ? BASE_CODES[code] : 4;
  });
}

export function alignmentPattern(sequence: string): AlignmentPattern {
  const matches = new Int32Array(Math.ceil(sequence.length / 32) * 5);
  alignmentCodes(sequence).forEach((base, i) => {
    if (base < 4) matches[(i >> 5) * 5 + base] |= 1 << (i & 31);
  });
  return { length: sequence.length, matches };
}

/** Differences plus 2 along the upper side of the block in work, one bit per value 0..5; grows with the longest text. */
let border = new Uint8Array(1024);

/** The one difference -2..3 that a byte of the border stands for. */
const step = (differences: number) => 29 - Math.clz32(differences);

/** What `rows` more rows below the border could still come to: each row or column left adds one match at most. */
function reachable(rows: number, along: Uint8Array, columns: number): number {
  let most = Math.min(rows, columns);
  let score = 0;
  for (let j = 0; j < columns; j++) {
    score += step(along[j]);
    const left = columns - 1 - j;
    const bound = score + Math.min(left, rows);
    if (bound > most) most = bound;
  }
  return most;
}

/**
 * Score of the best overlap of a pattern and a text (see {@link alignmentCodes}); at least 0, that of no overlap. Where the score turns out to
 * be below `wanted`, the work stops early, and what is returned is only known to be below `wanted`.
 */
export function overlapScore({ length: rows, matches }: AlignmentPattern, text: Uint8Array, wanted = 0): number {
  const columns = text.length;
  if (border.length < columns) border = new Uint8Array(2 * columns);
  const along = border;
  along.fill(1 << 2, 0, columns); // the first row costs nothing: differences of 0
  let best = 0;
  let rightmost = 0; // score in the last column, walked down
  for (let first = 0; first < rows; first += 32) {
    const word = (first >> 5) * 5;
    const height = Math.min(32, rows - first);
    const last = height - 1;
    // One bit vector per value of a; the first column costs nothing.
    let [a0, a1, a2, a3, a4, a5] = [0, 0, -1, 0, 0, 0];
    for (let j = 0; j < columns; j++) {
      const top = along[j];
      const match = matches[word + text[j]];
      // b = 5 and 4 run on where a = 0 and letters differ: a carry that an addition resolves. Smaller b are lost in the maximum.
      const open = a0 & ~match;
      const from5 = ((a0 & match) << 1) | (top >> 5);
      const in5 = (((from5 & open) + open) ^ open) | from5;
      const e5 = match | in5; // cells with z = 5 unless a is larger
      const from4 = (((a1 & e5) << 1) | ((top >> 4) & 1)) & ~in5;
      const e4 = ((((from4 & open) + open) ^ open) | from4) & ~e5;
      const e3 = ~(e5 | e4);
      // Differences along the lower side of each cell: z - a.
      const o5 = a0 & e5;
      const o4 = (a1 & e5) | (a0 & e4);
      const o3 = (a2 & e5) | (a1 & e4) | (a0 & e3);
      const o2 = (a3 & e5) | (a2 & e4) | (a1 & e3);
      const o1 = (a4 & e5) | (a3 & e4) | (a2 & e3);
      const o0 = ~(o5 | o4 | o3 | o2 | o1);
      const lowest = (((o4 | o5) >>> last) & 1) * 4 + (((o2 | o3) >>> last) & 1) * 2 + (((o1 | o3 | o5) >>> last) & 1);
      along[j] = 1 << lowest;
      // b of each cell is that of the cell above.
      const b0 = (o0 << 1) | (top & 1);
      const b1 = (o1 << 1) | ((top >> 1) & 1);
      const b2 = (o2 << 1) | ((top >> 2) & 1);
      const b3 = (o3 << 1) | ((top >> 3) & 1);
      const b4 = (o4 << 1) | ((top >> 4) & 1);
      const f5 = match | a5;
      const f4 = a4 & ~f5;
      const f3 = ~(f5 | f4);
      // Differences down the right side: z - b.
      a5 = b0 & f5;
      a4 = (b1 & f5) | (b0 & f4);
      a3 = (b2 & f5) | (b1 & f4) | (b0 & f3);
      a2 = (b3 & f5) | (b2 & f4) | (b1 & f3);
      a1 = (b4 & f5) | (b3 & f4) | (b2 & f3);
      a0 = ~(a5 | a4 | a3 | a2 | a1);
    }
    for (let i = 0; i < height; i++) {
      const a =
        ((a1 >>> i) & 1) + 2 * ((a2 >>> i) & 1) + 3 * ((a3 >>> i) & 1) + 4 * ((a4 >>> i) & 1) + 5 * ((a5 >>> i) & 1);
      rightmost += a - 2;
      if (rightmost > best) best = rightmost;
    }
    if (best < wanted && reachable(rows - first - height, along, columns) < wanted) return best;
  }
  let lowest = 0; // score in the last row, walked along
  for (let j = 0; j < columns; j++) {
    lowest += step(along[j]);
    if (lowest > best) best = lowest;
  }
  return best;
}
