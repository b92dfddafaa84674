import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harmonicMean, harmonicTables, harmonicTexts } from '../../../src/report/board/harmonic.ts';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import { type Leaderboard, leaderboardSchema } from '../../../src/report/board/schema.ts';
import { leaderboardMarkdown } from '../../../src/report/formats/markdown.ts';
import { leaderboardTerminal } from '../../../src/report/formats/terminal.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { type FakeContender, fakeRun } from '../fixture.ts';

describe('the harmonic mean', () => {
  it('is 2ab/(a + b)', () => {
    expect(harmonicMean(0.5, 1)).toBeCloseTo(2 / 3, 15);
    expect(harmonicMean(0.3, 0.3)).toBeCloseTo(0.3, 15);
    expect(harmonicMean(0, 0.9)).toBe(0);
    expect(harmonicMean(0, 0)).toBe(0);
  });

  it('is none where a score is missing, or below zero', () => {
    expect(harmonicMean(null, 0.5)).toBeNull();
    expect(harmonicMean(0.5, -0.01)).toBeNull();
  });
});

const model = (id: string, probe: string, skill: number, more: Partial<FakeContender> = {}): FakeContender => ({
  ...{ id, kind: 'model', probe, skill },
  ...more,
});

describe('on a board', () => {
  let dir: string;
  let board: Leaderboard;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'report-'));
    const common = { kind: 'multiclass', metric: 'accuracy', outputs: 3, rows: 90 } as const;
    await fakeRun(dir, {
      tasks: [
        {
          ...common,
          id: 'x.genus',
          contenders: [
            model('mae', 'nn-cosine', 2),
            model('mae', 'knn-cosine', 3),
            model('mae', 'logistic', 3),
            model('mlm', 'knn-cosine', 1),
            model('mlm', 'knn-euclidean', 1.5),
            model('mlm', 'logistic', 2),
            model('linear', 'logistic', 1),
            model('fewer', 'nn-cosine', 2, { ranSeeds: 1 }),
            { id: 'alignment-nn', kind: 'baseline', family: 'composition', skill: 4 },
          ],
        },
        {
          ...common,
          id: 'x.clusters',
          rows: 60,
          harmonicWith: 'x.genus',
          contenders: [
            model('mae', 'ward-umap', 1),
            model('mae', 'ward-pca', 2),
            model('mlm', 'ward-umap', 2),
            model('linear', 'ward-pca', 1, { failure: 'no memory' }),
            model('fewer', 'ward-umap', 2),
            model('untried', 'ward-umap', 2),
          ],
        },
        { ...common, id: 'alone', harmonicWith: 'elsewhere', contenders: [model('mae', 'nn-cosine', 2)] },
      ],
    });
    board = await buildLeaderboard(dir);
  });
  afterAll(() => rm(dir, { recursive: true }));

  const lines = (contender: string) => board.harmonic![0].rows.filter((row) => row.contender === contender);
  const probes = (contender: string) =>
    lines(contender)
      .map(({ openWorld, own }) => `${openWorld?.probe} x ${own?.probe}`)
      .sort();
  const scoreOf = (task: string, contender: string, probe: string) =>
    board.rows.find((row) => row.task === task && row.contender === contender && row.probe === probe)!;

  it('has a table for each task that names another one of the board', () => {
    expect(board.harmonic!.map(({ task, openWorld }) => [task, openWorld])).toEqual([['x.clusters', 'x.genus']]);
    expect(leaderboardSchema.parse(JSON.parse(JSON.stringify(board)))).toEqual(board);
  });

  it('pairs every clustering probe with the cosine 1-NN; with every neighbour probe where that was not run', () => {
    expect(probes('mae')).toEqual(['nn-cosine x ward-pca', 'nn-cosine x ward-umap']);
    expect(probes('mlm')).toEqual(['knn-cosine x ward-umap', 'knn-euclidean x ward-umap']);
    expect(probes('linear')).toEqual(['logistic x ward-pca']);
  });

  it('takes the mean scores over seeds, and the spread of the means of single seeds', () => {
    const line = lines('mae').find(({ own }) => own?.probe === 'ward-pca')!;
    const [a, b] = [scoreOf('x.genus', 'mae', 'nn-cosine'), scoreOf('x.clusters', 'mae', 'ward-pca')];
    expect([line.openWorld?.score, line.own?.score]).toEqual([a.score, b.score]);
    expect(line.harmonicMean).toBeCloseTo((2 * a.score! * b.score!) / (a.score! + b.score!), 12);
    const [first, second] = a.cells.map(({ score }, i) => harmonicMean(score, b.cells[i].score)!);
    expect(line.seedSpread).toBeCloseTo(Math.abs(first - second) / Math.SQRT2, 12);
  });

  it('claims no spread where the seeds differ', () => {
    expect(lines('fewer')[0]).toMatchObject({ seedSpread: null, openWorld: { seeds: 1 }, own: { seeds: 2 } });
    expect(lines('fewer')[0].harmonicMean).toBeGreaterThan(0);
  });

  it('shows who has one score only, or a failed one, without a mean', () => {
    expect(lines('alignment-nn')).toMatchObject([{ openWorld: { probe: 'none' }, own: null, harmonicMean: null }]);
    expect(lines('untried')).toMatchObject([{ openWorld: null, own: { probe: 'ward-umap' }, harmonicMean: null }]);
    expect(lines('linear')).toMatchObject([{ own: { score: null }, harmonicMean: null }]);
  });

  it('orders by the mean, what has none last', () => {
    const means = board.harmonic![0].rows.map((row) => row.harmonicMean ?? -1);
    expect(means).toEqual([...means].sort((a, b) => b - a));
  });

  it('does not join scores that are better the lower they are', () => {
    const tasks = board.tasks.map((task) => (task.id === 'x.genus' ? { ...task, higherIsBetter: false } : task));
    expect(harmonicTables(tasks, board.rows)).toEqual([]);
  });

  it('stands in every format that is read, with the remark that no interval is claimed', () => {
    const [{ title, heads, lines: text }] = harmonicTexts(board);
    expect(heads).toEqual(['Contender', 'Probes', 'a: Accuracy', 'b: Accuracy', 'Harmonic mean']);
    expect(text.find(([name]) => name === 'alignment-nn')!.slice(1)).toEqual(['', expect.any(String), '–', '–']);
    for (const page of [
      leaderboardTerminal(board, { colour: false }),
      leaderboardMarkdown(board),
      leaderboardHtml(board),
    ]) {
      expect(page).toContain(title);
      expect(page).toContain('No interval is claimed');
      expect(page).toMatch(/nn-cosine × ward-umap/);
    }
  });
});
