import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QualityReport } from '../../../src/quality/quality-report.ts';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import { verdictCounts } from '../../../src/report/board/row-order.ts';
import { leaderboardMarkdown } from '../../../src/report/formats/markdown.ts';
import { leaderboardTerminal } from '../../../src/report/formats/terminal.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { type FakeContender, fakeRun } from '../fixture.ts';

const contenders: FakeContender[] = [
  { id: 'cnn', kind: 'baseline', family: 'one-hot', skill: 1 },
  { id: 'encoder', kind: 'model', skill: 3 },
];

function quality(verdict: 'PASS' | 'FAIL'): QualityReport {
  return {
    schema: 'glm-bench/quality@1',
    rules: 'quality-rules@1',
    verdict,
    checks: [
      {
        id: 'construction.shuffle-twins',
        verdict,
        statistic: 'share of test rows with a twin',
        value: verdict === 'FAIL' ? 0.906 : 0,
        interval: [0, 1],
        thresholds: { warn: 0.01, fail: 0.05 },
        reason: '734 of <810> test rows have a twin',
        examples: [],
        evidence: {},
      },
    ],
  };
}

describe('a task that fails its audit', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'task-quality-'));
    await fakeRun(folder, {
      tasks: [
        { id: 'good', quality: quality('PASS'), contenders },
        { id: 'twins', quality: quality('FAIL'), harmonicWith: 'good', contenders },
        { id: 'old record', harmonicWith: 'good', contenders },
      ],
    });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is marked with the check and its number in every format, and stays on the board', async () => {
    const board = await buildLeaderboard(folder);
    const texts = [leaderboardTerminal(board, { colour: false }), leaderboardMarkdown(board), leaderboardHtml(board)];
    for (const text of texts) {
      expect(text).toMatch(/This task fails its audit\. construction\.shuffle\\?-twins 0\.906 \(limit 0\.05\)/);
      expect(text.match(/This task fails its audit/g)).toHaveLength(1);
      expect(text).toMatch(/1 of 3 tasks fails its audit and is left out of counts and means/);
      expect(text).toContain('Task twins');
    }
    expect(texts[2]).toContain('734 of &lt;810&gt; test rows');
    expect(board.rows.filter(({ task }) => task === 'twins')).toHaveLength(2);
  });

  it('is left out of counts of verdicts and of harmonic means', async () => {
    const board = await buildLeaderboard(folder);
    expect(verdictCounts(board)).toMatchObject({ better: 2, none: 0 });
    expect(board.harmonic?.map(({ task }) => task)).toEqual(['old record']);
  });

  it('counts where the report includes failed tasks, and is still marked', async () => {
    const board = await buildLeaderboard(folder, { includeFailed: true });
    expect(verdictCounts(board)).toMatchObject({ better: 3 });
    expect(board.harmonic?.map(({ task }) => task)).toEqual(['twins', 'old record']);
    expect(board.inputsHash).not.toBe((await buildLeaderboard(folder)).inputsHash);
    const text = leaderboardMarkdown(board);
    expect(text).toContain('This task fails its audit');
    expect(text).not.toContain('left out of counts');
  });
});
