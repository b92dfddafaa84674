/**
 * Both strands of DNA: the vector of a sequence is the mean of the vectors of the sequence and of
 * its reverse complement, under every pooling, so it does not depend on which strand is given
 * (Shrikumar et al. 2017, bioRxiv 103663, average predictions in the same way). N is its own
 * complement; lower case stays lower case. Takes twice the time.
 */

import { hashJson } from '../core/files.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Encoder } from '../models/model.ts';
import { reverseComplement } from '../sequences/alphabet.ts';
import { unusable } from '../sequences/sequence-error.ts';

/** Sequences held in memory at a time, and letters in them unless a single sequence has more. */
const SEQUENCES_PER_CALL = 8192;
const LETTERS_PER_CALL = 2 ** 25;

/**
 * The encoder over both strands. `embed` throws, with the number of the sequence, for letters
 * outside IUPAC, which have no complement.
 */
export function bothStrands(encoder: Encoder): Encoder {
  return {
    ...encoder,
    fingerprint: hashJson({ strands: 'reverse-complement average', of: encoder.fingerprint }),
    card: { ...encoder.card, strands: 'mean of the vectors of both strands' },
    async embed(sequences, representations, progress) {
      const { dimension } = encoder;
      const results = representations.map(() => new Float32Array(sequences.length * dimension));
      for (const [from, to] of calls(sequences)) {
        const forward = sequences.slice(from, to);
        const rows = [...forward, ...forward.map((sequence, i) => turned(sequence, from + i, sequences.length))];
        const report = (fraction: number, message: string) =>
          progress?.((from + fraction * (to - from)) / sequences.length, `${message}, both strands`);
        const matrices = await encoder.embed(rows, representations, report);
        for (const [r, { values }] of matrices.entries()) average(values, results[r], from * dimension);
      }
      return results.map((values): Matrix => ({ rows: sequences.length, columns: dimension, values }));
    },
    dispose: () => encoder.dispose(),
  };
}

/** Start and end of each group of sequences. */
function* calls(sequences: readonly string[]): Generator<readonly [from: number, to: number]> {
  let [from, letters] = [0, 0];
  for (const [i, { length }] of sequences.entries()) {
    if (i > from && (i - from === SEQUENCES_PER_CALL || letters + length > LETTERS_PER_CALL)) {
      yield [from, i];
      [from, letters] = [i, 0];
    }
    letters += length;
  }
  if (from < sequences.length) yield [from, sequences.length];
}

function turned(sequence: string, row: number, rows: number): string {
  try {
    return reverseComplement(sequence);
  } catch (error) {
    throw unusable(error, row, rows);
  }
}

/** strands [2, n] -> the mean over the first axis, into `target` at `offset`. */
function average(strands: ArrayLike<number>, target: Float32Array, offset: number): void {
  const n = strands.length / 2;
  for (let i = 0; i < n; i++) target[offset + i] = (strands[i] + strands[n + i]) / 2;
}
