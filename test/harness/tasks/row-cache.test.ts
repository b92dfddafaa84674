import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TaskDefinition } from '../../../src/harness/contracts.ts';
import { prepareTask } from '../../../src/harness/tasks/prepare.ts';
import { prepareKept } from '../../../src/harness/tasks/row-cache.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slow-rows-'));
  await mkdir(join(folder, 'data')); // not the cache's own folder, whose time changes with the cache
  await writeFile(join(folder, 'data', 'table.tsv'), 'id\tseq\n');
});
afterEach(() => rm(folder, { recursive: true }));

/** A task that counts how often it is loaded. */
function counting(change: Partial<TaskDefinition> = {}) {
  const counted = { loads: 0 };
  const file = join(folder, 'data', 'table.tsv');
  const definition: TaskDefinition = {
    id: 'slow',
    title: 'Slow',
    kind: 'binary',
    metric: 'mcc',
    citation: 'none',
    licence: 'none',
    split: { method: 'random' },
    load: async ({ note }) => {
      counted.loads++;
      note?.('Two rows left out.');
      return Array.from({ length: 40 }, (_, i) => ({
        id: `r${i}`,
        sequence: i % 3 === 0 ? 'acgtn' : 'GGCAT',
        label: i % 2 === 0 ? 'a' : 'b',
        group: `g${i % 7}`,
        source: { file, line: i + 2 },
      }));
    },
    ...change,
  };
  return { counted, definition };
}
const reference = { type: 'plugin', file: '/plugin.ts', id: 'slow', sourceHash: 'x' } as const;
const context = () => ({ allowDownload: false, cacheFolder: join(folder, 'cache') });
const keptFile = async () => {
  const names = await readdir(join(folder, 'cache', 'tasks')).catch(() => []);
  return names.map((name) => join(folder, 'cache', 'tasks', name));
};

test('rows that were slow to load are loaded once, and prepared alike', async () => {
  const { counted, definition } = counting();
  const plain = await prepareTask(definition, context());
  const [first, second] = [
    await prepareKept(definition, reference, context(), 0),
    await prepareKept(definition, reference, context(), 0),
  ];
  expect(counted.loads).toBe(2); // one of them plain
  expect(first).toEqual(plain);
  expect(second).toEqual(plain);
  expect(second.notes[0]).toBe('Two rows left out.');
  expect(second.rows[5].source).toEqual({ file: join(folder, 'data', 'table.tsv'), line: 7 });
});

test('whoever listens hears the notes of kept rows as well', async () => {
  const { definition } = counting();
  await prepareKept(definition, reference, context(), 0);
  const heard: string[] = [];
  await prepareKept(definition, reference, { ...context(), note: (line) => heard.push(line) }, 0);
  expect(heard).toEqual(['Two rows left out.']);
});

test('rows are loaded again when a file, or the plugin, changed', async () => {
  const { counted, definition } = counting();
  await prepareKept(definition, reference, context(), 0);
  await utimes(join(folder, 'data', 'table.tsv'), 1, 1);
  await prepareKept(definition, reference, context(), 0);
  expect(counted.loads).toBe(2);
  await prepareKept(definition, { ...reference, sourceHash: 'y' }, context(), 0);
  expect(counted.loads).toBe(3);
});

test('rows of a file that changed while it was read are not kept', async () => {
  const { definition } = counting();
  const load: TaskDefinition['load'] = async (inner) => {
    const rows = await definition.load(inner);
    await utimes(join(folder, 'data', 'table.tsv'), Date.now() / 1000 + 1, Date.now() / 1000 + 1);
    return rows;
  };
  await prepareKept({ ...definition, load }, reference, context(), 0);
  expect(await keptFile()).toEqual([]);
});

test('a damaged or shortened cache is read again, with a warning that names the file', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const { counted, definition } = counting();
  const plain = await prepareTask(definition, context());
  await prepareKept(definition, reference, context(), 0);
  const [path] = await keptFile();
  const text = await readFile(path, 'utf8');
  const at = text.indexOf('"sequence":"') + 12;
  const flipped = `${text.slice(0, at)}${text[at] === 'A' ? 'C' : 'A'}${text.slice(at + 1)}`; // still valid JSON
  expect(flipped).not.toBe(text);
  const cut = text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1);
  for (const damaged of [text.slice(0, 300), cut, flipped, 'x', '']) {
    const loads = counted.loads;
    await writeFile(path, damaged);
    expect((await prepareKept(definition, reference, context(), 0)).hash).toBe(plain.hash);
    expect(counted.loads).toBe(loads + 1);
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(warn).toHaveBeenLastCalledWith(expect.stringContaining(`${path} is damaged`), 'CacheWarning');
  }
  warn.mockRestore();
});

test('nothing is kept of quick tasks, of rows that cannot be used, and of rows that name no file', async () => {
  await prepareKept(counting().definition, reference, context(), 60);
  expect(await keptFile()).toEqual([]);
  const row = { id: 'a', sequence: 'ACGT', label: 'a' };
  const twice = counting({ load: async () => [row, row] }).definition;
  await expect(prepareKept(twice, reference, context(), 0)).rejects.toThrow('is taken by');
  const { load } = counting().definition;
  const nameless = counting({
    load: async (inner) => (await load(inner)).map(({ source: _, ...rest }) => rest),
  }).definition;
  await prepareKept(nameless, reference, context(), 0);
  expect(await keptFile()).toEqual([]);
});
