/**
 * Letters as whole numbers, for counting and shuffling: the four nucleotides, or the characters of
 * a text.
 */
import { BASE_CODES } from '../../sequences/alphabet.ts';

export const NUCLEOTIDES = 4;

/** A, C, G, T (U) of either case as 0..3; every other letter -1, a gap. */
export function nucleotideSymbols(sequence: string): Int8Array {
  const symbols = new Int8Array(sequence.length);
  for (let i = 0; i < sequence.length; i++) {
    const letter = sequence.charCodeAt(i);
    const code = letter < BASE_CODES.length ? BASE_CODES[letter] : NUCLEOTIDES;
    symbols[i] = code < NUCLEOTIDES ? code : -1;
  }
  return symbols;
}

export interface CharacterAlphabet {
  /** UTF-16 code units in order of their code. */
  readonly characters: readonly string[];
  readonly size: number;
  /** Index of a character in `characters`, or -1 when it is not there. */
  symbols(text: string): Int32Array;
}

/**
 * The characters that occur in any of the texts. Pass the whole corpus, held-out parts too: the
 * alphabet is known beforehand.
 */
export function characterAlphabet(texts: Iterable<string>): CharacterAlphabet {
  const present = new Uint8Array(0x10000);
  for (const text of texts) for (let i = 0; i < text.length; i++) present[text.charCodeAt(i)] = 1;
  const places = new Int32Array(present.length).fill(-1);
  const characters: string[] = [];
  present.forEach((occurs, code) => {
    if (occurs === 0) return;
    places[code] = characters.length;
    characters.push(String.fromCharCode(code));
  });
  return {
    characters,
    size: characters.length,
    symbols(text) {
      const symbols = new Int32Array(text.length);
      for (let i = 0; i < text.length; i++) symbols[i] = places[text.charCodeAt(i)];
      return symbols;
    },
  };
}
