/** English in four letters: balanced, and as hard to predict as asked for. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { fourLetterCode, inFourLetters } from '../../src/ensembles/four-letters.ts';

const random = createRandom('words');
const WORDS = ['the', 'whale', 'of', 'and', 'a', 'sea', 'Ahab', 'white', 'upon', 'ship'];
const TEXTS = Array.from({ length: 40 }, () =>
  Array.from({ length: 500 }, () => WORDS[random.integer(WORDS.length)]).join(' '),
);

/** Bits of a letter after the five before it, by counts: an independent count, over strings. */
function conditionalBits(texts: readonly string[]): number {
  const words = new Map<string, number>();
  const contexts = new Map<string, number>();
  const count = (of: Map<string, number>, key: string) => of.set(key, (of.get(key) ?? 0) + 1);
  for (const text of texts)
    for (let i = 0; i + 6 <= text.length; i++) {
      count(words, text.slice(i, i + 6));
      count(contexts, text.slice(i, i + 5));
    }
  const total = [...words.values()].reduce((a, b) => a + b, 0);
  return [...words].reduce(
    (sum, [word, n]) => sum - (n / total) * Math.log2(n / (contexts.get(word.slice(0, 5)) ?? 0)),
    0,
  );
}

describe('four letters', () => {
  it('are about equally frequent, and case is not told apart', () => {
    const code = fourLetterCode(TEXTS, undefined, 1);
    const letters = inFourLetters(code, TEXTS.join(' '), 0, 1);
    for (const base of 'ACGT') expect(letters.split(base).length / letters.length).toBeCloseTo(0.25, 1);
    expect(inFourLetters(code, 'AHAB', 0, 1)).toBe(inFourLetters(code, 'ahab', 0, 1));
    expect(code.noise).toBe(0);
    expect(code.bits).toBeCloseTo(conditionalBits(TEXTS.map((text, i) => inFourLetters(code, text, i, 1))), 10);
  });

  it('are made as hard to predict as asked for', () => {
    const code = fourLetterCode(TEXTS, 1.9, 1);
    expect(code.bitsOfCode).toBeLessThan(1.5);
    expect(code.bits).toBeCloseTo(1.9, 3);
    expect(conditionalBits(TEXTS.map((text, i) => inFourLetters(code, text, i, 1)))).toBeCloseTo(code.bits, 10);
    const changed = TEXTS.map((text, i) => {
      const [plain, noisy] = [{ ...code, noise: 0 }, code].map((which) => inFourLetters(which, text, i, 1));
      return [...plain].filter((letter, at) => letter !== noisy[at]).length / plain.length;
    });
    // A letter drawn anew is the same one in four.
    expect(changed.reduce((a, b) => a + b) / changed.length).toBeCloseTo(0.75 * code.noise, 2);
  });

  it('refuse what noise cannot reach', () => {
    expect(() => fourLetterCode(TEXTS, 0.5, 1)).toThrow(/already has \d\.\d+ bits per letter; give more than that/);
    expect(() => fourLetterCode(TEXTS, 2, 1)).toThrow(/less than 2/);
  });
});
