/** Which process computes a cell when several runs share a folder. */
import { describe, expect, it } from 'vitest';
import type { Cell } from '../../../src/harness/cells/plan.ts';
import type { Result } from '../../../src/harness/store/result.ts';
import type { ResultStore, StoredState } from '../../../src/harness/store/store.ts';
import { schedule } from '../../../src/harness/workers/scheduler.ts';

const cell = (key: string) =>
  ({
    key,
    seed: 0,
    task: { description: { hash: 't' } },
    contender: { type: 'baseline', definition: { id: key } },
  }) as Cell;
const failed = (key: string, finishedAt: string) =>
  ({ state: 'failed', result: { key, status: 'failed', timings: { finishedAt } } }) as StoredState;

/** Runs the scheduler over one cell; -> the keys that were computed here. */
async function computed(options: {
  readonly stored: readonly StoredState[];
  readonly before?: string;
  readonly locked?: number;
}): Promise<string[]> {
  let [reads, tries] = [0, 0];
  const keys: string[] = [];
  const store = {
    lockCell: async () =>
      tries++ < (options.locked ?? 0) ? undefined : { confirm: async () => {}, release: async () => {} },
    read: async () => options.stored[Math.min(reads++, options.stored.length - 1)],
  } as unknown as ResultStore;
  await schedule([cell('a')], {
    store,
    lanes: [
      {
        accepts: () => true,
        async run({ key }) {
          keys.push(key);
          return { key } as Result;
        },
      },
    ],
    signal: new AbortController().signal,
    expectedSeconds: () => undefined,
    failedBefore: () => options.before,
    onResult: () => {},
    onWaiting: () => {},
  });
  return keys;
}

describe('a cell', () => {
  it('that failed in an earlier run is tried again, whatever the clock of that machine said', async () => {
    for (const end of ['1990-01-01T00:00:00.000Z', '2990-01-01T00:00:00.000Z'])
      expect(await computed({ stored: [failed('a', end)], before: end })).toEqual(['a']);
  });

  it('that fails in another run meanwhile is not tried again, whatever the clock of that machine says', async () => {
    for (const end of ['1990-01-01T00:00:00.000Z', '2990-01-01T00:00:00.000Z'])
      expect(await computed({ stored: [failed('a', end)], before: '2026-01-01T00:00:00.000Z' })).toEqual([]);
  });

  it('that another run computes is looked at again until it is stored or free', async () => {
    const absent: StoredState = { state: 'absent' };
    const done = { state: 'done', result: { key: 'a' } } as StoredState;
    expect(await computed({ stored: [absent, done], locked: 9 })).toEqual([]);
    expect(await computed({ stored: [absent], locked: 1 })).toEqual(['a']);
  });
});
