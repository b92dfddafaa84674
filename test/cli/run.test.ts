import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunSummary } from '../../src/harness/run.ts';
import { BASELINES, TASK, toyFolder } from '../harness/fixtures/toy.ts';
import { bench, finished, said, start } from './bench.ts';

const RUN = ['run', '--task', 'task.ts', '--device', 'cpu', '--jobs', '2', '--out', 'out'];
const contenders = (...ids: string[]) => ['--contender', ...ids.map((id) => `baselines.ts#${id}`)];

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

type Document = Omit<RunSummary, 'failed'> & {
  failed: { contender: string; error: string }[];
  leaderboard: {
    tasks: { title: string }[];
    rows: { contender: string; label?: string; score: number; status: string; testSize: number }[];
  };
};

/** A folder of one's own with the toy plugins in it, and what can be done there. */
async function setUp() {
  const folder = await toyFolder();
  folders.push(folder);
  const log = { TOY_LOG: join(folder, 'log') };
  return {
    folder,
    bench: (words: readonly string[]) => bench(folder, words, log),
    start: (words: readonly string[]) => start(folder, words, log),
    async json(words: readonly string[]): Promise<Document> {
      const { stdout, stderr, code } = await bench(folder, [...words, '--json'], log);
      expect([0, 1], stderr).toContain(code);
      return JSON.parse(stdout) as Document;
    },
    /** Every fit that was begun, "contender seed". */
    fits: () => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n').sort(),
    results: () => readdirSync(join(folder, 'out', 'results')).filter((name) => name.endsWith('.json')),
  };
}

describe('run', () => {
  it.concurrent('runs plugins outside the repository, writes every result and the leaderboard, and ends with 0', async () => {
    const { folder, bench, results } = await setUp();
    const { code, stdout, stderr } = await bench([...RUN, ...contenders('quick', 'slow'), '--seeds', '2']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('quick');
    expect(stderr).toContain('[3/3]');
    expect(results()).toHaveLength(3);
    expect(readdirSync(join(folder, 'out'))).toEqual(
      expect.arrayContaining(['leaderboard.csv', 'leaderboard.html', 'leaderboard.json', 'leaderboard.md', 'run.json']),
    );
  });

  it.concurrent('prints one JSON document under --json, and nothing else on standard output', async () => {
    const { json } = await setUp();
    const { computed, failed, leaderboard } = await json([...RUN, ...contenders('quick')]);
    expect({ computed, failed }).toEqual({ computed: 1, failed: [] });
    expect(leaderboard.rows[0]).toMatchObject({ contender: 'quick', score: 1, testSize: 16 });
  });

  it('does nothing the second time, within two seconds', async () => {
    const { json, fits } = await setUp();
    await json([...RUN, ...contenders('quick')]);
    const again = await json([...RUN, ...contenders('quick')]);
    expect(again).toMatchObject({ computed: 0, reused: 1 });
    expect(again.seconds).toBeLessThan(2);
    expect(fits()).toEqual(['quick 0']);
  });

  it.concurrent('goes on without a cache that cannot be written, and gives notice once', async () => {
    const { folder, bench } = await setUp();
    await writeFile(join(folder, 'file'), '');
    const words = ['run', '--task', 'task.ts', '--model', 'kmer-bert-tiny', '--seeds', '1', '--effort', '0.02'];
    const places = ['--out', 'out', '--cache-folder', 'file/cache', '--device', 'cpu', '--jobs', '2'];
    const { code, stderr } = await bench([...words, ...places, '--contender', 'baselines.ts#quick']);
    expect(code, stderr).toBe(0);
    const notice = /The cache folder \S+file.cache cannot be written: .* \(ENOTDIR\)\. The run goes on/g;
    expect(stderr.match(notice)).toHaveLength(1);
  });

  it.concurrent('report shows the board when no file can be written, and names them', async () => {
    const { folder, bench } = await setUp();
    await bench([...RUN, ...contenders('quick')]);
    for (const name of readdirSync(join(folder, 'out')).filter((found) => found.startsWith('leaderboard.'))) {
      rmSync(join(folder, 'out', name));
      mkdirSync(join(folder, 'out', name, 'in the way'), { recursive: true });
    }
    const { code, stdout, stderr } = await bench(['report', 'out']);
    expect(code).toBe(1);
    expect(stdout).toContain('quick');
    expect(stderr).toContain('The leaderboard was not written:');
    expect(stderr).toMatch(/leaderboard\.json: cannot be written: it is a folder, not a file \(EISDIR\)/);
  });

  it.concurrent('finishes the rest and ends with 1 when cells fail or their process dies, and tries them again', async () => {
    const { bench, json } = await setUp();
    const { code, stdout, stderr } = await bench([...RUN, ...contenders('broken', 'killed', 'quick'), '--json']);
    expect(code).toBe(1);
    const { failed, leaderboard } = JSON.parse(stdout) as Document;
    const errors = Object.fromEntries(failed.map(({ contender, error }) => [contender, error]));
    expect(errors.broken).toBe('the loss is NaN in epoch 3');
    expect(errors.killed).toContain('SIGKILL');
    expect(stderr).toContain('the same command runs them again');
    const status = Object.fromEntries(leaderboard.rows.map((row) => [row.contender, row.status]));
    expect(status).toEqual({ broken: 'failed', killed: 'failed', quick: 'done' });
    expect(await json([...RUN, ...contenders('broken', 'quick')])).toMatchObject({ computed: 1, reused: 1 });
  });
});

describe('a stored result', () => {
  it.concurrent('is not reused after an option in the plugin has changed', async () => {
    const { folder, json, results } = await setUp();
    const before = await json([...RUN, ...contenders('quick')]);
    await writeFile(join(folder, 'baselines.ts'), BASELINES({ confidence: 0.8 }));
    const after = await json([...RUN, ...contenders('quick')]);
    expect([before.computed, after.computed]).toEqual([1, 1]);
    expect(after.leaderboard.rows.map(({ label }) => label)).toEqual(['confidence 0.9', 'confidence 0.8']);
    expect(results()).toHaveLength(2);
  });

  it.concurrent('is not reused after the data have changed', async () => {
    const { folder, json } = await setUp();
    await json([...RUN, ...contenders('quick')]);
    await writeFile(join(folder, 'task.ts'), TASK({ rows: 100 }));
    const after = await json([...RUN, ...contenders('quick')]);
    expect(after.computed).toBe(1);
    expect(after.leaderboard.rows).toMatchObject([{ testSize: 16 }, { testSize: 20 }]);
    expect(after.leaderboard.tasks[1].title).toMatch(/^First letter \(data [0-9a-f]{8}\)$/);
  });

  it.concurrent('is computed again when its predictions were damaged, with a word about it', async () => {
    const { folder, bench, json, results } = await setUp();
    await json([...RUN, ...contenders('quick')]);
    const file = join(folder, 'out', 'results', 'predictions', results()[0].replace('.json', '.npy'));
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    const { stderr } = await bench([...RUN, ...contenders('quick')]);
    expect(stderr).toMatch(/\.npy: its checksum is not the stored one; it is computed again/);
    expect(stderr).toContain('1 cells computed');
    expect(await json([...RUN, ...contenders('quick')])).toMatchObject({ computed: 0 });
  });
});

describe('an interruption', () => {
  const words = [...RUN, ...contenders('quick', 'slow'), '--seeds', '3'];

  it.concurrent('by kill -9 loses at most the cells in flight; the same command finishes the rest', async () => {
    const { start, json, results } = await setUp();
    const child = start(words);
    await said(child, /\[2\/4\]/);
    child.kill('SIGKILL');
    await finished(child);
    const kept = results().length;
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThan(4);
    const rest = await json(words);
    expect(rest).toMatchObject({ planned: 4, reused: kept, computed: 4 - kept, failed: [] });
  });

  it.concurrent('by Ctrl-C ends with 130, keeps what is finished and says how to go on', async () => {
    const { folder, start, results } = await setUp();
    const child = start(words);
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
  it.concurrent('share the work, compute no cell twice and agree on the board', async () => {
    const { folder, json, fits } = await setUp();
    await writeFile(join(folder, 'baselines.ts'), BASELINES({ milliseconds: 800 }));
    const words = [...RUN, ...contenders('slow', 'quick'), '--seeds', '5'];
    const [a, b] = await Promise.all([json(words), json(words)]);
    expect(a.computed + b.computed).toBe(6);
    expect(fits()).toEqual(['quick 0', 'slow 0', 'slow 1', 'slow 2', 'slow 3', 'slow 4']);
    expect(a.leaderboard.rows.map(({ score }) => score)).toEqual([1, 1]);
    expect(b.leaderboard).toEqual(a.leaderboard);
  });
});
