import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import { leaderboardCsv } from '../../../src/report/formats/csv.ts';
import { leaderboardMarkdown } from '../../../src/report/formats/markdown.ts';
import { leaderboardTerminal } from '../../../src/report/formats/terminal.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { type FakeContender, fakeRun } from '../fixture.ts';

const contenders = (zero: number): FakeContender[] => [
  { id: 'cnn', kind: 'baseline', family: 'one-hot', skill: 1 },
  { id: 'row-zero', kind: 'baseline', family: 'composition', skill: zero },
  { id: 'encoder', kind: 'model', skill: 2 },
];

describe('row zero on the board', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'row-zero-'));
    await fakeRun(folder, {
      tasks: [
        { id: 'shortcut', contenders: contenders(4) },
        { id: 'sound', contenders: contenders(0.5) },
        { id: 'without', contenders: contenders(1).filter(({ id }) => id !== 'row-zero') },
      ],
    });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is compared with every other row, and marks a model that does not beat it', async () => {
    const board = await buildLeaderboard(folder);
    const row = (task: string, contender: string) =>
      board.rows.find((found) => found.task === task && found.contender === contender)!;
    expect(row('shortcut', 'encoder').vsRowZero).toMatchObject({ reference: 'row-zero', verdict: 'worse' });
    expect(row('shortcut', 'encoder').notes.join()).toMatch(/does not beat row zero: −0\.\d+ \(−0\.\d+ to −0\.\d+\)/);
    expect(row('shortcut', 'cnn').vsRowZero?.verdict).toBe('worse');
    expect(row('shortcut', 'cnn').notes).toEqual([]);
    expect(row('shortcut', 'row-zero').vsRowZero).toBeUndefined();
    expect(row('sound', 'encoder').vsRowZero?.verdict).toBe('better');
    expect(row('sound', 'encoder').notes.join()).toMatch(/^beats row zero: \+0\.\d+/);
    expect(row('without', 'encoder').vsRowZero).toBeUndefined();
    const { difference } = row('shortcut', 'encoder').vsRowZero!;
    expect(difference).toBeCloseTo(row('shortcut', 'encoder').score! - row('shortcut', 'row-zero').score!, 12);
  });

  it('is in the headline of a task whose model does not beat it, and in every format', async () => {
    const board = await buildLeaderboard(folder);
    const sentences = board.tasks.map(({ headline }) => headline.sentence.includes('does not beat row zero'));
    expect(sentences).toEqual([true, false, false]);
    for (const text of [
      leaderboardTerminal(board, { colour: false }),
      leaderboardMarkdown(board),
      leaderboardHtml(board),
    ])
      expect(text).toContain('does not beat row zero');
    const [head, ...lines] = leaderboardCsv(board).trim().split('\n');
    const column = head.split(',').indexOf('vs_row_zero_verdict');
    expect(column).toBeGreaterThan(0);
    expect(lines.filter((line) => /,worse,/.test(line)).length).toBeGreaterThan(0);
  });
});
