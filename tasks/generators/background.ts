/**
 * Background DNA with the composition of human non-coding sequence, from an order-3 Markov chain of
 * 4 + 16 + 2 numbers:
 *   P(x | w1 w2 w3)  proportional to  f(x) rho(w3, x) r(w1, w2, w3, x)
 * f: base frequencies at 41% G+C (International Human Genome Sequencing Consortium, Nature 409:860,
 * 2001, rounded). rho: dinucleotide odds ratios of the human genome, strand-symmetrised (Burge,
 * Campbell and Karlin, PNAS 89:1358, 1992; Karlin and Mrazek, PNAS 94:10227, 1997; rounded): CpG is
 * depleted to about a quarter, TpA to seven tenths. r: 1.3 for a fourth A after AAA and a fourth T
 * after TTT, 1 otherwise: A- and T-runs are the only third-order effect in the model. Isochores,
 * repeats and CpG islands are not modelled: every sequence has the same expected composition.
 */
import { drawIndex, type Uniform } from './draws.ts';

export const BASES = 'ACGT';

/** A, C, G, T. */
export const BASE_FREQUENCIES: readonly number[] = [0.295, 0.205, 0.205, 0.295];

/** Row: previous base; column: next base; order A, C, G, T. */
export const DINUCLEOTIDE_ODDS: readonly (readonly number[])[] = [
  [1.12, 0.84, 1.17, 0.87],
  [1.21, 1.22, 0.24, 1.17],
  [1.02, 1.01, 1.22, 0.84],
  [0.73, 1.02, 1.21, 1.12],
];

const RUN_BOOST = 1.3;

/** Transition probabilities to A, C, G, T of each of the 64 contexts; a context's index is 16 w1 + 4 w2 + w3. */
export const TRANSITIONS: readonly (readonly number[])[] = Array.from({ length: 64 }, (_, context) => {
  const [w1, w2, w3] = [context >> 4, (context >> 2) & 3, context & 3];
  const isRun = w1 === w2 && w2 === w3 && (w3 === 0 || w3 === 3);
  const weights = BASE_FREQUENCIES.map((f, x) => f * DINUCLEOTIDE_ODDS[w3][x] * (isRun && x === w3 ? RUN_BOOST : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
});

const BURN_IN = 24;

/** `length` bases as indices 0..3 (A, C, G, T), drawn after a burn-in so that the start is stationary too. */
export function drawBackground(uniform: Uniform, length: number): Uint8Array {
  const bases = new Uint8Array(length);
  let context = drawIndex(uniform, BASE_FREQUENCIES) * 21;
  for (let i = -BURN_IN; i < length; i++) {
    const x = drawIndex(uniform, TRANSITIONS[context]);
    if (i >= 0) bases[i] = x;
    context = ((context << 2) | x) & 63;
  }
  return bases;
}

/** Probability of each base given the three before it; the first three take the base frequencies. */
export function backgroundProbabilities(bases: Uint8Array): Float64Array {
  const probabilities = new Float64Array(bases.length);
  for (let i = 0; i < bases.length; i++) {
    const context = i < 3 ? -1 : (bases[i - 3] << 4) | (bases[i - 2] << 2) | bases[i - 1];
    probabilities[i] = context < 0 ? BASE_FREQUENCIES[bases[i]] : TRANSITIONS[context][bases[i]];
  }
  return probabilities;
}

export function decodeBases(bases: Uint8Array): string {
  let text = '';
  for (const base of bases) text += BASES[base];
  return text;
}

/** Indices 0..3 of a sequence of A, C, G and T. */
export function encodeBases(sequence: string): Uint8Array {
  const bases = new Uint8Array(sequence.length);
  for (let i = 0; i < sequence.length; i++) {
    const index = BASES.indexOf(sequence[i]);
    if (index < 0)
      throw new Error(`letter "${sequence[i]}" at position ${i + 1}: generated DNA contains only A, C, G and T`);
    bases[i] = index;
  }
  return bases;
}

/** Reverse complement on indices: A-T and C-G are 0-3 and 1-2. */
export function reverseComplementBases(bases: Uint8Array): Uint8Array {
  const out = new Uint8Array(bases.length);
  for (let i = 0; i < bases.length; i++) out[bases.length - 1 - i] = 3 - bases[i];
  return out;
}
