import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { alignmentCodes, alignmentPattern, overlapScore } from '../../../src/sequences/alignment/overlap-alignment.ts';
import golden from '../goldens/alignment.json' with { type: 'json' };

const score = (a: string, b: string) => overlapScore(alignmentPattern(a), alignmentCodes(b));

describe('the score of the best overlap', () => {
  it.each(golden.map(({ a, b, score }, i) => ({ i, a, b, score, lengths: `${a.length} against ${b.length}` })))(
    'is that of the recurrence and of parasail, pair $i: $lengths letters',
    ({ a, b, score: expected }) => {
      expect(score(a, b)).toBe(expected);
      expect(score(b, a)).toBe(expected);
    },
  );

  it('counts matches, and takes one for a mismatch and two for a gapped letter', () => {
    expect(score('ACGTACGTAC', 'ACGTACGTAC')).toBe(10);
    expect(score('ACGTACGTAC', 'ACGTCCGTAC')).toBe(8);
    expect(score('ACGTACGGTTCA', 'ACGTACGTTCA')).toBe(9);
  });

  it('costs nothing for what one sequence has beyond the end of the other', () => {
    expect(score('GGGGGGACGATCTTAA', 'ACGATCTTAACCCCC')).toBe(10);
    expect(score('ACGATCTTAA', 'GGACGATCTTAAGG')).toBe(10);
  });

  it('lets letters that are no base match nothing, and reads lower case and U', () => {
    expect(score('NNNN', 'NNNN')).toBe(0);
    expect(score('ACNTA', 'ACNTA')).toBe(3);
    expect(score('acgu', 'ACGT')).toBe(4);
  });

  it('is no worse for a longer overlap: a short perfect one does not beat a long good one', () => {
    const random = createRandom('overlap');
    const draw = (n: number) => Array.from({ length: n }, () => 'ACGT'[random.integer(4)]).join('');
    const query = draw(600);
    const long = [...query].map((letter, i) => (i % 10 === 0 ? 'ACGT'[random.integer(4)] : letter)).join('');
    expect(score(query, long)).toBeGreaterThan(score(query, query.slice(500)));
  });

  it('may stop early below what is wanted, and is exact from there on', () => {
    for (const { a, b, score: expected } of golden) {
      const [pattern, text] = [alignmentPattern(a), alignmentCodes(b)];
      for (const wanted of [1, expected - 5, expected]) expect(overlapScore(pattern, text, wanted)).toBe(expected);
      for (const wanted of [expected + 1, expected + 50])
        expect(overlapScore(pattern, text, wanted)).toBeLessThan(wanted);
    }
  });
});
