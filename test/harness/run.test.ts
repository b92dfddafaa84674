import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineBaseline, defineTask, type RunEvent, run, writeReport } from '../../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'run-'));
});
afterAll(() => rm(folder, { recursive: true }));

const task = defineTask({
  ...{ id: 'x', title: 'X', kind: 'regression', metric: 'mse', citation: '-', licence: '-' },
  load: async () =>
    Array.from({ length: 30 }, (_, i) => ({ id: `r${i}`, sequence: `ACG${'ACGT'[i % 4]}`, label: i % 4 })),
});

const letter = (offset: number) =>
  defineBaseline({
    ...{
      id: `letter-${offset}`,
      title: 'Letter',
      citation: '-',
      family: 'one-hot',
      kinds: ['regression'],
      version: '1',
    },
    stochastic: false,
    options: { offset },
    async fit(rows, context) {
      const predict = async (sequences: readonly string[]) => ({
        rows: sequences.length,
        columns: 1,
        values: Float64Array.from(sequences, (sequence) => 'ACGT'.indexOf(sequence[3]) + offset),
      });
      const validationScore = context.validationScore(rows.valid.targets, await predict(rows.valid.sequences));
      return { predict, validationScore, details: {} };
    },
  });

describe('run, through the API', () => {
  it('takes tasks and contenders as objects, tells what happens, and reports', async () => {
    const events: RunEvent['type'][] = [];
    const options = { tasks: [task], contenders: [letter(0), letter(2)], seeds: 1, device: 'cpu', jobs: 1, threads: 1 };
    const places = { out: join(folder, 'out'), cacheFolder: join(folder, 'cache') };
    const first = await run({ ...options, ...places, onEvent: ({ type }) => events.push(type) });
    expect(first).toMatchObject({ planned: 2, computed: 2, failed: [], interrupted: false });
    expect(events).toEqual(expect.arrayContaining(['planned', 'finished']));
    expect(await run({ ...options, ...places })).toMatchObject({ computed: 0, reused: 2 });
    const { leaderboard } = await writeReport(places.out, { title: 'Letters' });
    expect(leaderboard.title).toBe('Letters');
    const scores = Object.fromEntries(leaderboard.rows.map((row) => [row.contender, row.score]));
    expect(scores).toEqual({ 'letter-0': 0, 'letter-2': 4 });
  });

  it('reads a task given as an object once for all cells, and fails cells whose rows are not those that were planned', async () => {
    let loads = 0;
    const loading = (changes: boolean) => ({
      ...task,
      load: async () => {
        loads++;
        const rows = await task.load();
        return changes && loads > 1 ? rows.map((row) => ({ ...row, sequence: `${row.sequence}A` })) : rows;
      },
    });
    const options = { contenders: [letter(0), letter(2)], seeds: 1, device: 'cpu', jobs: 1, threads: 1 };
    const cacheFolder = join(folder, 'cache');
    await run({ ...options, tasks: [loading(false)], out: join(folder, 'once'), cacheFolder });
    expect(loads).toBe(2); // once for the plan, once for the cells
    loads = 0;
    const changed = await run({ ...options, tasks: [loading(true)], out: join(folder, 'changed'), cacheFolder });
    expect(changed.failed).toHaveLength(2);
  });

  it('ends at once, and says so, when it is aborted', async () => {
    const abort = new AbortController();
    abort.abort();
    const summary = await run({
      ...{ tasks: [task], contenders: [letter(0)], seeds: 1, device: 'cpu', signal: abort.signal },
      ...{ out: join(folder, 'aborted'), cacheFolder: join(folder, 'cache') },
    });
    expect(summary).toMatchObject({ computed: 0, interrupted: true });
  });
});
