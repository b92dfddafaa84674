import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import { pretrainingCurves, withoutCurves } from '../../../src/report/board/pretraining.ts';
import { readRunFolder, type StoredCell } from '../../../src/report/board/run-folder.ts';
import { type Leaderboard, leaderboardSchema } from '../../../src/report/board/schema.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { fakeRun } from '../fixture.ts';

const report = {
  steps: 20,
  validLoss: 2,
  history: [
    { epoch: 1, trainLoss: 4, validLoss: 3 },
    { epoch: 2, trainLoss: 3, validLoss: 2 },
  ],
  losses: [
    { step: 10, loss: 5 },
    { step: 20, loss: 2.5 },
  ],
};
const card = { layers: 2, training: { seed: 7, report } };

describe('loss curves of pre-training', () => {
  let dir: string;
  let board: Leaderboard;
  let cells: readonly StoredCell[];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'report-'));
    const contenders = [
      { id: 'mae', kind: 'model', skill: 2, card, probe: 'logistic' },
      { id: 'mae', kind: 'model', skill: 2, card, probe: 'knn-cosine' },
      { id: 'frozen', kind: 'model', skill: 2, card: { layers: 2 } },
    ] as const;
    await fakeRun(dir, { tasks: [0, 1].map((i) => ({ id: `task-${i}`, rows: 60, contenders })) });
    board = await buildLeaderboard(dir);
    cells = (await readRunFolder(dir)).cells;
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('are kept once per set of weights, whatever tasks, probes and seeds used it', () => {
    const [mae, frozen] = board.contenders;
    expect(mae.pretraining).toMatchObject([{ tasks: ['task-0', 'task-1'], seeds: [0, 1] }]);
    expect(frozen.pretraining).toBeUndefined();
    expect(leaderboardSchema.parse(JSON.parse(JSON.stringify(board)))).toEqual(board);
  });

  it('run over steps: the training loss as recorded, the held-out loss at the ends of epochs', () => {
    expect(board.contenders[0].pretraining![0].train).toEqual([
      [10, 5],
      [20, 2.5],
    ]);
    expect(board.contenders[0].pretraining![0].valid).toEqual([
      [10, 3],
      [20, 2],
    ]);
  });

  it('give one line for each set of weights, and name the tasks where they differ between them', () => {
    const each = cells.map((cell) => {
      const { result, planned } = cell;
      if (!result) return cell;
      const fingerprint = `${planned.task} ${planned.seed}`;
      return { ...cell, result: { ...result, contender: { ...result.contender, fingerprint } } };
    });
    const curves = pretrainingCurves(each).get(each[0].contenderKey)!;
    expect(curves.map(({ tasks, seeds }) => [...tasks, ...seeds])).toEqual([
      ['task-0', 0],
      ['task-0', 1],
      ['task-1', 0],
      ['task-1', 1],
    ]);
    const contenders = [{ ...board.contenders[0], pretraining: [...curves] }];
    const section = /<section id="pretraining">.*?<\/section>/s.exec(leaderboardHtml({ ...board, contenders }))![0];
    expect(section.match(/<figure>/g)).toHaveLength(2);
    expect(section.match(/class="curve train"/g)).toHaveLength(4);
    expect(section).toContain('for task-1');
  });

  it('are thinned to a few hundred points, by means', () => {
    const losses = Array.from({ length: 900 }, (_, i) => ({ step: i + 1, loss: i % 2 }));
    const long = cells.map(({ result, ...cell }) => ({
      ...cell,
      result: result && {
        ...result,
        contender: { ...result.contender, card: { training: { report: { ...report, losses } } } },
      },
    }));
    const mae = long.find(({ planned }) => planned.contender === 'mae')!;
    const { train } = pretrainingCurves(long).get(mae.contenderKey)![0];
    expect(train).toHaveLength(225);
    expect(train[0]).toEqual([4, 0.5]);
    expect(train.at(-1)).toEqual([900, 0.5]);
  });

  it('leave the model card its other facts', () => {
    expect(board.contenders[0].card).toEqual({ layers: 2, training: { seed: 7, report: { steps: 20, validLoss: 2 } } });
    expect(withoutCurves({ training: { note: 'none' } })).toEqual({ training: { note: 'none' } });
  });

  it('are drawn once on the page', () => {
    const html = leaderboardHtml(board);
    expect(html).toContain('Pre-training: loss, nats per token');
    expect(html.match(/<section id="pretraining">/g)).toHaveLength(1);
  });
});
