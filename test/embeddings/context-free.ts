/** A model without context: each letter's vector is its own (A, C, G, T/U, anything else), so any reading of a sequence can be worked out by hand. */
import type { Encoder } from '../../src/models/model.ts';

const LETTERS = 'ACGT';

/** Mean, largest and first of the letters' one-hot vectors; [sequences, 5]. Reads at most `most` letters of at least `least`. */
export function contextFree({ most = 10, least = 1, limits = {} } = {}): Encoder & { readonly calls: string[][] } {
  const calls: string[][] = [];
  const pooledTokens = (sequence: string) => {
    if (sequence.length > most) throw new Error(`${sequence.length} letters; this model reads at most ${most}`);
    if (sequence.length < least) throw new Error(`${sequence.length} letters; this model reads at least ${least}`);
    return sequence.length;
  };
  return {
    calls,
    dimension: 5,
    layers: 0,
    fingerprint: 'context-free',
    card: {},
    limits: { nucleotidesPerToken: 1, maxNucleotides: most, ...limits },
    pooledTokens,
    async embed(sequences, representations, progress) {
      calls.push([...sequences]);
      progress?.(1, 'embedded');
      sequences.forEach(pooledTokens);
      return representations.map(({ pooling }) => ({
        rows: sequences.length,
        columns: 5,
        values: Float32Array.from(sequences.flatMap((sequence) => pooled(sequence, pooling))),
      }));
    },
    async dispose() {},
  };
}

/** What the model gives for a whole sequence, however long. */
export function pooled(sequence: string, pooling: string): number[] {
  const letters = [...sequence].map((letter) => LETTERS.indexOf(letter.toUpperCase().replace('U', 'T')) & 7);
  const counts = [0, 1, 2, 3, 7].map((code) => letters.filter((letter) => letter === code).length);
  if (pooling === 'max') return counts.map((count) => Math.min(1, count));
  if (pooling === 'first') return pooled(sequence[0], 'mean');
  return counts.map((count) => count / letters.length);
}
