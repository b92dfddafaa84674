import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { BASE_CODES, reverseComplement } from '../../src/sequences/alphabet.ts';
import { encodeBases, kmerCounts, kmerNames, oneHot } from '../../src/sequences/encoding.ts';
import golden from './goldens/encodings.json' with { type: 'json' };

const { sequences } = golden;

describe('oneHot', () => {
  it('equals the definition in Python: channels A C G T, padding right, ambiguity codes zero', () => {
    expect(Array.from(oneHot(sequences, 18))).toEqual(golden.oneHot.left4.flat(2));
  });

  it('has an N channel and centres on request', () => {
    expect(Array.from(oneHot(sequences, 18, { channels: 5, align: 'center' }))).toEqual(golden.oneHot.center5.flat(2));
  });

  it('reads U as T', () => {
    expect(oneHot(['ACGU'], 4, { alphabet: 'rna' })).toEqual(oneHot(['ACGT'], 4));
  });

  it('refuses a sequence longer than the length, naming both', () => {
    expect(() => oneHot(['ACG', 'ACGTA'], 4)).toThrow(/sequence 1 .* 5 letters, more than the 4/);
  });

  it('agrees with encodeBases, which gives the sequence back (round trip)', () => {
    const random = createRandom('round trip');
    for (let trial = 0; trial < 50; trial++) {
      const sequence = Array.from({ length: 1 + random.integer(40) }, () => 'ACGTN'[random.integer(5)]).join('');
      const length = sequence.length + random.integer(5);
      const codes = encodeBases([sequence], length);
      expect(Array.from(codes, (code) => 'ACGTN'[code]).join('')).toBe(sequence.padEnd(length, 'N'));
      const channels = oneHot([sequence], length);
      for (let i = 0; i < length; i++) {
        const column = [0, 1, 2, 3].map((c) => channels[c * length + i]);
        expect(column).toEqual([0, 1, 2, 3].map((c) => Number(codes[i] === c)));
      }
    }
  });
});

describe('kmerCounts', () => {
  it('equals the definition in Python', () => {
    const { rows, columns, values } = kmerCounts(sequences, [1, 3]);
    expect([rows, columns]).toEqual([sequences.length, 68]);
    expect(Array.from(values)).toEqual(golden.kmers.plain.flat());
  });

  it('joins strands and normalises per k', () => {
    const { columns, values } = kmerCounts(sequences, [2, 3], { canonical: true, normalise: true });
    expect(columns).toBe(10 + 32);
    expect(Array.from(values)).toEqual(golden.kmers.canonicalNormalised.flat().map(Math.fround));
  });

  it('names its columns', () => {
    expect(kmerNames([1, 2]).slice(0, 6)).toEqual(['A', 'C', 'G', 'T', 'AA', 'AC']);
    expect(kmerNames([2], { canonical: true })).toEqual(['AA', 'AC', 'AG', 'AT', 'CA', 'CC', 'CG', 'GA', 'GC', 'TA']);
  });

  it('canonical counts do not change with the strand', () => {
    const random = createRandom(3);
    const sequence = Array.from({ length: 200 }, () => 'ACGTN'[random.integer(5)]).join('');
    const options = { canonical: true };
    expect(kmerCounts([reverseComplement(sequence)], [1, 4, 6], options)).toEqual(
      kmerCounts([sequence], [1, 4, 6], options),
    );
  });

  it('refuses a k it cannot count densely', () => {
    expect(() => kmerCounts(['ACGT'], [11])).toThrow(/k = 11 .* from 1 to 10/);
    expect(() => kmerCounts(['ACGT'], [2.5])).toThrow(/k = 2.5/);
  });
});

it('BASE_CODES knows both cases and U', () => {
  expect(Array.from('ACGTUacgtuN-', (letter) => BASE_CODES[letter.charCodeAt(0)]).join('')).toBe('012330123344');
});
