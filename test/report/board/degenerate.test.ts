import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { METRIC_NAMES } from '../../../src/metrics/metric.ts';
import { METRIC_RANGES, withinDifferences } from '../../../src/metrics/metric-range.ts';
import { METRICS } from '../../../src/metrics/metric-table.ts';
import { testRowsProblem } from '../../../src/report/board/degenerate.ts';
import { headline } from '../../../src/report/board/headline.ts';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import type { LeaderboardRow } from '../../../src/report/board/schema.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { type FakeContender, fakeRun } from '../fixture.ts';

const folders: string[] = [];
async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'report-'));
  folders.push(dir);
  return dir;
}
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true }))));

const contenders: FakeContender[] = [
  { id: 'one-hot', kind: 'baseline', family: 'one-hot', skill: 1 },
  { id: 'model', kind: 'model', skill: 2 },
  { id: 'model-random', kind: 'control', skill: 0.5 },
];

describe('test rows that cannot tell contenders apart', () => {
  const values = (...all: number[]) => Float64Array.from(all);

  it('are those whose true answers are all the same', () => {
    const one = { rows: 3, columns: 1, values: values(1, 1, 1) };
    expect(testRowsProblem('binary', one, ['no', 'yes'])).toMatch(/^All 3 test rows are of one class, "yes"/);
    expect(testRowsProblem('regression', one, [])).toMatch(/^All 3 test rows have the same target, 1:/);
    const two = { rows: 2, columns: 2, values: values(1, 0, 1, 0) };
    expect(testRowsProblem('multilabel', two, ['a', 'b'])).toMatch(/^All 2 test rows have the same labels/);
    expect(testRowsProblem('regression', { ...two, values: values(1, 0, 1, 0.5) }, [])).toBeUndefined();
    expect(testRowsProblem('binary', { ...one, values: values(1, 1, 0) }, ['no', 'yes'])).toBeUndefined();
  });

  it('give one sentence in place of verdicts', async () => {
    const dir = await folder();
    await fakeRun(dir, { tasks: [{ id: 't', oneAnswer: true, rows: 40, contenders }] });
    const { tasks, rows } = await buildLeaderboard(dir);
    expect(tasks[0].headline).toEqual({
      sentence: 'All 40 test rows are of one class, "class 0": these rows cannot show which contender is better.',
      ...{ model: null, vsOneHot: null, vsControl: null },
    });
    expect(rows.every(({ vsOneHot }) => vsOneHot === null)).toBe(true);
  });
});

it('validation rows of one class are named in the headline', async () => {
  const dir = await folder();
  const audit = { splits: { valid: { rows: 12, classes: { yes: 12, no: 0 } } } };
  await fakeRun(dir, { tasks: [{ id: 't', audit, contenders }] });
  const { tasks } = await buildLeaderboard(dir);
  expect(tasks[0].headline.sentence).toMatch(
    /All 12 validation rows are of one class, "yes": settings, layers and the one-hot reference could not be chosen on them\.$/,
  );
});

describe('a headline', () => {
  const row = (title: string, score: number | null) =>
    ({ contender: title, title, probe: 'none', score, vsOneHot: null }) as LeaderboardRow;
  const undefinedComparison = {
    ...{ reference: 'one-hot', referenceProbe: 'none', difference: null, ci: { low: null, high: null } },
    ...{ p: null, pHolm: null, verdict: null, secondOpinion: null },
  };

  it('has no dashes where a score is undefined, and names whose', () => {
    const model = { ...row('model', null), vsOneHot: undefinedComparison };
    const { sentence } = headline({
      ...{ metric: METRICS.pearson, model, reference: row('one-hot', null), control: row('control', 0.2) },
      vsControl: undefinedComparison,
    });
    expect(sentence).toBe(
      'Frozen model cannot be compared with the best one-hot baseline, one-hot: Pearson r of model and of one-hot is undefined on these test rows. It cannot be compared with its random-weights control, control: Pearson r of model is undefined on these test rows.',
    );
    expect(headline({ metric: METRICS.pearson, model, vsControl: null }).sentence).not.toContain('–');
  });

  it('states that no model can be chosen where validation scores are undefined', () => {
    expect(headline({ metric: METRICS.pearson, unchosen: true, vsControl: null }).sentence).toBe(
      'No frozen model can be chosen: Pearson r is undefined on the validation rows.',
    );
  });
});

describe('intervals', () => {
  it('are cut to what the metric can be', () => {
    expect(withinDifferences('accuracy', { low: -1.2, high: 0.3 })).toEqual({ low: -1, high: 0.3 });
    expect(withinDifferences('mse', { low: -5, high: 5 })).toEqual({ low: -5, high: 5 });
  });

  it('of every metric hold its chance level', () => {
    for (const name of METRIC_NAMES) {
      const { chance = METRIC_RANGES[name][1] } = METRICS[name];
      expect(chance).toBeGreaterThanOrEqual(METRIC_RANGES[name][0]);
      expect(chance).toBeLessThanOrEqual(METRIC_RANGES[name][1]);
    }
  });
});

it('a cell whose document is damaged is a failed row with the reason', async () => {
  const dir = await folder();
  const { cells } = await fakeRun(dir, { seeds: 1, tasks: [{ id: 't', contenders }] });
  const broken = cells.find(({ contender }) => contender === 'model')!;
  await writeFile(join(dir, 'results', `${broken.key}.json`), '{"schema": "glm-be');
  const board = await buildLeaderboard(dir);
  const damaged = board.rows.find(({ contender }) => contender === 'model')!;
  expect(damaged).toMatchObject({ status: 'failed', score: null, error: expect.stringContaining('not valid JSON') });
  expect(leaderboardHtml(board)).toContain('not valid JSON');
});
