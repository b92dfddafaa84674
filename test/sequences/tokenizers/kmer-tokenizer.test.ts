import { describe, expect, it } from 'vitest';
import { createKmerTokenizer } from '../../../src/sequences/tokenizers/kmer-tokenizer.ts';
import barcodes from '../../models/goldens/barcode/tokenizer.json' with { type: 'json' };
import golden from '../goldens/encodings.json' with { type: 'json' };

const { sequences } = golden;

/** [value, count, value, count, ...] */
const spread = (runs: readonly number[]) =>
  runs.flatMap((value, i) => (i % 2 === 0 ? new Array<number>(runs[i + 1]).fill(value) : []));

describe('createKmerTokenizer', () => {
  it.each(barcodes.cases.map((one) => ({ ...one, title: `${one.name}, k ${one.k}, offset ${one.offset}` })))(
    "gives BarcodeMAE's ids and attention mask of 660 letters: $title",
    ({ sequence, k, stripTrailingN, offset, ids, attentionMask }) => {
      const tokenizer = createKmerTokenizer({ k, length: barcodes.maxLength, stripTrailingN });
      const found = tokenizer.encode([sequence], { offset: () => offset });
      expect(Array.from(found.mask)).toEqual(spread(attentionMask));
      // The authors' words are upper case alone; here lower case is read as upper.
      if (sequence === sequence.toUpperCase()) expect(Array.from(found.ids)).toEqual(spread(ids));
      else expect(found.ids).toEqual(tokenizer.encode([sequence.toUpperCase()], { offset: () => offset }).ids);
    },
  );

  it('has the sizes of the source: 660 nt are 165 4-mers of 258 words, 110 6-mers of 4,098', () => {
    const four = createKmerTokenizer({ k: 4, length: 660 });
    const six = createKmerTokenizer({ k: 6, length: 660 });
    expect([four.tokens(660), four.vocabularySize]).toEqual([165, 258]);
    expect([six.tokens(660), six.vocabularySize]).toEqual([110, 4098]);
  });

  it('numbers k-mers 2 + base-4 value, [UNK] 1 for other letters and padding', () => {
    const { ids, mask } = createKmerTokenizer({ k: 2, length: 10 }).encode(['AATTACNA']);
    expect(Array.from(ids)).toEqual([2, 17, 3, 1, 1]);
    expect(Array.from(mask)).toEqual([1, 1, 1, 1, 0]);
  });

  it('equals the procedure of the source written in Python', () => {
    const four = createKmerTokenizer({ k: 4, length: 18 }).encode(sequences);
    expect(Array.from(four.ids)).toEqual(golden.tokens.k4.flatMap(({ ids }) => ids));
    expect(Array.from(four.mask)).toEqual(golden.tokens.k4.flatMap(({ mask }) => mask));
    expect(four.tokens).toBe(4);
  });

  it('drops offsets from the start and truncates, counting what it truncated', () => {
    const { ids, mask, truncated } = createKmerTokenizer({ k: 3 }).encode(sequences, {
      length: 12,
      offset: (i) => i % 3,
    });
    expect(Array.from(ids)).toEqual(golden.tokens.k3offset.flatMap((row) => row.ids));
    expect(Array.from(mask)).toEqual(golden.tokens.k3offset.flatMap((row) => row.mask));
    expect(truncated).toBe(sequences.filter((s, i) => s.replace(/N+$/, '').length - (i % 3) > 12).length);
    expect(truncated).toBeGreaterThan(0);
  });

  it('overlaps k-mers with a shorter stride', () => {
    const { ids, tokens } = createKmerTokenizer({ k: 3, stride: 1, length: 18 }).encode(sequences);
    expect(tokens).toBe(16);
    expect(Array.from(ids)).toEqual(golden.tokens.k3stride1.flatMap((row) => row.ids));
  });

  it('pads to the longest sequence when no length is set', () => {
    expect(createKmerTokenizer({ k: 2 }).encode(['AC', 'ACGTAC']).tokens).toBe(3);
  });

  it('attends to trailing Ns only when told to keep them', () => {
    const padded = ['ACGTNNNN'];
    expect(Array.from(createKmerTokenizer({ k: 4, length: 8 }).encode(padded).mask)).toEqual([1, 0]);
    const keep = createKmerTokenizer({ k: 4, length: 8, stripTrailingN: false });
    expect(Array.from(keep.encode(padded).mask)).toEqual([1, 1]);
  });

  it('refuses impossible settings by name', () => {
    expect(() => createKmerTokenizer({ k: 0 })).toThrow(/k = 0/);
    expect(() => createKmerTokenizer({ k: 4, stride: 5 })).toThrow(/stride = 5/);
    expect(() => createKmerTokenizer({ k: 4, length: 3 })).toThrow(/length = 3/);
    expect(() => createKmerTokenizer({ k: 4 }).encode(['ACGT'], { offset: () => -1 })).toThrow(
      /offset -1 for sequence 0/,
    );
  });
});
