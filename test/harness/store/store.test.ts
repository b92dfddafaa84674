import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { thisProcess } from '../../../src/core/process-identity.ts';
import {
  RESULT_SCHEMA,
  type Result,
  RUN_MANIFEST_SCHEMA,
  type RunManifest,
} from '../../../src/harness/store/result.ts';
import { openStore, type ResultStore } from '../../../src/harness/store/store.ts';

let folder: string;
let store: ResultStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'));
  store = await openStore(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const key = (digit: string) => digit.repeat(64);
const result = (of: string): Omit<Result, 'predictions'> => ({
  schema: RESULT_SCHEMA,
  key: of,
  status: 'done',
  task: {
    ...{ id: 't', title: 'T', kind: 'binary', metric: 'mcc', hash: 'h', classes: ['0', '1'] },
    ...{ trainSize: 1, validSize: 1, testSize: 1, citation: '-', licence: '-' },
  },
  contender: { id: 'c', title: 'C', kind: 'baseline', family: 'chance', citation: '-', version: '1', options: {} },
  probe: 'none',
  seed: 0,
  scores: { mcc: null },
  validationScore: 0,
  details: {},
  environment: {
    device: 'cpu',
    precision: 'float32',
    threads: 1,
    effort: 1,
    node: 'v20',
    platform: 'x',
    packages: {},
    codeHash: 'c',
  },
  timings: { seconds: 1, startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:01Z' },
});
const predictions = { rows: 1, columns: 2, values: Float64Array.of(0.25, 0.75) };

describe('a stored cell', () => {
  it('is read as it was written', async () => {
    expect(await store.read(key('a'))).toEqual({ state: 'absent' });
    const written = await store.write(result(key('a')), predictions);
    expect(await store.read(key('a'))).toEqual({ state: 'done', result: written });
  });

  it.each([
    [
      'predictions with other bytes',
      (f: string) => writeFile(join(f, 'predictions', `${key('b')}.npy`), 'x'),
      /checksum/,
    ],
    ['predictions that are gone', (f: string) => rm(join(f, 'predictions', `${key('b')}.npy`)), /missing/],
    ['a document cut short', (f: string) => writeFile(join(f, `${key('b')}.json`), '{"schema":'), /not JSON/],
    [
      'a document of another version',
      (f: string) => writeFile(join(f, `${key('b')}.json`), '{"schema":"v9"}'),
      /schema/,
    ],
    [
      'an edited validation score',
      async (f: string) => {
        const path = join(f, `${key('b')}.json`);
        await writeFile(path, (await readFile(path, 'utf8')).replace('"validationScore": 0', '"validationScore": 0.5'));
      },
      /checksum/,
    ],
    [
      "another cell's document",
      async (f: string) => writeFile(join(f, `${key('b')}.json`), JSON.stringify(result(key('c')))),
      /another/,
    ],
  ])('is damaged when it has %s', async (_what, damage, reason) => {
    await store.write(result(key('b')), predictions);
    await damage(join(folder, 'results'));
    expect(await store.read(key('b'))).toEqual({ state: 'damaged', reason: expect.stringMatching(reason) });
  });
});

describe('the manifest', () => {
  const cell = (task: string, contender: string, data: string): RunManifest['cells'][number] => ({
    ...{ key: key('a'), task, taskHash: data, contender, probe: 'none', seed: 0 },
  });

  it('loses nothing to writers at the same time', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `contender-${i}`);
    const add = (name: string) => store.addToManifest({ title: 'T', command: 'run', cells: [cell('t', name, 'v1')] });
    await Promise.all(names.map(add));
    expect((await store.readManifest())?.cells.map(({ contender }) => contender).sort()).toEqual(names);
  });

  it('is read again when its lock was lost between reading and writing', async () => {
    const place = await openStore(join(folder, 'lost'));
    const lock = join(place.folder, 'results', 'locks', 'run.lock');
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    const { host, machine } = thisProcess();
    const ours = cell('t', 'ours', 'v1');
    let reads = 0;
    await place.addToManifest({
      title: 'T',
      command: 'run',
      // Read after the manifest was: at the first time another process takes the lock, adds its
      // cell and is killed.
      get cells() {
        reads += 1;
        if (reads === 1) {
          const theirs: RunManifest = {
            schema: RUN_MANIFEST_SCHEMA,
            title: 'T',
            command: 'run',
            cells: [cell('t', 'theirs', 'v1')],
          };
          writeFileSync(join(place.folder, 'run.json'), JSON.stringify(theirs));
          writeFileSync(lock, `${pid} ${host} other 12 ${machine}\n`);
        }
        return [ours];
      },
    });
    expect((await place.readManifest())?.cells.map(({ contender }) => contender).sort()).toEqual(['ours', 'theirs']);
  });
});
