import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { shuffleDinucleotides, shuffleText } from '../../../src/diagnostics/corpus/shuffle.ts';

/** All pairs of neighbours, sorted. */
const pairs = (symbols: ArrayLike<number>) =>
  Float64Array.from(
    { length: Math.max(0, symbols.length - 1) },
    (_, i) => symbols[i] * 0x10000 + symbols[i + 1],
  ).sort();

/** All orders of a word's letters with the same first letter and the same pairs of neighbours. */
function arrangements(word: string): string[] {
  const wanted = pairs(Buffer.from(word)).join();
  let words = [word[0]];
  for (let i = 1; i < word.length; i++)
    words = words.flatMap((start) => [...new Set(word)].map((letter) => start + letter));
  return words.filter((other) => pairs(Buffer.from(other)).join() === wanted);
}

describe('a dinucleotide shuffle', () => {
  it.each([
    ['four letters', 4, 30_000],
    ['words of a vocabulary', 4096, 5_000],
    ['two letters', 2, 51],
  ])('keeps every pair count, and so the ends: %s', (_, alphabet, length) => {
    const random = createRandom(3);
    const symbols = Uint16Array.from({ length }, () => Math.floor(alphabet * random.next() * random.next()));
    const shuffled = shuffleDinucleotides(symbols, random);
    expect(pairs(shuffled)).toEqual(pairs(symbols));
    expect([shuffled[0], shuffled.at(-1)]).toEqual([symbols[0], symbols.at(-1)]);
    expect(shuffled).not.toEqual(symbols);
  });

  // Repeated edges, several loops, a tree that is not a star, a start that is not the end.
  it.each(['ACAGATCA', 'AACAGACG', 'ABCABDCBA'])('of %s gives each possible order equally often', (word) => {
    const possible = arrangements(word);
    const random = createRandom(7);
    const counts = new Map(possible.map((order) => [order, 0]));
    const draws = 500 * possible.length;
    for (let i = 0; i < draws; i++) {
      const drawn = shuffleText(word, random);
      counts.set(drawn, (counts.get(drawn) ?? Number.NaN) + 1);
    }
    expect(possible.length).toBeGreaterThan(3);
    expect(counts.size).toBe(possible.length);
    // Chi-square: mean f, variance 2 f for f degrees of freedom; six standard deviations above would be a broken draw.
    const freedom = possible.length - 1;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(chiSquare).toBeLessThan(freedom + 6 * Math.sqrt(2 * freedom));
  });

  it('leaves the original alone, follows from the seed, and keeps the array type', () => {
    const symbols = Int8Array.from({ length: 500 }, (_, i) => ((i * i) % 7) - 1);
    const before = symbols.slice();
    const shuffled = shuffleDinucleotides(symbols, createRandom(1));
    expect(symbols).toEqual(before);
    expect(shuffled).toBeInstanceOf(Int8Array);
    expect(shuffleDinucleotides(symbols, createRandom(1))).toEqual(shuffled);
    expect(shuffleDinucleotides(symbols, createRandom(2))).not.toEqual(shuffled);
  });

  it.each(['', 'A', 'AC', 'ACA', 'AAAAAA'])('of %j is itself', (word) => {
    expect(shuffleText(word, createRandom(1))).toBe(word);
  });
});
