import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { locateFiles, readRows } from '../../tasks/sources/data-folder.ts';
import { type HubSource, hubFolder } from '../../tasks/sources/hub.ts';

const REVISION = '0123456789abcdef0123456789abcdef01234567';
const BODY = Buffer.from('sequence,label\n'.concat('ACGTACGTAC,1\n'.repeat(5000)));
const SHA256 = createHash('sha256').update(BODY).digest('hex');
const SOURCE: HubSource = { repository: 'datasets/lab/set', revision: REVISION, files: /\.csv$/ };

let cacheFolder: string;
let server: Server;
let endpoint: string;
let requests: { path: string; range?: string }[];
/** Answers for the file, in turn; the last one is used again. */
let answers: ((request: IncomingMessage, response: ServerResponse) => void)[];
let siblings: unknown[];

const whole = (_: IncomingMessage, response: ServerResponse) => response.end(BODY);
const ranged = (request: IncomingMessage, response: ServerResponse) => {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start > 0) response.writeHead(206, { 'content-range': `bytes ${start}-${BODY.length - 1}/${BODY.length}` });
  response.end(BODY.subarray(start));
};
/** Promises the whole file, sends a part and hangs up. */
const broken = (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(200, { 'content-length': BODY.length });
  response.write(BODY.subarray(0, 20000), () => setTimeout(() => response.destroy(), 20));
};

beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'hub-'));
  requests = [];
  answers = [ranged];
  siblings = [
    { rfilename: 'README.md', size: 3 },
    { rfilename: 'data/train.csv', size: BODY.length },
  ];
  server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    requests.push({ path, range: request.headers.range });
    if (path === `/api/datasets/lab/set/revision/${REVISION}`) return response.end(JSON.stringify({ siblings }));
    if (path !== `/datasets/lab/set/resolve/${REVISION}/data/train.csv`) return response.writeHead(404).end();
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  await rm(cacheFolder, { recursive: true });
});

const get = (source: HubSource = SOURCE, allowDownload = true) =>
  hubFolder(source, { cacheFolder, allowDownload, endpoint });
const snapshot = async () =>
  JSON.parse(await readFile(join(cacheFolder, 'hub/datasets--lab--set', REVISION, 'snapshot.json'), 'utf8'));
const hintOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error & { hint?: string }) => `${error.message} | ${error.hint}`,
  );

describe('the hub', () => {
  it('fetches the wanted files of a pinned commit, then needs no network', async () => {
    const folder = await get();
    expect(await readFile(join(folder, 'data/train.csv'))).toEqual(BODY);
    expect(requests.map(({ path }) => path)).not.toContain(`/datasets/lab/set/resolve/${REVISION}/README.md`);
    const before = requests.length;
    expect(await get(SOURCE, false)).toBe(folder);
    expect(requests).toHaveLength(before);
  });

  it('downloads nothing unless asked to', async () => {
    expect(await hintOf(get(SOURCE, false))).toMatch(/not downloaded yet \| Give --download/);
    expect(requests).toHaveLength(0);
  });

  it('wants a commit, from the task or from the user, never a branch', async () => {
    const { revision: _, ...unpinned } = SOURCE;
    expect(await hintOf(get(unpinned))).toMatch(
      /no commit is pinned .*write \{"datasets\/lab\/set": \{"revision": "<commit>"\}\} to .*pins\.json/,
    );
    expect(await hintOf(get({ ...SOURCE, revision: 'main' }))).toMatch(/"main" is not a commit/);
    await get();
    await writeFile(join(cacheFolder, 'hub/pins.json'), JSON.stringify({ 'datasets/lab/set': { revision: REVISION } }));
    expect(await get(unpinned, false)).toContain(REVISION);
  });

  it('says who vouches for each hash: the pin, the hub, or the first download', async () => {
    await get();
    expect((await snapshot()).files[1]).toMatchObject({ sha256: SHA256, trust: 'first download' });
    expect((await snapshot()).files[0].sha256).toBeUndefined();
    await rm(join(cacheFolder, 'hub'), { recursive: true });
    siblings = [{ rfilename: 'data/train.csv', size: BODY.length, lfs: { sha256: SHA256 } }];
    await get();
    expect((await snapshot()).files[0].trust).toBe('stated by the hub');
    await rm(join(cacheFolder, 'hub'), { recursive: true });
    await get({ ...SOURCE, sha256: { 'data/train.csv': SHA256 } });
    expect((await snapshot()).files[0].trust).toBe('pinned');
  });

  it('throws away a file whose hash is not the pinned one', async () => {
    const wrong = { ...SOURCE, sha256: { 'data/train.csv': 'f'.repeat(64) } };
    expect(await hintOf(get(wrong))).toMatch(
      new RegExp(`sha256 is ${SHA256}, but f{64} is expected; it was thrown away`),
    );
    await expect(readFile(join(cacheFolder, 'hub/datasets--lab--set', REVISION, 'data/train.csv'))).rejects.toThrow(
      /ENOENT/,
    );
    expect((await snapshot()).files[1].sha256).toBeUndefined();
  });

  it('holds a file to the hash of its first download', async () => {
    const folder = await get();
    await writeFile(join(folder, 'data/train.csv'), 'damaged');
    expect(await hintOf(get(SOURCE, false))).toMatch(/1 files are missing or damaged, such as "data\/train.csv"/);
    await get();
    expect(await readFile(join(folder, 'data/train.csv'))).toEqual(BODY);
    await writeFile(join(folder, 'data/train.csv'), 'damaged');
    answers = [(_, response) => response.end(Buffer.alloc(BODY.length, 65))];
    expect(await hintOf(get())).toMatch(/is expected; it was thrown away/);
  });

  it('goes on where a transfer broke off', async () => {
    answers = [broken, ranged];
    const folder = await get();
    expect(await readFile(join(folder, 'data/train.csv'))).toEqual(BODY);
    expect(requests.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('starts afresh where the server does not resume', async () => {
    answers = [broken, whole];
    expect(await readFile(join(await get(), 'data/train.csv'))).toEqual(BODY);
  });

  it('gives up on a transfer that keeps breaking, and keeps what came', async () => {
    answers = [(_, response) => response.writeHead(503).end()];
    expect(await hintOf(get())).toMatch(/the server answered 503, 3 times \| Run again to go on/);
    answers = [broken, broken, broken];
    await get().catch(() => undefined);
    answers = [ranged];
    expect(await readFile(join(await get(), 'data/train.csv'))).toEqual(BODY);
  });

  it('refuses a path that climbs out of its folder', async () => {
    siblings = [{ rfilename: '../../evil.csv' }];
    expect(await hintOf(get())).toMatch(/which is no path inside the repository/);
  });

  it('says what is there when no file is wanted, and when the hub cannot be reached', async () => {
    expect(await hintOf(get({ ...SOURCE, files: /\.parquet$/ }))).toMatch(
      /no file matches .*it has README.md, data\/train.csv/,
    );
    const nowhere = hubFolder(SOURCE, {
      cacheFolder: join(cacheFolder, 'other'),
      allowDownload: true,
      endpoint: 'http://127.0.0.1:1',
    });
    expect(await hintOf(nowhere)).toMatch(/cannot be reached .*--data-folder DIR or GLM_BENCH_DATA/);
  });

  it('serves a task whose files are not in the data folder, and again without leave to download', async () => {
    const request = {
      id: 'lab.set',
      folders: ['lab'],
      files: { all: ['train'] },
      hub: SOURCE,
      hubFolders: ['', 'data'],
    };
    const before = process.env.HF_ENDPOINT;
    process.env.HF_ENDPOINT = endpoint;
    try {
      expect(await hintOf(locateFiles(request, { cacheFolder, allowDownload: false }))).toMatch(
        /or download datasets\/lab\/set with --download/,
      );
      for (const allowDownload of [true, false]) {
        const { all } = await locateFiles(request, { cacheFolder, dataFolder: cacheFolder, allowDownload });
        expect(await readRows(all, {})).toHaveLength(5000);
      }
    } finally {
      if (before === undefined) delete process.env.HF_ENDPOINT;
      else process.env.HF_ENDPOINT = before;
    }
  });

  it('is safe to ask for twice at once', async () => {
    const [first, second] = await Promise.all([get(), get()]);
    expect(first).toBe(second);
    expect(await readFile(join(first, 'data/train.csv'))).toEqual(BODY);
  });

  it('reports a pins file that is not JSON', async () => {
    await get();
    await writeFile(join(cacheFolder, 'hub/pins.json'), '{oops');
    expect(await hintOf(get())).toMatch(/pins\.json: not JSON .*\| Correct the file or delete it/);
  });
});
