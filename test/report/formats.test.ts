import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  escapeCsvText,
  escapeHtml,
  escapeMarkdown,
  escapeTerminal,
  safeUrl,
  withoutControls,
} from '../../src/core/escape.ts';
import { buildLeaderboard } from '../../src/report/board/leaderboard.ts';
import type { Leaderboard } from '../../src/report/board/schema.ts';
import { niceTicks } from '../../src/report/charts/svg.ts';
import { leaderboardCsv } from '../../src/report/formats/csv.ts';
import { leaderboardSvg } from '../../src/report/formats/figure.ts';
import { leaderboardMarkdown } from '../../src/report/formats/markdown.ts';
import {
  decimalsFor,
  formatDifference,
  formatP,
  formatScore,
  formatSeconds,
} from '../../src/report/formats/numbers.ts';
import { leaderboardTerminal } from '../../src/report/formats/terminal.ts';
import { leaderboardHtml } from '../../src/report/page/html.ts';
import { definitionList, linked } from '../../src/report/page/json-as-html.ts';
import { fakeRun } from './fixture.ts';

const HOSTILE = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"' onload=alert(3) \`|\n=1+1 \u001b[31m\u202e`;
const history = [1, 2, 3].map((epoch) => ({
  epoch,
  trainLoss: 1 / epoch,
  validLoss: 1.2 / epoch,
  validScore: epoch / 4,
}));
const audit = {
  splits: {
    train: {
      rows: 80,
      unique: 78,
      length: { min: 90, median: 100, max: 110 },
      unknownFraction: 0,
      gc: 0.5,
      classes: { [HOSTILE]: 40, b: 40 },
    },
    test: {
      rows: 40,
      unique: 40,
      length: { min: 90, median: 100, max: 110 },
      unknownFraction: 0,
      gc: null,
      classes: { b: 40 },
    },
  },
  within: { train: { exact: 2, reverseComplement: 0, near: 0 }, test: { exact: 0, reverseComplement: 0, near: 0 } },
  across: [{ from: 'train', to: 'test', exact: 3, reverseComplement: 1, near: 0 }],
  conflictingLabels: { sequences: 0, rows: 0, oppositeSequences: 1, oppositeRows: 2 },
  nearDuplicates: { k: 15, jaccard: 0.8 },
};

let board: Leaderboard;
let hostile: Leaderboard;
const folders: string[] = [];

const measures = (missing: string) => ({
  ...{ sequences: 128, tokens: 900, entropyBits: 1.9, klModelToUniformBits: 0.4, nllBits: 1.91, missing },
});

async function built(text: string): Promise<Leaderboard> {
  const dir = await mkdtemp(join(tmpdir(), 'report-'));
  folders.push(dir);
  const common = { title: text, description: text, citation: text, options: { [text]: text } };
  const task = { id: text, title: text, description: text, citation: text, url: `javascript:alert(1)//${text}`, audit };
  const open = { ...task, id: `open ${text}`, kind: 'multiclass', metric: 'accuracy', outputs: 3, rows: 60 } as const;
  const report = { steps: 4, history: [{ epoch: 1, trainLoss: 2, validLoss: 1 }], losses: [{ step: 4, loss: 2 }] };
  const model = { ...common, id: `model ${text}`, kind: 'model', skill: 3, probe: text } as const;
  await fakeRun(dir, {
    title: text,
    tasks: [
      {
        ...task,
        rows: 200,
        harmonicWith: open.id,
        notes: [text],
        contenders: [
          {
            ...common,
            id: `one-hot ${text}`,
            kind: 'baseline',
            family: 'one-hot',
            skill: 1,
            details: { history, [text]: [text] },
          },
          {
            ...model,
            card: { [text]: { nested: text }, training: { report } },
            diagnostics: [measures(text), measures(text)],
          },
          { ...common, id: `broken ${text}`, kind: 'model', skill: 1, failure: text },
          { ...model, id: `control ${text}`, kind: 'control', skill: 2, diagnostics: [measures(text), measures(text)] },
        ],
      },
      { ...open, contenders: [model] },
    ],
  });
  return buildLeaderboard(dir);
}

beforeAll(async () => {
  board = await built('plain');
  hostile = await built(HOSTILE);
});
afterAll(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true }))));

/** Everything between < and > that a browser would read as a tag. */
const tags = (html: string) => html.match(/<[a-z!/][^>]*>/gi) ?? [];

/** Tags with the values of their attributes emptied: what is left are names. */
const attributes = (html: string) => tags(html).map((tag) => tag.replace(/"[^"]*"/g, '""'));

describe('the HTML page', () => {
  it('is one file that fetches nothing', () => {
    const html = leaderboardHtml(board);
    expect(attributes(html).join('')).not.toMatch(/<(link|img|iframe|object|embed|base)\b|\ssrc=/);
    expect(html).not.toMatch(/@import|[^a-zA-Z]url\(|fetch\(|XMLHttp/);
    expect(html).toContain(`default-src 'none'`);
  });

  it('allows exactly the style and script it holds, by hash', () => {
    const html = leaderboardHtml(board);
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    expect(html).toContain(`style-src ${hash(/<style>([\s\S]*?)<\/style>/.exec(html)![1])};`);
    expect(html).toContain(`script-src ${hash(/<script>([\s\S]*?)<\/script>/.exec(html)![1])};`);
    for (const names of attributes(html)) expect(names).not.toMatch(/\s(style|on[a-z]+)=/);
  });

  it('gives hostile text no tag, attribute, script, or link of its own', () => {
    const html = leaderboardHtml(hostile);
    const names = (page: string) => [...new Set(tags(page).map((tag) => /^<\/?([a-z0-9!]+)/i.exec(tag)?.[1]))].sort();
    expect(names(html)).toEqual(names(leaderboardHtml(board)));
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script/g)).toHaveLength(2);
    for (const names of attributes(html)) expect(names).not.toMatch(/\s(on[a-z]+|src)\s*=/);
    expect(html).not.toMatch(/href="javascript:/i);
    const shown = html.replace(/<script type="application[\s\S]*?<\/script>/, '');
    for (const control of ['\u001b', '\u202e']) expect(shown).not.toContain(control);
  });

  it('carries its data as JSON that parses to the board', () => {
    const html = leaderboardHtml(hostile);
    const data = /<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(html)![1];
    expect(JSON.parse(data)).toEqual(hostile);
  });

  it('sorts by buttons inside column heads and marks the order for assistive technology', () => {
    const html = leaderboardHtml(board);
    const heads = html.match(/<th scope="col" data-first[^>]*><button type="button" data-key="[a-z]+">/g) ?? [];
    expect(heads.length).toBeGreaterThanOrEqual(7);
    expect(html).toMatch(/aria-sort="descending"><button type="button" data-key="score">MCC</);
  });

  it('shows the verdict as shape and word, leakage, class balance, curves, failures and provenance', () => {
    const html = leaderboardHtml(board);
    expect(html).toContain('<span class="badge better"><span aria-hidden="true">▲</span>better</span>');
    expect(html).toMatch(/4 test rows have duplicates in earlier splits/);
    expect(html).toMatch(/alarm"><b>⚠ 3<\/b>/);
    expect(html).toContain('1 (2 rows) when strand is ignored');
    expect(html.match(/<path class="curve valid"/g)).toHaveLength(2);
    expect(html).toContain('Failed: plain');
    expect(html).toContain(board.provenance.environments[0].codeHash);
    expect(html).toContain('bench run --suite fake');
  });

  it('gives every comparison in full, with its second opinion, apart from the board', () => {
    const html = leaderboardHtml(board);
    const [, table] = /<summary>Comparisons in full[\s\S]*?(<table>[\s\S]*?<\/table>)/.exec(html)!;
    expect(table.match(/<tr><td>/g)).toHaveLength(3);
    expect(table).toContain(`McNemar ${formatP(board.rows[1].vsOneHot!.secondOpinion!.p).replace('<', '&lt;')}`);
    expect(html).toContain('<b>Second opinion</b>');
    expect(/<table class="board"[\s\S]*?<\/table>/.exec(html)![0]).not.toContain('McNemar');
  });

  it('counts what a long list leaves out', () => {
    const html = definitionList({ path: Array.from({ length: 20 }, (_, i) => i) });
    expect(html).toContain('and 8 more in leaderboard.json');
    expect(definitionList({ exactDuplicates: 3 }, { alarm: true })).toContain('class="alarm"');
  });

  it('prints on the card what the task noted on reading', () => {
    expect(leaderboardHtml(board)).toContain('<h3>Noted on reading</h3><ul><li>plain</li></ul>');
    expect(leaderboardHtml(board).match(/Noted on reading/g)).toHaveLength(1);
  });
});

describe('CSV', () => {
  it('reads back, with every number whole', () => {
    const rows: Record<string, string>[] = parse(leaderboardCsv(board), { columns: true, record_delimiter: '\r\n' });
    expect(rows).toHaveLength(5);
    const [reference, model, broken] = rows;
    expect(reference).toMatchObject({ is_reference: 'true', vs_one_hot_verdict: '', kind: 'baseline' });
    expect(Number(model.score)).toBe(board.rows[1].score);
    expect(Number(model.vs_one_hot_difference)).toBe(board.rows[1].vsOneHot!.difference);
    expect(model.vs_one_hot_second_test).toBe('mcnemar');
    expect(Number(model.vs_one_hot_second_p)).toBe(board.rows[1].vsOneHot!.secondOpinion!.p);
    expect(Number(model.score_auroc)).toBe(board.rows[1].scores.auroc);
    expect(broken).toMatchObject({ status: 'failed', score: '', error: 'plain' });
  });

  it('keeps hostile text in its cell and harmless in a spreadsheet', () => {
    const rows: Record<string, string>[] = parse(leaderboardCsv(hostile), { columns: true, record_delimiter: '\r\n' });
    expect(rows[2].error).toBe(withoutControls(HOSTILE));
    for (const control of ['\u001b', '\u202e', '\u0007']) expect(leaderboardCsv(hostile)).not.toContain(control);
    expect(escapeCsvText('\u001b[2J=1')).toBe("'�[2J=1");
    for (const text of ['=1+1', '+1', '-1', '@sum', '\t=1', ' =1', '＝1']) expect(escapeCsvText(text)).toMatch(/^"?'/);
    expect(escapeCsvText('a "b", c')).toBe('"a ""b"", c"');
  });
});

describe('Markdown', () => {
  it('has one table line per row, whatever the text holds', () => {
    for (const each of [board, hostile]) {
      const lines = leaderboardMarkdown(each)
        .split('\n')
        .filter((line) => line.startsWith('|'));
      const bars = lines.map((line) => line.match(/(?<!\\)\|/g)?.length);
      const [measured, plain, harmonic] = [4 + 2, 1 + 2, 4 + 2];
      expect(bars).toEqual([...Array(measured).fill(11), ...Array(plain).fill(9), ...Array(harmonic).fill(6)]);
    }
    expect(leaderboardMarkdown(hostile)).not.toMatch(/<(script|img)/);
    expect(escapeMarkdown('[a](b) *c* <d>')).toBe('\\[a\\](b) \\*c\\* &lt;d&gt;');
  });
});

describe('the terminal table', () => {
  it('is aligned and has colour only where asked for', () => {
    const plain = leaderboardTerminal(board, { colour: false });
    expect(plain).not.toContain('\u001b');
    expect(leaderboardTerminal(board, { colour: true })).toContain('\u001b[1m');
    const lines = plain.split('\n');
    const head = lines.find((line) => line.startsWith('Contender'))!;
    const model = lines.find((line) => line.includes('▲ better'))!;
    expect(model.indexOf('▲')).toBe(head.indexOf('Verdict'));
    expect(plain).toContain('failed: plain: plain');
    expect(plain).toContain('8 of 10 cells done: 2 failed.');
  });

  it('lets no escape sequence of the data through', () => {
    for (const control of ['\u001b', '\u202e'])
      expect(leaderboardTerminal(hostile, { colour: false })).not.toContain(control);
    expect(escapeTerminal('a\u001b[2Jb\r\nc')).toBe('a�[2Jb c');
  });
});

describe('the SVG picture', () => {
  it('is one well-formed drawing without links or scripts', () => {
    const svg = leaderboardSvg(hostile);
    const names = new Set(tags(svg).map((tag) => /^<\/?([a-z]+)/i.exec(tag)![1]));
    expect([...names].sort()).toEqual(
      ['circle', 'path', 'rect', 'style', 'svg', 'text', 'title'].filter((name) => names.has(name)),
    );
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('numbers and text', () => {
  it('are written as readers expect', () => {
    expect(formatScore(-0.0001)).toBe('0.000');
    expect(formatDifference(0.0123)).toBe('+0.012');
    expect(formatDifference(-0.5, 2)).toBe('−0.50');
    expect(formatDifference(-0.0001)).toBe('0.000');
    expect(formatDifference(null)).toBe('–');
    expect([formatP(0.0004), formatP(0.04)]).toEqual(['<0.001', '0.040']);
    expect([0.02, 3.21, 45, 600, 9000].map(formatSeconds)).toEqual(['20 ms', '3.2 s', '45 s', '10 min', '2.5 h']);
    expect([0.83, 12, 250, 30_000, 0.0031].map((value) => decimalsFor([value, null]))).toEqual([3, 2, 1, 0, 5]);
    expect(niceTicks({ low: -0.1, high: 0.21 }, 4).map((tick) => tick.toFixed(1))).toEqual([
      '-0.1',
      '0.0',
      '0.1',
      '0.2',
    ]);
  });

  it('become links only where they are web addresses', () => {
    expect(safeUrl('https://doi.org/10.1/x')).toBe('https://doi.org/10.1/x');
    expect(linked('See <https://doi.org/10.1/x>, p. 1')).toBe(
      'See &lt;<a href="https://doi.org/10.1/x" rel="noopener noreferrer">https://doi.org/10.1/x</a>&gt;, p. 1',
    );
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'not a url']) expect(safeUrl(text)).toBeUndefined();
    expect(escapeHtml(`<a href="x" b='y'>&\``)).toBe('&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&#96;');
  });
});
