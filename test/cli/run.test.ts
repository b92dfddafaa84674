import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunSummary } from '../../src/harness/run.ts';
import { BASELINES, TASK, toyFolder } from '../harness/fixtures/toy.ts';
import { bench, finished, said, start } from './bench.ts';

const RUN = ['run', '--task', 'task.ts', '--device', 'cpu', '--jobs', '2', '--out', 'out'];
const contenders = (...ids: string[]) => ['--contender', ...ids.map((id) => `baselines.ts#${id}`)];

let folder: string;
beforeEach(async () => {
  folder = await toyFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Document = Omit<RunSummary, 'failed'> & {
  failed: { contender: string; error: string }[];
  leaderboard: { rows: { contender: string; score: number; status: string; testSize: number }[] };
};

async function json(words: readonly string[], env: Record<string, string> = {}): Promise<Document> {
  const { stdout, stderr, code } = await bench(folder, [...words, '--json'], env);
  expect([0, 1], stderr).toContain(code);
  return JSON.parse(stdout) as Document;
}

const fits = () => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n').sort();
const results = () => readdirSync(join(folder, 'out', 'results')).filter((name) => name.endsWith('.json'));

describe('run', () => {
  it('runs plugins outside the repository, writes every result and the leaderboard, and ends with 0', async () => {
    const { code, stdout, stderr } = await bench(folder, [...RUN, ...contenders('quick', 'slow'), '--seeds', '2']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('quick');
    expect(stderr).toContain('[3/3]');
    expect(results()).toHaveLength(3);
    expect(readdirSync(join(folder, 'out'))).toEqual(
      expect.arrayContaining(['leaderboard.csv', 'leaderboard.html', 'leaderboard.json', 'leaderboard.md', 'run.json']),
    );
  });

  it('prints one JSON document under --json, and nothing else on standard output', async () => {
    const { computed, failed, leaderboard } = await json([...RUN, ...contenders('quick')]);
    expect({ computed, failed }).toEqual({ computed: 1, failed: [] });
    expect(leaderboard.rows[0]).toMatchObject({ contender: 'quick', score: 1, testSize: 16 });
  });

  it('does nothing the second time, within two seconds', async () => {
    await json([...RUN, ...contenders('quick')], { TOY_LOG: join(folder, 'log') });
    const begun = performance.now();
    const again = await json([...RUN, ...contenders('quick')], { TOY_LOG: join(folder, 'log') });
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(again).toMatchObject({ computed: 0, reused: 1 });
    expect(fits()).toEqual(['quick 0']);
  });

  it('finishes the rest and ends with 1 when cells fail or their process dies, and tries them again', async () => {
    const { code, stdout, stderr } = await bench(folder, [
      ...RUN,
      ...contenders('broken', 'killed', 'quick'),
      '--json',
    ]);
    expect(code).toBe(1);
    const { failed, leaderboard } = JSON.parse(stdout) as Document;
    const errors = Object.fromEntries(failed.map(({ contender, error }) => [contender, error]));
    expect(errors.broken).toBe('the loss is NaN in epoch 3');
    expect(errors.killed).toContain('SIGKILL');
    expect(stderr).toContain('the same command tries them again');
    const status = Object.fromEntries(leaderboard.rows.map((row) => [row.contender, row.status]));
    expect(status).toEqual({ broken: 'failed', killed: 'failed', quick: 'done' });
    expect(await json([...RUN, ...contenders('broken', 'quick')])).toMatchObject({ computed: 1, reused: 1 });
  });
});

describe('a stored result', () => {
  it('is not reused after an option in the plugin has changed', async () => {
    const before = await json([...RUN, ...contenders('quick')]);
    await writeFile(join(folder, 'baselines.ts'), BASELINES({ confidence: 0.8 }));
    const after = await json([...RUN, ...contenders('quick')]);
    expect([before.computed, after.computed, after.leaderboard.rows.length]).toEqual([1, 1, 1]);
    expect(results()).toHaveLength(2);
  });

  it('is not reused after the data have changed', async () => {
    await json([...RUN, ...contenders('quick')]);
    await writeFile(join(folder, 'task.ts'), TASK({ rows: 100 }));
    const after = await json([...RUN, ...contenders('quick')]);
    expect(after.computed).toBe(1);
    expect(after.leaderboard.rows).toMatchObject([{ testSize: 20 }]);
  });

  it('is computed again when its predictions were damaged, with a word about it', async () => {
    await json([...RUN, ...contenders('quick')]);
    const file = join(folder, 'out', 'results', 'predictions', results()[0].replace('.json', '.npy'));
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    const { stderr } = await bench(folder, [...RUN, ...contenders('quick')]);
    expect(stderr).toMatch(/\.npy: its checksum is not the stored one; it is computed again/);
    expect(stderr).toContain('1 cells computed');
    expect(await json([...RUN, ...contenders('quick')])).toMatchObject({ computed: 0 });
  });
});

describe('an interruption', () => {
  const words = [...RUN, ...contenders('quick', 'slow'), '--seeds', '3'];

  it('by kill -9 loses at most the cells in flight; the same command finishes the rest', async () => {
    const log = { TOY_LOG: join(folder, 'log') };
    const child = start(folder, words, log);
    await said(child, /\[2\/4\]/);
    child.kill('SIGKILL');
    await finished(child);
    const kept = results().length;
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThan(4);
    const rest = await json(words, log);
    expect(rest).toMatchObject({ planned: 4, reused: kept, computed: 4 - kept, failed: [] });
  });

  it('by Ctrl-C ends with 130, keeps what is finished and says how to go on', async () => {
    const child = start(folder, words);
    const end = finished(child);
    await said(child, /\[1\/4\]/);
    child.kill('SIGINT');
    const { code, stderr } = await end;
    expect(code).toBe(130);
    expect(stderr).toContain('the same command continues with the rest');
    expect(results().length).toBeGreaterThanOrEqual(1);
    for (const file of results()) {
      expect(JSON.parse(readFileSync(join(folder, 'out', 'results', file), 'utf8'))).toMatchObject({ status: 'done' });
    }
  });
});

describe('two runs at once in one folder', () => {
  it('share the work, compute no cell twice and agree on the board', async () => {
    await writeFile(join(folder, 'baselines.ts'), BASELINES({ milliseconds: 800 }));
    const words = [...RUN, ...contenders('slow', 'quick'), '--seeds', '5'];
    const log = { TOY_LOG: join(folder, 'log') };
    const [a, b] = await Promise.all([json(words, log), json(words, log)]);
    expect(a.computed + b.computed).toBe(6);
    expect(fits()).toEqual(['quick 0', 'slow 0', 'slow 1', 'slow 2', 'slow 3', 'slow 4']);
    expect(a.leaderboard.rows.map(({ score }) => score)).toEqual([1, 1]);
    expect(b.leaderboard).toEqual(a.leaderboard);
  });
});
