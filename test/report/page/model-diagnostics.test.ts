/** Diagnostics beside scores: means over seeds, columns where there is anything to show, one picture per measure. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLeaderboard } from '../../../src/report/board/leaderboard.ts';
import type { Leaderboard } from '../../../src/report/board/schema.ts';
import { leaderboardCsv } from '../../../src/report/formats/csv.ts';
import { leaderboardMarkdown } from '../../../src/report/formats/markdown.ts';
import { leaderboardTerminal } from '../../../src/report/formats/terminal.ts';
import { leaderboardHtml } from '../../../src/report/page/html.ts';
import { fakeRun } from '../fixture.ts';

const measures = (entropyBits: number, embeddings?: number) => ({
  ...{ sequences: 128, tokens: 900, entropyBits, klModelToUniformBits: 12 - 6 * entropyBits, nllBits: 1.95 },
  ...(embeddings === undefined
    ? { missing: 'not differentiable' }
    : { fisher: { sequences: 32, embeddings, embeddingParameters: 0.5 } }),
});

let board: Leaderboard;
const folders: string[] = [];
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'measures-'));
  folders.push(dir);
  return dir;
};
beforeAll(async () => {
  const dir = await folder();
  const oneHot = { id: 'one-hot', kind: 'baseline', family: 'one-hot', skill: 2 } as const;
  await fakeRun(dir, {
    tasks: [
      {
        id: 'measured',
        contenders: [
          oneHot,
          { id: 'sure', kind: 'model', skill: 3, diagnostics: [measures(1.5, 0.25), measures(1.7, 0.35)] },
          { id: 'unsure', kind: 'model', skill: 1, diagnostics: [measures(1.9), measures(1.9)] },
          { id: 'random', kind: 'control', skill: 0.5, diagnostics: [measures(2, 0.8), measures(2, 0.8)] },
          { id: 'bare', kind: 'model', skill: 1, diagnostics: [{ missing: 'no head' }, { missing: 'no head' }] },
        ],
      },
      { id: 'older', contenders: [oneHot, { id: 'sure', kind: 'model', skill: 3 }] },
    ],
  });
  board = await buildLeaderboard(dir);
});
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true }))));

const row = (contender: string) => board.rows.find((one) => one.contender === contender && one.task === 'measured');

describe('diagnostics on the board', () => {
  it('are means over seeds, and null with the reason where a seed has none', () => {
    expect(row('sure')?.diagnostics).toEqual({
      entropyBits: 1.6,
      klModelToUniformBits: expect.closeTo(2.4, 12),
      nllBits: 1.95,
      fisherEmbeddings: expect.closeTo(0.3, 12),
      fisherEmbeddingParameters: 0.5,
      missing: [],
    });
    expect(row('unsure')?.diagnostics).toMatchObject({
      entropyBits: 1.9,
      fisherEmbeddings: null,
      missing: ['not differentiable'],
    });
    expect(row('bare')?.diagnostics).toMatchObject({ entropyBits: null, nllBits: null, missing: ['no head'] });
    expect(row('one-hot')?.diagnostics).toBeUndefined();
  });

  it('are columns of the tasks that have any', () => {
    const markdown = leaderboardMarkdown(board);
    const [measured, older] = markdown.split('\n## ').slice(1);
    expect(measured).toContain(
      '| Verdict | Entropy, bits/nt | KL to uniform, bits/token | Fisher in embeddings, share |',
    );
    expect(measured).toMatch(/\| sure \|.*\| 1\.60 \| 2\.40 \| 30% \|/);
    expect(measured).toMatch(/\| bare \|.*\| – \| – \| – \|/);
    expect(older).not.toContain('Entropy');
    const terminal = leaderboardTerminal(board, { colour: false }).split('\n');
    expect(terminal.filter((line) => line.includes('Entropy, bits/nt  KL, bits/token  Fisher, share'))).toHaveLength(1);
    expect(terminal.find((line) => line.startsWith('unsure'))).toMatch(/ 1\.90 +0\.60 +– /);
    const [, sure] = parse(leaderboardCsv(board), { columns: true }) as Record<string, string>[];
    expect(sure).toMatchObject({ contender: 'sure', entropy_bits_per_nt: '1.6', parameter_share_embeddings: '0.5' });
  });

  it('are drawn against the difference to one-hot: a point for every model and control that was measured', () => {
    const html = leaderboardHtml(board);
    const section = /<section id="measures">[\s\S]*?<\/section>/.exec(html)?.[0] ?? '';
    const charts = section.match(/<svg class="chart"[\s\S]*?<\/svg>/g) ?? [];
    const dots = charts.map((svg) => svg.match(/<circle class="curve dot-(model|control)"/g)?.length);
    expect(dots).toEqual([3, 3, 2]);
    expect(charts[0]).toContain('class="zero"');
    expect(section.match(/<tr data-kind/g)).toHaveLength(3);
    expect(html).toContain('title="no head"');
  });

  it('are not there for a board without any', async () => {
    const dir = await folder();
    await fakeRun(dir, { tasks: [{ id: 't', contenders: [{ id: 'm', kind: 'model', skill: 1 }] }] });
    const html = leaderboardHtml(await buildLeaderboard(dir));
    expect(html).not.toContain('id="measures"');
    expect(html).not.toContain('data-key="entropybits"');
  });
});
