/**
 * English in four letters with the entropy of DNA: the control that shows whether the entropy of
 * DNA explains a difference. It is not part of the study. Characters, in lower case, are assigned
 * to A, C, G, T so that the four are about equally frequent (the most frequent first, each to the
 * least frequent letter so far); the remaining structure is that of the text. Then a share of the
 * letters is replaced at random, so that the entropy of a letter given the five before it, counted
 * in the corpus, has the requested value: that of a genome, near 1.95 bits.
 */
import { createRandom } from '../core/random.ts';

export interface FourLetterCode {
  /** Letter by character; other characters are A. */
  readonly letters: Readonly<Record<string, string>>;
  /** Share of letters that are replaced, uniformly. */
  readonly noise: number;
  /** Entropy of a letter given the five before it, bits, without noise and with noise. */
  readonly bitsOfCode: number;
  readonly bits: number;
}

const BASES = 'ACGT';
const ORDER = 5;
const CONTEXTS = 4 ** ORDER;
/** Maximum number of letters that the noise is fitted on. */
const FITTED_LETTERS = 4_000_000;
const HALVINGS = 20;

/**
 * Makes the code from texts; `bits` undefined: no noise.
 * @throws when the code alone has more bits than requested, or for 2 bits or more.
 */
export function fourLetterCode(texts: Iterable<string>, bits: number | undefined, seed: number): FourLetterCode {
  const counts = new Map<string, number>();
  const sample: string[] = [];
  let size = 0;
  for (const text of texts) {
    const lower = text.toLowerCase();
    for (const character of lower) counts.set(character, (counts.get(character) ?? 0) + 1);
    if (size < FITTED_LETTERS) sample.push(lower);
    size += lower.length;
  }
  const letters = balanced(counts);
  const coded = sample.map((text) => codesOf(text, letters));
  const bitsWith = (noise: number) => entropy(coded.map((codes, i) => withNoise(codes, noise, `${seed}:${i}`)));
  const bitsOfCode = bitsWith(0);
  if (bits === undefined) return { letters, noise: 0, bitsOfCode, bits: bitsOfCode };
  if (!(bits >= bitsOfCode && bits < 2))
    throw new Error(
      `four letters at ${bits} bits: the text in four letters already has ${bitsOfCode.toFixed(4)} bits per letter; give more than that, and less than 2`,
    );
  let [low, high] = [0, 1];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (bitsWith(middle) < bits) low = middle;
    else high = middle;
  }
  return { letters, noise: high, bitsOfCode, bits: bitsWith(high) };
}

/** Text number `i` of a corpus, in four letters. */
export function inFourLetters({ letters, noise }: FourLetterCode, text: string, i: number, seed: number): string {
  const codes = withNoise(codesOf(text.toLowerCase(), letters), noise, `${seed}:${i}`);
  return Array.from(codes, (code) => BASES[code]).join('');
}

/**
 * The most frequent character first, each to the least frequent letter so far; among equals the
 * first.
 */
function balanced(counts: ReadonlyMap<string, number>): Record<string, string> {
  const sums = [0, 0, 0, 0];
  const order = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return Object.fromEntries(
    order.map(([character, count]) => {
      const least = sums.indexOf(Math.min(...sums));
      sums[least] += count;
      return [character, BASES[least]];
    }),
  );
}

const codesOf = (text: string, letters: Readonly<Record<string, string>>): Uint8Array =>
  Uint8Array.from(text, (character) => Math.max(0, BASES.indexOf(letters[character] ?? 'A')));

/**
 * The same letters are replaced by the same others at every noise level, so that more noise only
 * adds replacements.
 */
function withNoise(codes: Uint8Array, noise: number, seed: string): Uint8Array {
  if (noise === 0) return codes;
  const random = createRandom(`four-letters:${seed}`);
  return codes.map((code) => {
    const [chance, other] = [random.next(), random.integer(4)];
    return chance < noise ? other : code;
  });
}

/** Entropy of a letter given the five before it, bits, from counts. */
function entropy(texts: readonly Uint8Array[]): number {
  const counts = new Float64Array(CONTEXTS * 4); // [context, letter]
  for (const codes of texts) {
    let context = 0;
    codes.forEach((code, i) => {
      const word = context * 4 + code;
      if (i >= ORDER) counts[word]++;
      context = word % CONTEXTS;
    });
  }
  let [bits, total] = [0, 0];
  for (let context = 0; context < CONTEXTS; context++) {
    const of = counts.subarray(context * 4, context * 4 + 4);
    const sum = of.reduce((a, b) => a + b, 0);
    total += sum;
    for (const count of of) if (count > 0) bits -= count * Math.log2(count / sum);
  }
  return total === 0 ? 0 : bits / total;
}
