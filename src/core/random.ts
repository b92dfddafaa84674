/**
 * Seeded random numbers, the same on every machine: xoshiro128** (Blackman & Vigna 2021, ACM Trans. Math. Softw. 47:36), its
 * 128-bit state the first 16 bytes of SHA-256 of the seed's text, so that seeds 1, 2, 3 give unrelated streams.
 * Not for cryptography.
 */
import { createHash } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Uniform whole number in 0..n-1, without modulo bias. */
  integer(n: number): number;
  /** Fisher-Yates, in place; returns the array. */
  shuffle<A extends unknown[] | Uint32Array>(array: A): A;
  /** Standard normal (Box-Muller). */
  normal(): number;
}

/** A stream of random numbers; the same seed gives the same stream. Seeds 1 and "1" are the same seed. */
export function createRandom(seed: number | string): Random {
  if (typeof seed === 'number' && !Number.isFinite(seed))
    throw new RangeError(`random seed ${seed}; give a finite number`);
  const digest = createHash('sha256').update(String(seed)).digest();
  const state = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset));
  let spare: number | undefined;

  const bits = xoshiro128(state);
  const next = () => ((bits() >>> 5) * 67108864 + (bits() >>> 6)) / 9007199254740992;
  const integer = (n: number) => {
    if (!Number.isSafeInteger(n) || n < 1)
      throw new RangeError(`random integer below ${n}; give a whole number above 0`);
    if (n > 4294967296) return Math.floor(next() * n);
    const limit = 4294967296 - (4294967296 % n);
    let draw = bits();
    while (draw >= limit) draw = bits();
    return draw % n;
  };
  return {
    next,
    integer,
    shuffle(array) {
      for (let i = array.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        const held = array[i];
        array[i] = array[j];
        array[j] = held;
      }
      return array;
    },
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      const angle = 2 * Math.PI * next();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** The xoshiro128** generator over `state` (four words, not all zero; changed in place): uniform 32-bit words. */
export function xoshiro128(state: Uint32Array): () => number {
  return () => {
    const product = Math.imul(state[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return result;
  };
}
