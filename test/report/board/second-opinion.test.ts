/** The classical test beside a comparison: which one, on which predictions. The tests themselves: test/metrics/paired-tests.test.ts. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunManifest } from '../../../src/harness/store/result.ts';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import type { Leaderboard } from '../../../src/report/board/schema.ts';
import { decodeNpy } from '../../../src/runtime/arrays/npy.ts';
import { fakeRun } from '../fixture.ts';

let dir: string;
let manifest: RunManifest;
let board: Leaderboard;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'report-'));
  const contenders = [
    { id: 'one-hot', kind: 'baseline', family: 'one-hot', skill: 1 },
    { id: 'model', kind: 'model', skill: 1.3 },
    { id: 'model-random', kind: 'control', skill: 1.3 },
  ] as const;
  manifest = await fakeRun(dir, {
    tasks: [
      { id: 'binary', rows: 60, contenders },
      { id: 'multiclass', kind: 'multiclass', outputs: 4, rows: 60, contenders },
      { id: 'multilabel', kind: 'multilabel', outputs: 3, metric: 'macroF1', rows: 60, contenders },
      { id: 'regression', kind: 'regression', outputs: 1, metric: 'mse', rows: 40, contenders },
    ],
  });
  board = await buildLeaderboard(dir);
});
afterAll(() => rm(dir, { recursive: true }));

const opinion = (task: string, contender = 'model') =>
  board.rows.find((row) => row.task === task && row.contender === contender)!.vsOneHot!.secondOpinion;

/** `[row]` arrays of a stored `.npy`. */
async function rowsOf(path: string): Promise<number[][]> {
  const { rows, columns, values } = decodeNpy(await readFile(join(dir, 'results', path)), path);
  return Array.from({ length: rows }, (_, row) => [...values.slice(row * columns, (row + 1) * columns)]);
}

/** Predictions of seed 0 of both sides, and the true answers. */
async function paired(task: string) {
  const cell = (contender: string) =>
    manifest.cells.find((one) => one.task === task && one.contender === contender && one.seed === 0)!;
  const [one, other] = [cell('model'), cell('one-hot')];
  return {
    first: await rowsOf(`predictions/${one.key}.npy`),
    second: await rowsOf(`predictions/${other.key}.npy`),
    truth: await rowsOf(`targets/${one.taskHash}.npy`),
  };
}

it.each(['binary', 'multiclass'])("is McNemar's exact test on the first seed's answers for a %s task", async (task) => {
  const { first, second, truth } = await paired(task);
  const right = (values: number[], row: number) => values.indexOf(Math.max(...values)) === truth[row][0];
  const discordant = first.map((values, row) => Number(right(values, row)) - Number(right(second[row], row)));
  const [wins, losses] = [1, -1].map((sign) => discordant.filter((value) => value === sign).length);
  // Two-sided binomial tail by Pascal's triangle.
  let line = [1];
  for (let n = 0; n < wins + losses; n++) line = [1, ...line.slice(1).map((value, i) => value + line[i]), 1];
  const tail = line.slice(0, Math.min(wins, losses) + 1).reduce((sum, value) => sum + value, 0);
  expect(wins + losses).toBeGreaterThan(5);
  expect(opinion(task)).toEqual({
    test: 'mcnemar',
    p: expect.closeTo(Math.min(1, (2 * tail) / 2 ** (wins + losses)), 10),
  });
});

it("is Wilcoxon's signed-rank test on the first seed's squared errors for a regression task", async () => {
  const { first, second, truth } = await paired('regression');
  const error = (values: number[], row: number) => (values[0] - truth[row][0]) ** 2;
  const differences = first.map((values, row) => error(values, row) - error(second[row], row));
  const sorted = differences.toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const positive = sorted.reduce((sum, value, i) => sum + (value > 0 ? i + 1 : 0), 0);
  const total = (40 * 41) / 2;
  // How many of the 2^40 sign patterns give each rank sum.
  const ways = new Float64Array(total + 1);
  ways[0] = 1;
  for (let rank = 1; rank <= 40; rank++) for (let sum = total; sum >= rank; sum--) ways[sum] += ways[sum - rank];
  const tail = ways.slice(0, Math.min(positive, total - positive) + 1).reduce((sum, value) => sum + value, 0);
  expect(opinion('regression')).toEqual({ test: 'wilcoxon', p: expect.closeTo(Math.min(1, (2 * tail) / 2 ** 40), 10) });
});

it('is none for a multilabel task, and stands beside the comparison with the control too', () => {
  expect(opinion('multilabel')).toBeNull();
  const controls = board.tasks.map(({ headline }) => headline.vsControl!.secondOpinion?.test);
  expect(controls).toEqual(['mcnemar', 'mcnemar', undefined, 'wilcoxon']);
});
