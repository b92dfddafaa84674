/** What Fisher information asks about windows of tokens. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { fisherBatch, fisherBatches } from '../../../src/diagnostics/fisher/batches.ts';
import type { Feeds } from '../../../src/runtime/training/network.ts';

const PADDING = 0;
const MASK = 4;

/** Letters as ids from 5, padded to the longest. */
function encode(windows: readonly string[]): Feeds {
  const tokens = Math.max(...windows.map((window) => window.length));
  const ids = windows.flatMap((window) =>
    Array.from({ length: tokens }, (_, t) => (t < window.length ? 5 + 'ACGT'.indexOf(window[t]) : PADDING)),
  );
  const dims = [windows.length, tokens];
  const int64 = (values: number[]) => ({ type: 'int64', data: BigInt64Array.from(values, BigInt), dims }) as const;
  return { ids: int64(ids), mask: int64(ids.map((id) => Number(id !== PADDING))) };
}

const masked = { reads: 'masked', maskId: MASK } as const;

describe('a masked model', () => {
  it('has the chosen tokens, and no others, behind [MASK], and is asked for what was there', () => {
    const windows = ['ACGTACGTACGTACGT'.repeat(40), 'ACGT'];
    const feeds = encode(windows);
    const batch = fisherBatch(feeds, { ...masked, random: createRandom(1) });
    const before = feeds.ids.data as BigInt64Array;
    const after = batch.feeds.ids.data as BigInt64Array;
    const hidden = [...after.keys()].filter((i) => after[i] !== before[i]);
    expect([...batch.places]).toEqual(hidden);
    expect(hidden.every((i) => after[i] === BigInt(MASK))).toBe(true);
    expect([...batch.targets]).toEqual(hidden.map((i) => Number(before[i])));
    expect(hidden.every((i) => before[i] !== BigInt(PADDING))).toBe(true);
    const share = hidden.length / 644;
    expect(Math.abs(share - 0.15)).toBeLessThan(3 * Math.sqrt((0.15 * 0.85) / 644));
  });

  it('can be told which tokens stay', () => {
    const batch = fisherBatch(encode(['ACGTACGTACGT']), {
      ...masked,
      share: 1,
      random: createRandom(1),
      askable: (id) => id !== 5,
    });
    expect([...batch.places]).toEqual([1, 2, 3, 5, 6, 7, 9, 10, 11]);
  });

  it('needs a [MASK]', () => {
    expect(() => fisherBatch(encode(['ACG']), { reads: 'masked', random: createRandom(1) })).toThrow(/\[MASK\]/);
  });
});

describe('a causal model', () => {
  it('is asked for every token but the first of each window, at the one before it', () => {
    const batch = fisherBatch(encode(['ACGT', 'GT']), { reads: 'causal', random: createRandom(1) });
    expect([...batch.places]).toEqual([0, 1, 2, 4]);
    expect([...batch.targets]).toEqual([6, 7, 8, 8]);
  });
});

describe('batches', () => {
  const model = { label: 'model', ...masked, encode };
  const collect = async (windows: Iterable<string>, options: { batch?: number; seed: number }) => {
    const made = [];
    for await (const batch of fisherBatches(windows, model, options)) made.push(batch);
    return made;
  };

  it('take windows in their order, the last batch what is left', async () => {
    const windows = Array.from({ length: 10 }, () => 'ACGTAC');
    expect((await collect(windows, { seed: 1 })).map(({ rows }) => rows)).toEqual([8, 2]);
    expect((await collect(windows, { seed: 1, batch: 4 })).map(({ rows }) => rows)).toEqual([4, 4, 2]);
  });

  it('are the same for the same seed', async () => {
    const windows = ['ACGTACGTACGTACGTACGTACGTACGTACGT'];
    const places = async (seed: number) => [...(await collect(windows, { seed }))[0].places];
    expect(await places(1)).toEqual(await places(1));
    expect(await places(1)).not.toEqual(await places(2));
  });

  it('are refused without a word on what the model reads, and where feeds have other names', async () => {
    const silent = { ...model, reads: undefined };
    await expect(fisherBatches(['ACG'], silent, { seed: 1 }).next()).rejects.toThrow(/hidden tokens or the next/);
    await expect(fisherBatches(['ACG'], model, { seed: 1, ids: 'input_ids' }).next()).rejects.toThrow(
      /no input 'input_ids'.*inputs are ids, mask/,
    );
  });
});
