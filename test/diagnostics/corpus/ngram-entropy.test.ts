import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { createNgramModel, ngramEntropies } from '../../../src/diagnostics/corpus/ngram-entropy.ts';
import { createNgramTable } from '../../../src/diagnostics/corpus/ngram-table.ts';
import { characterAlphabet, nucleotideSymbols } from '../../../src/diagnostics/corpus/symbols.ts';

// The formula with dictionaries of contexts, in Python: goldens/ngrams.py.
const golden = JSON.parse(readFileSync(new URL('../goldens/ngrams.json', import.meta.url), 'utf8')) as Record<
  string,
  { alphabet: number; order: number; training: number[][]; heldOut: number[][]; bitsPerSymbol: number[] }
>;

describe.each(Object.entries(golden))(
  'n-gram entropies of %s',
  (_, { alphabet, order, training, heldOut, bitsPerSymbol }) => {
    it('are those of an independent implementation', () => {
      const found = ngramEntropies(training, heldOut, { alphabet, order });
      expect(found.orders.map((at) => at.order)).toEqual(bitsPerSymbol.map((_, k) => k));
      found.orders.forEach((at, k) => {
        expect(at.bitsPerSymbol).toBeCloseTo(bitsPerSymbol[k], 10);
      });
      expect(found.best.bitsPerSymbol).toBeCloseTo(Math.min(...bitsPerSymbol), 10);
    });

    it('are the same when the corpus comes in pieces', () => {
      const model = createNgramModel({ alphabet, order });
      for (const [texts, stream] of [
        [training, model.training],
        [heldOut, model.heldOut],
      ] as const)
        for (const text of texts) {
          for (let i = 0; i < text.length; i += 17) stream.add(text.slice(i, i + 17));
          stream.endSequence();
        }
      expect(model.entropies()).toEqual(ngramEntropies(training, heldOut, { alphabet, order }));
    });
  },
);

describe('n-gram entropies', () => {
  it('of a sequence that repeats itself fall to nothing once the context tells the next symbol', () => {
    const text = Array.from({ length: 3000 }, (_, i) => [0, 1, 0, 2][i % 4]);
    const { orders } = ngramEntropies([text], [text], { alphabet: 4 });
    expect(orders[0].bitsPerSymbol).toBeCloseTo(1.5, 2); // shares 1/2, 1/4, 1/4
    expect(orders[1].bitsPerSymbol).toBeCloseTo(0.5, 2); // after 0 either 1 or 2
    expect(orders[2].bitsPerSymbol).toBeLessThan(0.01);
  });

  it('of random letters are two bits, and longer contexts only lose', () => {
    const random = createRandom(1);
    const text = (length: number) => Uint8Array.from({ length }, () => random.integer(4));
    const { orders, best, uniformBits } = ngramEntropies([text(20_000)], [text(5_000)], { alphabet: 4 });
    expect(uniformBits).toBe(2);
    expect(best.bitsPerSymbol).toBeCloseTo(2, 2);
    expect(orders[8].bitsPerSymbol).toBeGreaterThan(2.05);
  });

  it('count no context over the end of a sequence', () => {
    const apart = ngramEntropies(
      [
        [0, 1],
        [0, 1],
      ],
      [[1, 0]],
      { alphabet: 2, order: 1 },
    ); // 1 is never followed
    const joined = ngramEntropies([[0, 1, 0, 1]], [[1, 0]], { alphabet: 2, order: 1 });
    expect(apart.orders[1].bitsPerSymbol).toBe(apart.orders[0].bitsPerSymbol);
    expect(joined.orders[1].bitsPerSymbol).toBeLessThan(apart.orders[1].bitsPerSymbol);
  });

  it.each([
    ['a symbol out of range', () => ngramEntropies([[0, 4]], [[0]], { alphabet: 4 }), /symbol 4 at 1/],
    ['an alphabet of one', () => createNgramModel({ alphabet: 1 }), /alphabet = 1/],
    ['nothing held out', () => ngramEntropies([[0, 1]], [[-1]], { alphabet: 2 }), /no held-out sequence/],
    ['nothing counted', () => ngramEntropies([], [[0]], { alphabet: 2 }), /nothing was counted/],
  ])('refuse %s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

describe('a table of n-grams', () => {
  it('keeps its counts as it grows, and memory goes with different n-grams only', () => {
    const table = createNgramTable(4);
    const count = (word: number) => {
      let node = 0;
      for (let shift = 12; shift >= 0; shift -= 2) node = table.count(node, (word >> shift) & 3);
      return node;
    };
    for (let round = 1; round <= 3; round++) {
      const counted = Array.from({ length: 4 ** 7 }, (_, word) => table.occurrences(count(word)));
      expect(new Set(counted)).toEqual(new Set([round]));
      expect(table.size).toBe((4 ** 8 - 4) / 3);
    }
    expect([table.continuations(0), table.distinct(0)]).toEqual([3 * 4 ** 7, 4]);
  });

  it('says when it is full', () => {
    const table = createNgramTable(4, 2);
    table.count(table.count(0, 1), 1);
    table.count(0, 1);
    expect(() => table.count(0, 2)).toThrow(/more than 2 different n-grams; use a lower order/);
  });
});

describe('symbols', () => {
  it('of nucleotides are 0 to 3, whatever the case, and gaps', () => {
    expect([...nucleotideSymbols('ACGTUacgtuNR-')]).toEqual([0, 1, 2, 3, 3, 0, 1, 2, 3, 3, -1, -1, -1]);
  });

  it('of text are the characters that occur', () => {
    const alphabet = characterAlphabet(['banana', 'bé']);
    expect(alphabet.characters).toEqual(['a', 'b', 'n', 'é']);
    expect([...alphabet.symbols('nabz')]).toEqual([2, 0, 1, -1]);
  });
});
