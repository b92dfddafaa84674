import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { mergeCells } from '../../../src/harness/cells/identity.ts';
import { shortestEnds } from '../../../src/report/board/labels.ts';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import type { Leaderboard } from '../../../src/report/board/schema.ts';
import { leaderboardCsv } from '../../../src/report/formats/csv.ts';
import { leaderboardTerminal } from '../../../src/report/formats/terminal.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { type FakeContender, type FakeTask, fakeRun } from '../fixture.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true }))));

/** The board of several runs in one folder. */
async function boardOf(...runs: readonly (readonly FakeTask[])[]): Promise<Leaderboard> {
  const dir = await mkdtemp(join(tmpdir(), 'report-'));
  folders.push(dir);
  let manifest = await fakeRun(dir, { tasks: [] });
  for (const tasks of runs) {
    const added = await fakeRun(dir, { tasks });
    manifest = { ...added, cells: mergeCells(manifest.cells, added.cells).cells };
  }
  await writeFile(join(dir, 'run.json'), JSON.stringify(manifest));
  return buildLeaderboard(dir);
}

const task = (contenders: readonly FakeContender[], more: Partial<FakeTask> = {}): FakeTask => ({
  ...{ id: 't', rows: 60, contenders },
  ...more,
});
const oneHot: FakeContender = { id: 'one-hot', kind: 'baseline', family: 'one-hot', skill: 1, origin: {} };
const facts = ({ rows }: Leaderboard) => rows.map(({ title, label, seeds }) => [title, label, seeds]);

describe('results of other settings', () => {
  it('are rows of their own with the setting in the label, never averaged', async () => {
    const at = (effort: number, seeds: number): FakeContender => ({
      ...{ id: 'forest', kind: 'baseline', family: 'composition', skill: effort * 3, seeds },
      origin: { settings: { effort } },
    });
    const board = await boardOf([task([oneHot, at(0.02, 3)])], [task([at(1, 1)])]);
    expect(facts(board)).toEqual([
      ['one-hot', undefined, 2],
      ['forest (effort 0.02)', 'effort 0.02', 3],
      ['forest (effort 1)', 'effort 1', 1],
    ]);
    const [, quick, full] = board.rows;
    expect(full.score).toBe(full.cells[0].score);
    expect(quick.score).toBeCloseTo(
      quick.cells.reduce((sum, { score }) => sum + score! / 3, 0),
      12,
    );
    expect(leaderboardTerminal(board, { colour: false })).toContain('forest (effort 0.02)');
    expect(leaderboardCsv(board)).toContain(',forest,effort 0.02,');
  });

  it('are labelled with every setting that differs, and with no other', async () => {
    const at = (settings: NonNullable<FakeContender['origin']>['settings']): FakeContender => ({
      ...{ id: 'model', kind: 'model', skill: 1, seeds: 1 },
      origin: { settings },
    });
    const board = await boardOf(
      [task([at({ threads: 2 })])],
      [task([at({ threads: 2, device: 'cuda', precision: 'float16' })])],
      [task([at({ threads: 1 })])],
    );
    expect(board.rows.map(({ label }) => label)).toEqual([
      'cpu, float32, 2 threads',
      'cuda, float16, 2 threads',
      'cpu, float32, 1 thread',
    ]);
  });
});

describe('models of one name', () => {
  const at = (files: string, path: string, more: Partial<FakeContender> = {}): FakeContender => ({
    ...{ id: 'checkpoint-500', kind: 'model', skill: 2, seeds: 1, origin: { files, path } },
    ...more,
  });

  it('are rows and cards of their own, told apart by the shortest end of their paths', async () => {
    const board = await boardOf(
      [task([oneHot, at('f1', 'runs/c1/checkpoint-500')])],
      [task([at('f3', 'runs/c3/checkpoint-500', { seeds: 3 })])],
    );
    expect(facts(board).slice(1)).toEqual([
      ['checkpoint-500 (c1/checkpoint-500)', 'c1/checkpoint-500', 1],
      ['checkpoint-500 (c3/checkpoint-500)', 'c3/checkpoint-500', 3],
    ]);
    expect(board.contenders.map(({ id, label }) => [id, label])).toEqual([
      ['one-hot', undefined],
      ['checkpoint-500', 'c1/checkpoint-500'],
      ['checkpoint-500', 'c3/checkpoint-500'],
    ]);
    expect(board.tasks[0].headline.model).toMatchObject({ contender: 'checkpoint-500', label: expect.any(String) });
    expect(leaderboardHtml(board)).toMatch(/checkpoint-500 \(c1\/checkpoint-500\) against one-hot/);
  });

  it('are told apart by their files where the paths are the same', async () => {
    const board = await boardOf([task([at('1111111122', 'c/m')])], [task([at('3333333344', 'c/m')])]);
    expect(board.rows.map(({ label }) => label)).toEqual(['files 11111111', 'files 33333333']);
  });

  it('have each its own random-weights control', async () => {
    const control = (files: string, path: string, skill: number): FakeContender => ({
      ...{ id: 'checkpoint-500+random', kind: 'control', skill, seeds: 1, origin: { files, path } },
      options: { controlOf: 'checkpoint-500' },
    });
    const board = await boardOf(
      [task([at('f1', 'c1/m', { validation: 0.9 }), control('f1', 'c1/m', 0.2)])],
      [task([at('f3', 'c3/m', { validation: 0.1 }), control('f3', 'c3/m', 0.4)])],
    );
    expect(board.tasks[0].headline.model).toMatchObject({ label: 'c1/m' });
    expect(board.tasks[0].headline.vsControl).toMatchObject({
      ...{ reference: 'checkpoint-500+random', referenceLabel: 'c1/m' },
    });
  });

  it('are told apart by the options that differ', async () => {
    const wide = (width: number): FakeContender => ({
      ...{ id: 'cnn', kind: 'baseline', family: 'one-hot', skill: 1, seeds: 1 },
      ...{ options: { width, depth: 2 }, origin: { options: String(width) } },
    });
    const board = await boardOf([task([wide(64)])], [task([wide(128)])]);
    expect(board.rows.map(({ label }) => label)).toEqual(['width 64', 'width 128']);
  });
});

it('tasks of one name with other rows are both on the board, with the start of their hash', async () => {
  const board = await boardOf([task([oneHot])], [task([oneHot], { rows: 80 })]);
  expect(board.tasks.map(({ title }) => title)).toEqual(
    board.tasks.map(({ hash }) => `Task t (data ${hash.slice(0, 8)})`),
  );
  expect(board.rows.map(({ testSize }) => testSize)).toEqual([60, 80]);
});

it('a manifest of an older version is averaged by what its results state', async () => {
  const { origin: _, ...old } = oneHot;
  const board = await boardOf([task([{ ...old, ranSeeds: 1 }])]);
  expect(board.rows).toMatchObject([
    {
      title: 'one-hot',
      seeds: 1,
      notes: ['seed 1 not run yet', 'one seed: the interval covers the test rows only; add --seeds 3'],
    },
  ]);
});

it('a path is cut to the last parts that differ', () => {
  expect(shortestEnds(['a/m', 'b/m'])).toEqual(['a/m', 'b/m']);
  expect(shortestEnds(['a/x', 'a/y'])).toEqual(['x', 'y']);
  expect(shortestEnds(['a/m', undefined])).toEqual(['m', undefined]);
  expect(shortestEnds(['a/m', 'a/m'])).toBeUndefined();
});
