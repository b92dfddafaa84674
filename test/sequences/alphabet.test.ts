import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { applyAlphabet, IUPAC, reverseComplement } from '../../src/sequences/alphabet.ts';
import golden from './goldens/encodings.json' with { type: 'json' };

const dna = { alphabet: 'dna' } as const;
const apply = (sequence: string, policy: object = {}) => applyAlphabet(sequence, { ...dna, ...policy }, 'x.fa:3');

describe('applyAlphabet', () => {
  it('leaves plain sequences alone and reports nothing', () => {
    expect(apply('ACGTN')).toEqual({ sequence: 'ACGTN', changes: {} });
  });

  it('upper-cases soft-masked letters and counts them, or refuses', () => {
    expect(apply('acGT')).toEqual({ sequence: 'ACGT', changes: { 'lower case upper-cased': 2 } });
    expect(() => apply('ACgT', { lowerCase: 'error' })).toThrow(/x\.fa:3: letter "g" at position 3 is lower case/);
  });

  it('turns U into T for DNA and T into U for RNA', () => {
    expect(apply('ACGU')).toEqual({ sequence: 'ACGT', changes: { 'U turned into T': 1 } });
    expect(apply('ACGT', { alphabet: 'rna' })).toEqual({ sequence: 'ACGU', changes: { 'T turned into U': 1 } });
    expect(apply('ACGU', { alphabet: 'rna' }).changes).toEqual({});
  });

  it('keeps ambiguity codes, turns them into N, or refuses', () => {
    expect(apply('ARY')).toEqual({ sequence: 'ARY', changes: { 'ambiguity codes kept': 2 } });
    expect(apply('ARY', { ambiguous: 'n' })).toEqual({
      sequence: 'ANN',
      changes: { 'ambiguity codes turned into N': 2 },
    });
    expect(() => apply('ARY', { ambiguous: 'error' })).toThrow(/"R" at position 2 is an IUPAC ambiguity code/);
  });

  it('refuses gaps, removes them, or turns them into N', () => {
    expect(() => apply('A-C')).toThrow(/x\.fa:3: letter "-" at position 2 is a gap; set the alphabet policy gaps/);
    expect(apply('A-.C', { gaps: 'remove' })).toEqual({ sequence: 'AC', changes: { 'gaps removed': 2 } });
    expect(apply('A-.C', { gaps: 'n' }).sequence).toBe('ANNC');
  });

  it('refuses letters of no alphabet, or turns them into N', () => {
    expect(() => apply('ACEG')).toThrow(/"E" at position 3 is no DNA letter/);
    expect(() => apply('AC\u00e9\u4e2d')).toThrow(/no DNA letter/);
    expect(apply('AzX*', { unknown: 'n' })).toEqual({
      sequence: 'ANNN',
      changes: { 'unknown letters turned into N': 3 },
    });
  });

  it('removes blanks and the numbers between them (GenBank), and refuses numbers inside letters', () => {
    expect(apply('AAAGCGGCAC TTGTGAAGTG\tTT')).toEqual({
      sequence: 'AAAGCGGCACTTGTGAAGTGTT',
      changes: { 'blanks removed': 2 },
    });
    expect(apply('1 acgt acgt 11 ac', { gaps: 'error' })).toEqual({
      sequence: 'ACGTACGTAC',
      changes: { 'lower case upper-cased': 10, 'blanks removed': 4, 'position numbers removed': 2 },
    });
    for (const numbers of ['AC5GT', 'AC 5GT', '12', '5ACGT'])
      expect(() => apply(numbers)).toThrow(/letter "\d+" at position \d is no DNA letter/);
    expect(() => apply('AC\nGT', { unknown: 'n' })).toThrow(
      /position 3 is a line break; write the sequence in one line/,
    );
  });

  it('refuses empty sequences, also those of gaps only', () => {
    expect(() => apply('')).toThrow(/x\.fa:3: the sequence is empty/);
    expect(() => apply('--', { gaps: 'remove' })).toThrow(/nothing is left/);
  });
});

describe('reverseComplement', () => {
  it('equals the table in Python, IUPAC codes included', () => {
    expect(golden.sequences.map(reverseComplement)).toEqual(golden.reverseComplements);
  });

  it('is its own inverse and complements the bases each letter stands for', () => {
    const letters = Object.keys(IUPAC).filter((letter) => letter !== 'U');
    const random = createRandom('reverse');
    for (let trial = 0; trial < 50; trial++) {
      const sequence = Array.from({ length: random.integer(30) }, () => letters[random.integer(letters.length)]).join(
        '',
      );
      expect(reverseComplement(reverseComplement(sequence))).toBe(sequence);
    }
    for (const letter of letters) {
      const bases = Array.from(IUPAC[letter], (base) => reverseComplement(base));
      expect(Array.from(IUPAC[reverseComplement(letter)]).sort()).toEqual(bases.sort());
    }
  });

  it('keeps RNA as RNA, case and gaps as they are, and refuses other letters', () => {
    expect(reverseComplement('AACGU')).toBe('ACGUU');
    expect(reverseComplement('aC-g')).toBe('c-Gt');
    expect(() => reverseComplement('ACE')).toThrow(/"E" at position 3 has no complement/);
  });
});
