/**
 * Nucleotide letters: the IUPAC code (Cornish-Bowden 1985, Nucleic Acids Res. 13:3021), the policy that brings a sequence
 * into the DNA or RNA alphabet, and the reverse complement. It never guesses: every letter it changes is counted,
 * every letter it may not change is an error.
 */

import type { AlphabetPolicy } from './labelled-sequence.ts';
import { SequenceError } from './sequence-error.ts';

/** Bases that each IUPAC letter stands for (U is read as T). */
export const IUPAC: Readonly<Record<string, string>> = {
  A: 'A',
  C: 'C',
  G: 'G',
  T: 'T',
  U: 'T',
  R: 'AG',
  Y: 'CT',
  S: 'CG',
  W: 'AT',
  K: 'GT',
  M: 'AC',
  B: 'CGT',
  D: 'AGT',
  H: 'ACT',
  V: 'ACG',
  N: 'ACGT',
};

/** Letter codes 0..255 -> 0 A, 1 C, 2 G, 3 T or U (either case), 4 anything else. */
export const BASE_CODES: Uint8Array = baseCodes();

/** Name of the count of lower-case letters among the changes of {@link applyAlphabet}. */
export const LOWER_CASE = 'lower case upper-cased';

/** What a letter is, by char code: the row of rules that {@link applyAlphabet} follows. */
const LETTER = {
  unknown: 0,
  base: 1,
  n: 2,
  thymine: 3,
  uracil: 4,
  ambiguous: 5,
  gap: 6,
  blank: 7,
  digit: 8,
  lineBreak: 9,
} as const;
const N_CODE = 78;
const UPPER_CLASSES = letterClasses();

/**
 * Brings `sequence` into the policy's alphabet, in upper case. Blanks are layout (GenBank's blocks of ten) and removed, as are
 * numbers between blanks (GenBank's positions); a number inside the letters is refused.
 * U and T become the alphabet's own letter. `changes` counts letters by what was done to them (kept ambiguity codes too);
 * it is empty when the sequence was plain A, C, G, T/U and N.
 * @param where named in errors: file and line, or a text such as "train.csv:17".
 * @throws SequenceError for a letter that the policy refuses, and when nothing is left.
 */
export function applyAlphabet(
  sequence: string,
  policy: AlphabetPolicy,
  where: string | { readonly file: string; readonly line: number },
): { sequence: string; changes: Record<string, number> } {
  const fault = (what: string) =>
    typeof where === 'string' ? new SequenceError(`${where}: ${what}`) : new SequenceError(what, where);
  if (sequence.length === 0) throw fault('the sequence is empty; remove the row or fill it in');
  const rna = policy.alphabet === 'rna';
  if ((rna ? /^[ACGUN]+$/ : /^[ACGTN]+$/).test(sequence)) return { sequence, changes: {} };

  const ambiguous = policy.ambiguous ?? 'keep';
  const gaps = policy.gaps ?? 'error';
  const changes: Record<string, number> = {};
  const count = (what: string) => {
    changes[what] = (changes[what] ?? 0) + 1;
  };
  const refuse = (index: number, what: string, remedy: string): never => {
    const letter = JSON.stringify(sequence[index]);
    throw fault(`letter ${letter} at position ${index + 1} is ${what}; ${remedy}`);
  };

  const letters = Buffer.allocUnsafe(sequence.length);
  let length = 0;
  for (let i = 0; i < sequence.length; i++) {
    let code = sequence.charCodeAt(i);
    if (code >= 97 && code <= 122 && UPPER_CLASSES[code - 32] !== LETTER.unknown) {
      if (policy.lowerCase === 'error') {
        refuse(i, 'lower case', 'upper-case the data or set the alphabet policy lowerCase: "upper"');
      }
      code -= 32;
      count(LOWER_CASE);
    }
    const letterClass = code < 256 ? UPPER_CLASSES[code] : LETTER.unknown;
    if (letterClass === LETTER.thymine && rna) {
      code = 85;
      count('T turned into U');
    } else if (letterClass === LETTER.uracil && !rna) {
      code = 84;
      count('U turned into T');
    } else if (letterClass === LETTER.ambiguous) {
      if (ambiguous === 'error') {
        refuse(i, 'an IUPAC ambiguity code', 'set the alphabet policy ambiguous: "keep" or "n"');
      }
      if (ambiguous === 'n') code = N_CODE;
      count(ambiguous === 'n' ? 'ambiguity codes turned into N' : 'ambiguity codes kept');
    } else if (letterClass === LETTER.blank) {
      count('blanks removed');
      continue;
    } else if (
      letterClass === LETTER.digit &&
      isBlankAt(sequence, i - 1) &&
      isBlankAt(sequence, numberEnd(sequence, i))
    ) {
      i = numberEnd(sequence, i) - 1;
      count('position numbers removed');
      continue;
    } else if (letterClass === LETTER.lineBreak) {
      refuse(i, 'a line break', 'write the sequence in one line');
    } else if (letterClass === LETTER.gap) {
      if (gaps === 'error') refuse(i, 'a gap', 'set the alphabet policy gaps: "remove" or "n" (--gaps remove)');
      count(gaps === 'remove' ? 'gaps removed' : 'gaps turned into N');
      if (gaps === 'remove') continue;
      code = N_CODE;
    } else if (letterClass === LETTER.unknown || letterClass === LETTER.digit) {
      if (policy.unknown !== 'n') {
        const name = rna ? 'RNA' : 'DNA';
        refuse(i, `no ${name} letter`, 'correct the data or set the alphabet policy unknown: "n" (--unknown n)');
      }
      code = N_CODE;
      count('unknown letters turned into N');
    }
    letters[length++] = code;
  }
  if (length === 0) throw fault('nothing is left of the sequence once gaps and blanks are removed');
  return { sequence: letters.toString('latin1', 0, length), changes };
}

/** Index of the first character after the digits at `from`. */
function numberEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && UPPER_CLASSES[text.charCodeAt(end)] === LETTER.digit) end++;
  return end;
}

/** Whether there is a blank at `index`, or an end of the text where the text has blanks. */
function isBlankAt(text: string, index: number): boolean {
  if (index < 0 || index >= text.length) return /[ \t]/.test(text);
  return UPPER_CLASSES[text.charCodeAt(index)] === LETTER.blank;
}

const DNA_COMPLEMENT = complementTable('T');
const RNA_COMPLEMENT = complementTable('U');

/**
 * The reverse complement, IUPAC codes included (R<->Y, K<->M, B<->V, D<->H; S, W, N and gaps are their own), case kept.
 * A sequence with U and no T is read as RNA (A -> U), any other as DNA (A -> T).
 * @throws SequenceError for a letter outside IUPAC.
 */
export function reverseComplement(sequence: string): string {
  const table = /[Uu]/.test(sequence) && !/[Tt]/.test(sequence) ? RNA_COMPLEMENT : DNA_COMPLEMENT;
  const n = sequence.length;
  const letters = Buffer.allocUnsafe(n);
  for (let i = 0; i < n; i++) {
    const code = sequence.charCodeAt(i);
    const complement = code < 256 ? table[code] : 0;
    if (complement === 0) {
      const letter = JSON.stringify(sequence[i]);
      throw new SequenceError(
        `letter ${letter} at position ${i + 1} has no complement; apply an alphabet policy first`,
      );
    }
    letters[n - 1 - i] = complement;
  }
  return letters.toString('latin1', 0, n);
}

function baseCodes(): Uint8Array {
  const codes = new Uint8Array(256).fill(4);
  for (const [index, letters] of ['Aa', 'Cc', 'Gg', 'TtUu'].entries()) {
    for (const letter of letters) codes[letter.charCodeAt(0)] = index;
  }
  return codes;
}

function letterClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  for (const letter of Object.keys(IUPAC)) classes[letter.charCodeAt(0)] = LETTER.ambiguous;
  for (const letter of 'ACG') classes[letter.charCodeAt(0)] = LETTER.base;
  for (const letter of '-.') classes[letter.charCodeAt(0)] = LETTER.gap;
  for (const letter of ' \t') classes[letter.charCodeAt(0)] = LETTER.blank;
  for (const letter of '0123456789') classes[letter.charCodeAt(0)] = LETTER.digit;
  for (const letter of '\r\n') classes[letter.charCodeAt(0)] = LETTER.lineBreak;
  classes[N_CODE] = LETTER.n;
  classes[84] = LETTER.thymine;
  classes[85] = LETTER.uracil;
  return classes;
}

function complementTable(thymine: 'T' | 'U'): Uint8Array {
  const pairs = [`A${thymine}`, 'CG', 'RY', 'KM', 'BV', 'DH', 'SS', 'WW', 'NN', '--', '..'];
  const table = new Uint8Array(256);
  const set = (from: string, to: string) => {
    table[from.charCodeAt(0)] = to.charCodeAt(0);
  };
  for (const [a, b] of pairs) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      set(from, to);
      set(from.toLowerCase(), to.toLowerCase());
    }
  }
  for (const letter of 'TU') {
    set(letter, 'A');
    set(letter.toLowerCase(), 'a');
  }
  return table;
}
