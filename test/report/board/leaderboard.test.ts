import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withContentHash } from '../../../src/core/content-hash.ts';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import { type Leaderboard, leaderboardSchema } from '../../../src/report/board/schema.ts';
import { writeReport } from '../../../src/report/report.ts';
import { type FakeContender, fakeRun } from '../fixture.ts';

const contenders: FakeContender[] = [
  // On test rows the second is stronger; on validation rows the first is.
  { id: 'one-hot-a', kind: 'baseline', family: 'one-hot', skill: 1.6, validation: 0.8 },
  { id: 'one-hot-b', kind: 'baseline', family: 'one-hot', skill: 1.8, validation: 0.7 },
  { id: 'k-mers', kind: 'baseline', family: 'composition', skill: 3, validation: 0.99 },
  { id: 'majority', kind: 'baseline', family: 'chance', skill: 0.01 },
  { id: 'strong', kind: 'model', skill: 2.6, validation: 0.9 },
  { id: 'equal', kind: 'model', skill: 1.6, validation: 0.5 },
  { id: 'strong-random', kind: 'control', skill: 1.2 },
  { id: 'broken', kind: 'model', skill: 1, failure: 'no tensor "embed"' },
  { id: 'unfinished', kind: 'model', skill: 1, ranSeeds: 0 },
];

const folders: string[] = [];
async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'report-'));
  folders.push(dir);
  return dir;
}
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true }))));

describe('a board of known differences', () => {
  let board: Leaderboard;
  const row = (contender: string) => board.rows.find((one) => one.contender === contender)!;
  beforeAll(async () => {
    const dir = await folder();
    await fakeRun(dir, { tasks: [{ id: 'grammar', rows: 600, contenders }] });
    board = await buildLeaderboard(dir);
  });

  it('chooses the reference among one-hot baselines by validation score, not by test score', () => {
    expect(board.tasks[0].reference).toMatchObject({ contender: 'one-hot-a', probe: 'none' });
    expect(row('one-hot-b').score).toBeGreaterThan(row('one-hot-a').score!);
    expect(row('one-hot-a')).toMatchObject({ isReference: true, vsOneHot: null });
  });

  it('calls what is better better, what is equal indistinguishable and what is worse worse', () => {
    expect(row('strong').vsOneHot).toMatchObject({ reference: 'one-hot-a', verdict: 'better' });
    expect(row('equal').vsOneHot!.verdict).toBe('indistinguishable');
    expect(row('majority').vsOneHot!.verdict).toBe('worse');
    expect(row('strong-random').vsOneHot!.verdict).toBe('worse');
  });

  it('gives each score inside its interval, and each difference as the difference of scores', () => {
    for (const one of board.rows.filter(({ status }) => status === 'done')) {
      expect(one.ci.low).toBeLessThanOrEqual(one.score!);
      expect(one.ci.high).toBeGreaterThanOrEqual(one.score!);
      if (one.vsOneHot) expect(one.vsOneHot.difference).toBeCloseTo(one.score! - row('one-hot-a').score!, 12);
    }
    expect(row('strong')).toMatchObject({ testSize: 600, seeds: 2, metric: 'mcc', device: 'cpu', seconds: 5 });
    expect(row('strong').scores.mcc).toBeCloseTo(row('strong').score!, 12);
    expect(row('strong').seedSpread).toBeGreaterThan(0);
  });

  it('corrects over every compared row of the task', () => {
    const compared = board.rows.filter(({ vsOneHot }) => vsOneHot);
    expect(board.tasks[0].comparisons).toBe(compared.length);
    expect(compared).toHaveLength(6);
    const smallest = Math.min(...compared.map(({ vsOneHot }) => vsOneHot!.p!));
    const clearest = compared.find(({ vsOneHot }) => vsOneHot!.p === smallest)!;
    expect(clearest.vsOneHot!.pHolm).toBeCloseTo(Math.min(1, smallest * 6), 12);
    for (const { vsOneHot } of compared) expect(vsOneHot!.pHolm).toBeGreaterThanOrEqual(vsOneHot!.p!);
  });

  it('shows failed and missing cells, and counts them', () => {
    expect(row('broken')).toMatchObject({ status: 'failed', score: null, error: 'no tensor "embed"', kind: 'model' });
    expect(row('unfinished')).toMatchObject({ status: 'missing', score: null, kind: null, title: 'unfinished' });
    expect(board.cells).toEqual({ planned: 18, done: 14, failed: 2, missing: 2 });
    expect(board.tasks[0].cells).toEqual(board.cells);
  });

  it('sets the model chosen on validation data against one-hot and its own control, in words', () => {
    const { sentence, model, vsControl } = board.tasks[0].headline;
    expect(model).toEqual({ contender: 'strong', probe: 'logistic' });
    expect(vsControl).toMatchObject({ reference: 'strong-random', verdict: 'better' });
    expect(sentence).toMatch(
      /^Frozen strong \(logistic\) is better than the best one-hot baseline, one-hot-a: MCC 0\.\d+/,
    );
    expect(sentence).toContain('It is better than its random-weights control, strong-random (logistic)');
  });

  it('has no number that is not JSON, and keeps to its schema', () => {
    expect(leaderboardSchema.parse(JSON.parse(JSON.stringify(board)))).toEqual(board);
  });
});

describe('other tasks', () => {
  it('orients differences so that positive is better where lower scores are better', async () => {
    const dir = await folder();
    const baseline = { id: 'one-hot', kind: 'baseline', family: 'one-hot', skill: 0.3 } as const;
    const model = { id: 'model', kind: 'model', skill: 0.9 } as const;
    const task = {
      id: 'activity',
      kind: 'regression',
      outputs: 1,
      metric: 'mse',
      contenders: [baseline, model],
    } as const;
    await fakeRun(dir, { tasks: [task] });
    const { rows, tasks } = await buildLeaderboard(dir);
    expect(rows[1].score).toBeLessThan(rows[0].score!);
    expect(rows[1].vsOneHot).toMatchObject({ verdict: 'better' });
    expect(rows[1].vsOneHot!.difference).toBeGreaterThan(0);
    expect(tasks[0].headline.sentence).toContain('no random-weights control');
  });

  it('says so where there is no one-hot baseline, or no model', async () => {
    const dir = await folder();
    const model = { id: 'model', kind: 'model', skill: 1 } as const;
    const baseline = { id: 'one-hot', kind: 'baseline', family: 'one-hot', skill: 1 } as const;
    await fakeRun(dir, {
      tasks: [
        { id: 'a', contenders: [model] },
        { id: 'b', kind: 'multilabel', outputs: 3, metric: 'macroF1', contenders: [baseline] },
      ],
    });
    const { tasks, rows } = await buildLeaderboard(dir);
    expect(tasks[0].reference).toBeNull();
    expect(rows[0].vsOneHot).toBeNull();
    expect(tasks[0].headline.sentence).toContain('no one-hot baseline has a score');
    expect(tasks[1].headline.sentence).toMatch(
      /^No frozen model has a score on this task; the best one-hot baseline, one-hot/,
    );
  });
});

describe('what is damaged is shown, never dropped and never believed', () => {
  const two: FakeContender[] = [contenders[0], contenders[4]];

  it('fails a cell whose predictions are not those that were stored', async () => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { tasks: [{ id: 't', contenders: two }] });
    const broken = cells.find(({ contender }) => contender === 'strong')!;
    await writeFile(join(dir, 'results', 'predictions', `${broken.key}.npy`), 'garbage');
    const { rows } = await buildLeaderboard(dir);
    expect(rows[1]).toMatchObject({ status: 'done', seeds: 1 });
    expect(rows[1].notes[0]).toMatch(/^seed 0 failed: .*is damaged.*run again/);
  });

  it.each([
    ['predictions', (cell: { key: string }) => join('predictions', `${cell.key}.npy`)],
    ['true answers', (cell: { taskHash: string }) => join('targets', `${cell.taskHash}.npy`)],
  ])('does not keep an older board after one byte of the %s changed', async (_what, fileOf) => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { tasks: [{ id: 't', contenders: two }] });
    const before = (await writeReport(dir)).leaderboard;
    const path = join(dir, 'results', fileOf(cells[0]));
    const bytes = await readFile(path);
    bytes[bytes.length - 3] ^= 1;
    await writeFile(path, bytes);
    const after = (await writeReport(dir)).leaderboard;
    expect(after.cells.failed).toBeGreaterThan(before.cells.failed);
    expect(JSON.stringify(after.rows)).toContain('is damaged');
  });

  it('fails a cell whose document was edited', async () => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { tasks: [{ id: 't', contenders: two }] });
    const path = join(dir, 'results', `${cells[3].key}.json`);
    const sealed = withContentHash(JSON.parse(await readFile(path, 'utf8')));
    await writeFile(path, JSON.stringify(sealed));
    expect((await buildLeaderboard(dir)).cells.failed).toBe(0);
    await writeFile(path, JSON.stringify({ ...sealed, validationScore: 0.99 }));
    expect((await buildLeaderboard(dir)).rows[1].notes[0]).toMatch(/is damaged \(its checksum is not the stored one\)/);
  });

  it('fails a cell whose stored score is not the score of its predictions', async () => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { tasks: [{ id: 't', contenders: two }] });
    const path = join(dir, 'results', `${cells[3].key}.json`);
    const result = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...result, scores: { ...result.scores, mcc: 0.999 } }));
    const { rows } = await buildLeaderboard(dir);
    expect(rows[1].notes[0]).toMatch(/stored predictions give MCC .* the stored score is 0\.999/);
  });

  it('fails every cell of a task whose true answers are gone, with the reason', async () => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { tasks: [{ id: 't', contenders: two }] });
    await rm(join(dir, 'results', 'targets', `${cells[0].taskHash}.npy`));
    const { rows, cells: counts } = await buildLeaderboard(dir);
    expect(counts.failed).toBe(4);
    expect(rows[0].error).toMatch(/targets.*is absent/);
  });

  it('leaves out seeds that were run with older settings, and says so', async () => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { seeds: 3, tasks: [{ id: 't', contenders: two }] });
    const path = join(dir, 'results', `${cells[5].key}.json`);
    const result = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...result, contender: { ...result.contender, version: '0' } }));
    const { rows } = await buildLeaderboard(dir);
    expect(rows[1]).toMatchObject({ seeds: 2, notes: ['seed 2 is left out: it was run with older settings'] });
  });

  it('refuses a folder without a run, and a manifest of another version, naming the file', async () => {
    const dir = await folder();
    await expect(buildLeaderboard(dir)).rejects.toThrow(/run\.json does not exist.*npm run bench/);
    await writeFile(
      join(dir, 'run.json'),
      JSON.stringify({ schema: 'glm-bench/run@9', title: '', command: '', cells: [] }),
    );
    await expect(buildLeaderboard(dir)).rejects.toThrow(/run\.json: schema/);
  });
});

describe('writing the report', () => {
  it('writes every format, reads the board back while inputs are unchanged, and makes it anew when they change', async () => {
    const dir = await folder();
    const { cells } = await fakeRun(dir, { tasks: [{ id: 't', contenders }] });
    const first = await writeReport(dir);
    expect(first.files.map((file) => file.slice(dir.length + 1))).toEqual(
      ['json', 'csv', 'md', 'html', 'svg'].map((extension) => `leaderboard.${extension}`),
    );
    const before = await readFile(join(dir, 'leaderboard.json'), 'utf8');
    let worked = false;
    const again = await writeReport(dir, { progress: () => (worked = true) });
    expect(worked).toBe(false);
    expect(again.leaderboard).toEqual(first.leaderboard);
    expect(await readFile(join(dir, 'leaderboard.json'), 'utf8')).toBe(before);

    await writeFile(join(dir, 'leaderboard.json'), before.replace('"verdict": "worse"', '"verdict": "better"'));
    expect((await buildLeaderboard(dir)).rows).toEqual(first.leaderboard.rows);

    await rm(join(dir, 'results', `${cells[0].key}.json`));
    expect((await writeReport(dir)).leaderboard.cells.missing).toBe(first.leaderboard.cells.missing + 1);
    expect((await writeReport(dir, { title: 'Another' })).leaderboard.title).toBe('Another');
  });
});
