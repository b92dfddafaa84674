/**
 * Sequences as one array of base codes, and what every rule needs of them: composition, 4-mers, dinucleotide counts. Nothing here makes
 * a string per k-mer; 290,000 sequences of 200 nt are 58 MB of codes.
 */
import { BASE_CODES } from '../sequences/alphabet.ts';

export interface PackedSequences {
  readonly count: number;
  /** Base codes of all sequences, one after the other: 0 A, 1 C, 2 G, 3 T or U, 4 other. */
  readonly codes: Uint8Array;
  /** `[count + 1]` sequence i is `codes[offsets[i] .. offsets[i + 1]]`. */
  readonly offsets: Float64Array;
  readonly shortest: number;
  readonly longest: number;
}

export function packSequences(sequences: readonly string[]): PackedSequences {
  const offsets = new Float64Array(sequences.length + 1);
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  for (let i = 0; i < sequences.length; i++) {
    const { length } = sequences[i];
    offsets[i + 1] = offsets[i] + length;
    shortest = Math.min(shortest, length);
    longest = Math.max(longest, length);
  }
  const codes = new Uint8Array(offsets[sequences.length]);
  for (let i = 0, at = 0; i < sequences.length; i++) {
    const sequence = sequences[i];
    for (let p = 0; p < sequence.length; p++) {
      const letter = sequence.charCodeAt(p);
      codes[at++] = letter < 256 ? BASE_CODES[letter] : 4;
    }
  }
  return { count: sequences.length, codes, offsets, shortest: sequences.length === 0 ? 0 : shortest, longest };
}

/** `[count]` columns of one number per sequence. */
export interface Composition {
  readonly length: Float64Array;
  /** Share of letters other than A, C, G, T. */
  readonly unknown: Float64Array;
  /** (G + C) / (A + C + G + T); 0.5 without a base. */
  readonly gc: Float64Array;
  /** Observed over expected CpG: n(CG) n / (n(C) n(G)) (Gardiner-Garden & Frommer 1987). */
  readonly cpg: Float64Array;
}

export function composition({ count, codes, offsets }: PackedSequences): Composition {
  const columns = () => new Float64Array(count);
  const result = { length: columns(), unknown: columns(), gc: columns(), cpg: columns() };
  const bases = new Float64Array(5);
  for (let i = 0; i < count; i++) {
    bases.fill(0);
    let pairs = 0;
    for (let at = offsets[i], previous = 4; at < offsets[i + 1]; at++) {
      const code = codes[at];
      bases[code]++;
      if (previous === 1 && code === 2) pairs++;
      previous = code;
    }
    const length = offsets[i + 1] - offsets[i];
    const known = length - bases[4];
    result.length[i] = length;
    result.unknown[i] = length === 0 ? 1 : bases[4] / length;
    result.gc[i] = known === 0 ? 0.5 : (bases[1] + bases[2]) / known;
    result.cpg[i] = bases[1] * bases[2] === 0 ? 0 : (pairs * known) / (bases[1] * bases[2]);
  }
  return result;
}

/**
 * `[count]` a 53-bit hash of the dinucleotide counts of each sequence: equal for a sequence and its shuffles that preserve
 * dinucleotides (Altschul & Erickson 1985). NaN where the sequence has no dinucleotide of known bases.
 */
export function dinucleotideKeys({ count, codes, offsets }: PackedSequences): Float64Array {
  const keys = new Float64Array(count);
  const counts = new Int32Array(16);
  for (let i = 0; i < count; i++) {
    counts.fill(0);
    let total = 0;
    for (let at = offsets[i] + 1; at < offsets[i + 1]; at++) {
      if (codes[at] === 4 || codes[at - 1] === 4) continue;
      counts[codes[at - 1] * 4 + codes[at]]++;
      total++;
    }
    keys[i] = total === 0 ? Number.NaN : hashWords(counts);
  }
  return keys;
}

/** FNV-1a-like mixing of words into 53 bits, by two 32-bit states. */
export function hashWords(words: Int32Array | Uint8Array, from = 0, to = words.length): number {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (let w = from; w < to; w++) {
    high = Math.imul(high ^ words[w], 0x01000193);
    high ^= high >>> 15;
    low = Math.imul(low ^ words[w], 0x85ebca6b);
    low ^= low >>> 13;
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** Share of equal letters at equal positions over the longer of two sequences: 0 for sequences of unequal length. */
export function positionIdentity({ codes, offsets }: PackedSequences, i: number, j: number): number {
  const length = offsets[i + 1] - offsets[i];
  if (length !== offsets[j + 1] - offsets[j] || length === 0) return 0;
  let equal = 0;
  for (let p = 0; p < length; p++) if (codes[offsets[i] + p] === codes[offsets[j] + p]) equal++;
  return equal / length;
}
