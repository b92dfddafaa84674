/**
 * Sequences as rows of letter codes of one length (0 A, 1 C, 2 G, 3 T/U, 4 anything else and padding), left-aligned; the one-hot
 * encoding itself is made inside the graph. Sequences longer than the network's length lose letters at both ends, as many on either.
 */
import { encodeBases, reverseComplement } from '../../src/index.ts';

/** Code of letters that are no base, and of padding. */
const OTHER = 4;

export interface Letters {
  readonly rows: number;
  readonly length: number;
  /** `[rows, length]`. */
  readonly codes: Uint8Array;
  /** Letters of each row; padding lies behind them. */
  readonly lengths: Int32Array;
}

/** The longest of the sequences; 1 when all are empty. */
export function longest(sequences: readonly string[]): number {
  return sequences.reduce((length, sequence) => Math.max(length, sequence.length), 1);
}

function middle(sequence: string, length: number): string {
  if (sequence.length <= length) return sequence;
  const start = (sequence.length - length) >> 1;
  return sequence.slice(start, start + length);
}

export function encodeLetters(sequences: readonly string[], length: number): Letters {
  const fitting = sequences.map((sequence) => middle(sequence, length));
  const codes = encodeBases(fitting, length);
  return { rows: sequences.length, length, codes, lengths: Int32Array.from(fitting, (sequence) => sequence.length) };
}

export interface Placement {
  readonly reverse: boolean;
  /** Letters to the right (negative: to the left); what is pushed over an end is lost. */
  readonly shift: number;
}

/** Writes row `row`, reverse-complemented and shifted if asked, to `target` from `offset` on. */
export function copyRow(
  letters: Letters,
  row: number,
  { reverse, shift }: Placement,
  target: Uint8Array,
  offset: number,
): void {
  const { length, codes } = letters;
  const start = row * length;
  const n = letters.lengths[row];
  for (let i = 0; i < length; i++) {
    const from = i - shift;
    const inside = from >= 0 && from < n;
    const code = inside ? codes[start + (reverse ? n - 1 - from : from)] : OTHER;
    target[offset + i] = reverse && code !== OTHER ? 3 - code : code;
  }
}

/**
 * Each sequence or its reverse complement, whichever comes first in the alphabet: the same string for both strands. Averages over
 * strands start from it, so that both strands get the same number to the last bit, cut ends included.
 */
export function canonicalStrands(sequences: readonly string[]): string[] {
  return sequences.map((sequence) => {
    const reversed = reverseComplement(sequence);
    return [sequence, reversed].sort()[0];
  });
}
