/**
 * The random numbers of resampling: sfc32 (Doty-Humphrey's small fast counter generator, 128 bits of state), seeded through
 * splitmix32. Equal seeds give equal numbers on every machine. Not for cryptography.
 */

export interface Random {
  /** The next 32 bits, as an integer in [0, 2^32). */
  uint32(): number;
  /** An integer in [0, bound). Bias is at most bound / 2^32: 1e-5 of a draw at 40,000 rows. */
  below(bound: number): number;
  /** A number in [0, 1) with 32 random bits. */
  uniform(): number;
}

/** A generator whose whole sequence follows from `seed`, a non-negative integer below 2^53. */
export function random(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`Seed must be a non-negative integer, not ${seed}`);
  let mix = ((seed % 2 ** 32) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b)) | 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [splitmix(), splitmix(), splitmix(), 1];
  const uint32 = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) uint32();
  return {
    uint32,
    below: (bound) => Math.floor(uint32() * (bound / 2 ** 32)),
    uniform: () => uint32() / 2 ** 32,
  };
}
