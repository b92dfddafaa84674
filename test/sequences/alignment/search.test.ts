import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { openAlignmentSearch } from '../../../src/sequences/alignment/search.ts';
import { reverseComplement } from '../../../src/sequences/alphabet.ts';

const random = createRandom('alignment search');
const draw = (n: number) => Array.from({ length: n }, () => 'ACGT'[random.integer(4)]).join('');
const changed = (sequence: string, rate: number) =>
  [...sequence].map((letter) => (random.next() < rate ? 'ACGT'[random.integer(4)] : letter)).join('');
/** Five families of eight relatives. */
const founders = Array.from({ length: 5 }, () => draw(200));
const library = founders.flatMap((founder) => Array.from({ length: 8 }, () => changed(founder, 0.1)));

describe('the alignment search', () => {
  it('finds the sequence itself, and a relative of what is not there', () => {
    const search = openAlignmentSearch(library, { candidates: 8 });
    library.forEach((sequence, row) => {
      expect(search.nearest(sequence)).toEqual({ row, score: sequence.length });
    });
    founders.forEach((founder, family) => {
      expect(Math.floor(search.nearest(changed(founder, 0.1).slice(30)).row / 8)).toBe(family);
    });
  });

  it('finds what the exhaustive search finds when the words lead to it', () => {
    const exhaustive = openAlignmentSearch(library, { candidates: Number.POSITIVE_INFINITY });
    const search = openAlignmentSearch(library, { candidates: 8, seed: '110101' });
    for (const founder of founders) expect(search.nearest(founder)).toEqual(exhaustive.nearest(founder));
  });

  it('gives the first of equally good sequences, and searches equal ones once', () => {
    const search = openAlignmentSearch(['TTTTTTTTTT', 'ACGATCAGGA', 'ACGATCAGGC', 'ACGATCAGGA'], { seed: '111' });
    expect(search.size).toBe(3);
    expect(search.nearest('ACGATCAGG')).toEqual({ row: 1, score: 9 });
    expect(search.nearest('')).toEqual({ row: 0, score: 0 });
    expect(search.nearest('NNNNNNNN')).toEqual({ row: 0, score: 0 });
  });

  it('looks at the other strand when asked to', () => {
    const turned = reverseComplement(library[9]);
    expect(openAlignmentSearch(library).nearest(turned).score).toBeLessThan(100);
    expect(openAlignmentSearch(library, { bothStrands: true }).nearest(turned)).toEqual({ row: 9, score: 200 });
  });

  it('refuses what it cannot search', () => {
    expect(() => openAlignmentSearch([])).toThrow('no sequences');
    expect(() => openAlignmentSearch(['A'], { candidates: 0 })).toThrow('candidates must be 1 or more, not 0');
    for (const seed of ['', '0110', '1021', '1'.repeat(13)])
      expect(() => openAlignmentSearch(['A'], { seed })).toThrow(
        `begin and end with 1, at most 12 ones, not '${seed}'`,
      );
  });
});
