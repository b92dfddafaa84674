/** What is masked, what becomes of it, and that feeds point back to the tokens they were made from: over random batches. */
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../src/core/random.ts';
import {
  causalMasking,
  drawMasking,
  feedsOf,
  type MaskingConfig,
  OBJECTIVES,
  type TokenRows,
} from '../../src/pretraining/masking.ts';
import { kmerVocabulary, type Vocabulary } from '../../src/pretraining/training-tokenizers.ts';
import type { Feeds } from '../../src/runtime/training/network.ts';
import { FIRST_KMER_ID, MASK_ID, UNKNOWN_ID } from '../../src/sequences/tokenizers/kmer-tokenizer.ts';

const KMERS = kmerVocabulary(2);
const CONFIG: MaskingConfig = {
  objective: 'barcodebert',
  maskRate: 0.5,
  maskedShare: 1,
  randomShare: 0,
  maskedWeight: 1,
};
const kmer = (random: Random) => FIRST_KMER_ID + random.integer(16);

/** Rows of any length, some of nothing but [UNK], with unknown k-mers within. */
function randomBatch(random: Random): TokenRows {
  const [rows, tokens] = [1 + random.integer(5), 1 + random.integer(12)];
  const ids = new Int32Array(rows * tokens).fill(UNKNOWN_ID);
  const mask = new Uint8Array(rows * tokens);
  for (let row = 0; row < rows; row++) {
    const length = random.integer(tokens + 1);
    const unknown = [0, 0.2, 1][random.integer(3)];
    for (let t = 0; t < length; t++) {
      mask[row * tokens + t] = 1;
      if (random.next() >= unknown) ids[row * tokens + t] = kmer(random);
    }
  }
  return { ids, mask, rows, tokens, vocabulary: KMERS };
}

/** One long batch of k-mers without gaps, for shares. */
function wholeBatch(rows: number, tokens: number): TokenRows {
  const random = createRandom('whole');
  const ids = Int32Array.from({ length: rows * tokens }, () => kmer(random));
  return { ids, mask: new Uint8Array(rows * tokens).fill(1), rows, tokens, vocabulary: KMERS };
}

const isKmer = ({ ids, mask }: TokenRows, at: number) => mask[at] === 1 && ids[at] >= FIRST_KMER_ID;
const numbers = (feeds: Feeds, name: string) => Array.from(feeds[name].data as ArrayLike<number | bigint>, Number);
const kmersOf = (batch: TokenRows, row: number) =>
  Array.from({ length: batch.tokens }, (_, t) => t).filter((t) => isKmer(batch, row * batch.tokens + t));

/** Runs a check on 200 random batches with random shares. */
function everyBatch(check: (batch: TokenRows, config: MaskingConfig, random: Random) => void) {
  for (let seed = 0; seed < 200; seed++) {
    const random = createRandom(`batch:${seed}`);
    const maskedShare = random.next();
    const config: MaskingConfig = {
      objective: OBJECTIVES[random.integer(OBJECTIVES.length)],
      maskRate: 0.05 + 0.9 * random.next(),
      maskedShare,
      randomShare: (1 - maskedShare) * random.next(),
      maskedWeight: random.next(),
    };
    check(randomBatch(random), config, random);
  }
}

describe('masking', () => {
  it('predicts only k-mers, never [UNK] or padding, and at least one in every row that has any', () => {
    everyBatch((batch, config, random) => {
      const { places } = drawMasking(batch, config, () => random);
      expect(places).toHaveLength(batch.rows);
      places.forEach((row, r) => {
        const kmers = kmersOf(batch, r);
        expect(kmers).toEqual(expect.arrayContaining([...row]));
        expect(new Set(row).size).toBe(row.length);
        expect(row.length > 0).toBe(kmers.length > 0);
      });
    });
  });

  it('shows every other token unchanged; a random token is a k-mer', () => {
    everyBatch((batch, config, random) => {
      const { shown, hidden, places } = drawMasking(batch, config, () => random);
      for (let at = 0; at < batch.ids.length; at++) {
        const asked = places[Math.floor(at / batch.tokens)].includes(at % batch.tokens);
        expect(shown[at] === MASK_ID).toBe(hidden[at] === 1);
        if (!asked) expect([shown[at], hidden[at]]).toEqual([batch.ids[at], 0]);
        else if (!hidden[at]) expect(shown[at]).toBeGreaterThanOrEqual(FIRST_KMER_ID);
        expect(shown[at]).toBeLessThan(KMERS.size);
      }
    });
  });

  it.each([0.15, 0.5, 0.85])('predicts a share of %d', (maskRate) => {
    const batch = wholeBatch(200, 100);
    const random = createRandom(`rate:${maskRate}`);
    const { places } = drawMasking(batch, { ...CONFIG, maskRate }, () => random);
    const asked = places.reduce((sum, row) => sum + row.length, 0);
    expect(Math.abs(asked / 20_000 - maskRate)).toBeLessThan(4 * Math.sqrt((maskRate * (1 - maskRate)) / 20_000));
  });

  it.each([
    [1, 0],
    [0.8, 0.1],
    [0, 1],
    [0.3, 0.3],
  ])('hides a share of %d of them and replaces %d', (maskedShare, randomShare) => {
    const batch = wholeBatch(200, 100);
    const random = createRandom('fates');
    const config = { ...CONFIG, maskedShare, randomShare };
    const { places, hidden, shown } = drawMasking(batch, config, () => random);
    const asked = places.flatMap((row, r) => row.map((t) => r * batch.tokens + t));
    const share = (is: (at: number) => boolean) => asked.filter(is).length / asked.length;
    expect(share((at) => hidden[at] === 1)).toBeCloseTo(maskedShare, 1.7);
    // One random k-mer in sixteen is the one that was there.
    expect(share((at) => !hidden[at] && shown[at] !== batch.ids[at])).toBeCloseTo((randomShare * 15) / 16, 1.7);
  });

  it('of a row depends only on the random numbers of that row', () => {
    const batch = wholeBatch(6, 20);
    const draw = (rows: TokenRows, first: number) =>
      drawMasking(rows, CONFIG, (row) => createRandom(`row:${first + row}`)).places;
    const part = {
      ids: batch.ids.slice(40, 80),
      mask: batch.mask.slice(40, 80),
      rows: 2,
      tokens: 20,
      vocabulary: KMERS,
    };
    expect(draw(part, 2)).toEqual(draw(batch, 0).slice(2, 4));
  });
});

describe('a vocabulary with special tokens at any id', () => {
  const ordinary = [1, 2, 4, 7, 8];
  const vocabulary: Vocabulary = {
    size: 9,
    maskId: 3,
    paddingId: 6,
    classes: ordinary.length,
    classOf: (id) => ordinary.indexOf(id),
    idOf: (classIndex) => ordinary[classIndex],
  };
  const random = createRandom('anywhere');
  const [rows, tokens] = [20, 30];
  const ids = Int32Array.from({ length: rows * tokens }, () => random.integer(vocabulary.size));
  const batch: TokenRows = { ids, mask: new Uint8Array(ids.length).fill(1), rows, tokens, vocabulary };
  const config = { ...CONFIG, maskedShare: 0.5, randomShare: 0.5 };

  it('predicts and draws only its ordinary tokens; hidden tokens become its mask token', () => {
    const { places, shown, hidden } = drawMasking(batch, config, () => random);
    const seen = new Set<number>();
    places.forEach((row, r) => {
      for (const t of row) {
        const at = r * tokens + t;
        expect(ordinary).toContain(ids[at]);
        if (hidden[at]) expect(shown[at]).toBe(3);
        else seen.add(shown[at]);
      }
    });
    expect([...seen].sort()).toEqual(ordinary);
  });

  it('gives class labels, or ids for the tied head; rows are padded with its padding token', () => {
    const masking = drawMasking(batch, config, () => random);
    const asked = masking.places.flatMap((row, r) => row.map((t) => ids[r * tokens + t]));
    for (const [objective, labelOf] of [
      ['masked-lm', (id: number) => id],
      ['mae-v2', vocabulary.classOf],
    ] as const) {
      const feeds = feedsOf(batch, masking, { ...config, objective }, false);
      const weights = numbers(feeds, 'tokenWeights');
      expect(numbers(feeds, 'labels').filter((_, i) => weights[i] === 1)).toEqual(asked.map(labelOf));
    }
    const packed = feedsOf(batch, masking, { ...config, objective: 'mae-v2' }, false);
    const seen = numbers(packed, 'visibleMask');
    const filled = numbers(packed, 'visibleIds').filter((_, i) => seen[i] === 0);
    expect(new Set(filled)).toEqual(new Set([6]));
  });
});

describe('the causal comparison', () => {
  it('hides no token and predicts every k-mer except the first, at the position before it', () => {
    everyBatch((batch, config) => {
      const causal = { ...config, objective: 'causal' } as const;
      const masking = causalMasking(batch);
      expect(masking.shown).toEqual(batch.ids);
      expect(masking.hidden.some((hidden) => hidden === 1)).toBe(false);
      masking.places.forEach((row, r) => {
        expect(row.map((t) => t + 1)).toEqual(kmersOf(batch, r).filter((t) => t > 0));
      });
      const feeds = feedsOf(batch, masking, causal, true);
      const [, most] = feeds.masked.dims;
      const labels = numbers(feeds, 'labels');
      const weights = numbers(feeds, 'tokenWeights');
      masking.places.forEach((row, r) => {
        row.forEach((t, i) => {
          expect(labels[r * most + i]).toBe(batch.ids[r * batch.tokens + t + 1] - FIRST_KMER_ID);
          expect(weights[r * most + i]).toBe(1);
        });
      });
    });
  });
});

describe('feeds', () => {
  it('hold the label of each predicted position and weigh padding with 0', () => {
    everyBatch((batch, config, random) => {
      if (config.objective === 'causal') return;
      const masking = drawMasking(batch, config, () => random);
      const feeds = feedsOf(batch, masking, config, false);
      const [rows, most] = feeds.masked.dims;
      expect(rows).toBe(batch.rows);
      const [places, labels, weights] = ['masked', 'labels', 'tokenWeights'].map((name) => numbers(feeds, name));
      for (let r = 0; r < rows; r++)
        for (let i = 0; i < most; i++) {
          const asked = i < masking.places[r].length;
          expect(weights[r * most + i]).toBe(asked ? 1 : 0);
          if (!asked) continue;
          expect(places[r * most + i]).toBe(masking.places[r][i]);
          const first = config.objective === 'masked-lm' ? 0 : FIRST_KMER_ID;
          expect(labels[r * most + i]).toBe(batch.ids[r * batch.tokens + masking.places[r][i]] - first);
        }
      expect(numbers(feeds, 'weights')).toEqual(masking.places.map((row) => row.length));
    });
  });

  it('that weigh in visible tokens predict every k-mer; weights sum to 1, those of masked tokens to their share', () => {
    everyBatch((batch, config, random) => {
      if (config.objective === 'causal') return;
      const masking = drawMasking(batch, config, () => random);
      const feeds = feedsOf(batch, masking, config, true);
      const [rows, most] = feeds.masked.dims;
      const [places, weights] = ['masked', 'tokenWeights'].map((name) => numbers(feeds, name));
      let [masked, visible, kmers] = [0, 0, 0];
      for (let r = 0; r < rows; r++) {
        const own = kmersOf(batch, r);
        kmers += own.length;
        expect(places.slice(r * most, r * most + own.length)).toEqual(own);
        own.forEach((t, i) => {
          if (masking.places[r].includes(t)) masked += weights[r * most + i];
          else visible += weights[r * most + i];
        });
      }
      if (kmers === 0) return;
      const allMasked = masking.places.reduce((sum, row) => sum + row.length, 0) === kmers;
      expect(masked + visible).toBeCloseTo(1, 5);
      expect(masked).toBeCloseTo(allMasked ? 1 : config.maskedWeight, 5);
      expect(numbers(feeds, 'weights').reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
    });
  });

  it('of the packed encoder map every visible token to its position and back', () => {
    everyBatch((batch, drawn, random) => {
      const config = { ...drawn, objective: 'mae-v2' } as const;
      const masking = drawMasking(batch, config, () => random);
      const feeds = feedsOf(batch, masking, config, true);
      const [rows, longest] = feeds.visibleIds.dims;
      const [ids, positions, seen, source] = ['visibleIds', 'visiblePositions', 'visibleMask', 'source'].map((name) =>
        numbers(feeds, name),
      );
      expect(ids).not.toContain(MASK_ID);
      for (let r = 0; r < rows; r++) {
        const own = Array.from({ length: batch.tokens }, (_, t) => t).filter(
          (t) => batch.mask[r * batch.tokens + t] === 1 && masking.hidden[r * batch.tokens + t] === 0,
        );
        const row = (values: number[]) => values.slice(r * longest, (r + 1) * longest);
        expect(row(seen)).toEqual(Array.from({ length: longest }, (_, i) => (i < own.length ? 1 : 0)));
        expect(row(positions).slice(0, own.length)).toEqual(own);
        expect(row(ids)).toEqual(
          Array.from({ length: longest }, (_, i) =>
            i < own.length ? masking.shown[r * batch.tokens + own[i]] : UNKNOWN_ID,
          ),
        );
        for (let t = 0; t < batch.tokens; t++) expect(source[r * batch.tokens + t]).toBe(own.indexOf(t));
      }
      expect(numbers(feeds, 'mask')).toEqual(Array.from(batch.mask));
    });
  });

  it('of the first version mark the removed tokens; the others get [MASK]', () => {
    const batch = wholeBatch(3, 8);
    const random = createRandom('taken');
    const masking = drawMasking(batch, CONFIG, () => random);
    const zeroed = feedsOf(batch, masking, { ...CONFIG, objective: 'mae-v1' }, true);
    expect(numbers(zeroed, 'taken')).toEqual(Array.from(masking.hidden));
    expect(Object.keys(feedsOf(batch, masking, CONFIG, true))).not.toContain('taken');
    expect(numbers(feedsOf(batch, masking, CONFIG, true), 'ids')).toContain(MASK_ID);
  });
});
