import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchOptions, fetchModel } from '../../../src/models/hub/fetch-model.ts';
import { cachedModel, listCachedModels, modelPath } from '../../../src/models/hub/hub-cache.ts';
import { type HubId, parseHubId } from '../../../src/models/hub/hub-id.ts';
import { PATIENCE, type Patience, retryAfter } from '../../../src/models/hub/patience.ts';
import { hubServer } from '../../../src/models/hub/request.ts';
import { loadModelFolder } from '../../../src/models/model-folder.ts';
import { ANSWERS, COMMIT, type Hub, sha256, startHub, TINY_BERT } from './server.ts';

const ID = parseHubId('lab/tiny') as HubId;
const WEIGHTS = `/lab/tiny/resolve/${COMMIT}/model.safetensors`;

let cacheFolder: string;
let hub: Hub;
let pauses: number[];

beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'models-'));
  hub = await startHub();
  pauses = [];
});
afterEach(async () => {
  await hub.close();
  await rm(cacheFolder, { recursive: true });
});

const get = (more: Partial<FetchOptions> = {}, id = ID) =>
  fetchModel(id, {
    server: hubServer(hub.endpoint, {}),
    cacheFolder,
    pause: async (milliseconds) => void pauses.push(milliseconds),
    ...more,
  });
/** What an error says and advises. */
const complaint = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error & { hint?: string }) => `${error.message} | ${error.hint}`,
  );
const weights = () => hub.files.get('model.safetensors') as Buffer;
const place = (name: string) => join(cacheFolder, 'hub', 'models--lab--tiny', COMMIT, name);

describe('fetching a model', () => {
  it('brings config, tokenizer and weights of one commit, which then load like any folder', async () => {
    const { folder, commit, downloaded, licence } = await get();
    expect(commit).toBe(COMMIT);
    expect(licence).toBe('mit');
    expect(downloaded.toSorted()).toEqual(['config.json', 'kmer_tokenizer.json', 'model.safetensors', 'training.json']);
    const [model, original] = await Promise.all([loadModelFolder(folder), loadModelFolder(TINY_BERT)]);
    expect(model.fingerprint).toBe(original.fingerprint);
    expect(await readdir(folder)).toHaveLength(4); // no parts are left
  });

  it('records the commit and the sha256 of every file, and who vouches for it', async () => {
    await get({ sha256: { 'model.safetensors': sha256(weights()) } });
    const manifest = JSON.parse(await readFile(`${place('.')}.manifest.json`, 'utf8'));
    expect(manifest).toMatchObject({ model: 'lab/tiny', commit: COMMIT, endpoint: hub.endpoint, licence: 'mit' });
    for (const { path, sha256: hash, size } of manifest.files) {
      const body = hub.files.get(path) as Buffer;
      expect({ hash, size }).toEqual({ hash: sha256(body), size: body.length });
    }
    const trust = Object.fromEntries(
      manifest.files.map((file: { path: string; trust: string }) => [file.path, file.trust]),
    );
    expect(trust).toMatchObject({ 'model.safetensors': 'pinned', 'config.json': 'stated by the hub' });
  });

  it('asks no server again for what is there and whole', async () => {
    await get();
    const before = hub.requests.length;
    expect((await get()).downloaded).toEqual([]);
    expect((await get({ revision: COMMIT })).downloaded).toEqual([]);
    expect(hub.requests).toHaveLength(before);
  });

  it('mends a file that was damaged, and only that', async () => {
    await get();
    await writeFile(place('model.safetensors'), 'damaged');
    expect((await get()).downloaded).toEqual(['model.safetensors']);
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
  });

  it('tells how far it is', async () => {
    const heard: { done: number; total: number }[] = [];
    await get({ onProgress: (done, total) => heard.push({ done, total }) });
    const total = [...hub.files.values()].reduce((sum, { length }) => sum + length, 0);
    expect(heard.at(-1)).toEqual({ done: total, total });
    expect(heard.every(({ done }, i) => i === 0 || done >= heard[i - 1].done)).toBe(true);
  });

  it('lets two ask at once: one fetches, the other finds it', async () => {
    const both = await Promise.all([get(), get()]);
    expect(both.map(({ downloaded }) => downloaded.length).toSorted()).toEqual([0, 4]);
  });
});

describe('which files', () => {
  const fetched = async () => (await get()).files.map(({ path }) => path);

  it('one format: safetensors, not the same weights as torch has them, nor states of a trainer', async () => {
    for (const name of ['pytorch_model.bin', 'flax_model.msgpack', 'optimizer.pt', 'modeling_tiny.py', 'runs/1/events'])
      hub.files.set(name, Buffer.from('x'));
    hub.files.set('README.md', Buffer.from('---\nlicense: mit\n---\n'));
    expect((await fetched()).toSorted()).toEqual([
      'README.md',
      'config.json',
      'kmer_tokenizer.json',
      'model.safetensors',
      'training.json',
    ]);
  });

  it('.bin where there is no safetensors', async () => {
    hub.files.set('pytorch_model.bin', weights());
    hub.files.delete('model.safetensors');
    expect(await fetched()).toContain('pytorch_model.bin');
  });

  it('shards that an index names', async () => {
    hub.files.delete('model.safetensors');
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    for (const name of [...shards, 'model-unused.safetensors']) hub.files.set(name, Buffer.from(name));
    const index = { weight_map: { a: shards[0], b: shards[1], c: shards[1] } };
    hub.files.set('model.safetensors.index.json', Buffer.from(JSON.stringify(index)));
    const paths = await fetched();
    expect(paths).toEqual(expect.arrayContaining(['model.safetensors.index.json', ...shards]));
    expect(paths).not.toContain('model-unused.safetensors');
  });

  it('no shard that the repository lacks, wherever its name points', async () => {
    hub.files.delete('model.safetensors');
    hub.files.set('model.safetensors.index.json', Buffer.from('{"weight_map":{"a":"../../../evil"}}'));
    expect(await complaint(get())).toMatch(/index\.json asks for "\.\.\/\.\.\/\.\.\/evil", which the repository lacks/);
  });

  it('no weights of an architecture that is not known: it is refused before they come', async () => {
    hub.files.set('config.json', Buffer.from('{"model_type":"evo"}'));
    expect(await complaint(get())).toMatch(/model_type 'evo' is not supported; known: bert, /);
    expect(hub.requests.map(({ path }) => path)).not.toContain(WEIGHTS);
    hub.files.set('onnx/model.onnx', Buffer.from('export'));
    hub.files.set('onnx/model.onnx_data', Buffer.from('its weights'));
    expect(await fetched()).toEqual(expect.arrayContaining(['onnx/model.onnx', 'onnx/model.onnx_data']));
  });

  it('a repository without weights says what it has', async () => {
    hub.files.delete('model.safetensors');
    expect(await complaint(get())).toMatch(/holds no weights that are read here; it has config\.json, /);
  });
});

describe('a transfer that goes wrong', () => {
  const serve = (...answers: (keyof typeof ANSWERS)[]) =>
    hub.answers.set(
      WEIGHTS,
      answers.map((name) => ANSWERS[name]),
    );
  const ranges = () => hub.requests.filter(({ path }) => path === WEIGHTS).map(({ range }) => range);

  it('goes on where it broke off', async () => {
    serve('broken', 'ranged');
    await get();
    expect(ranges()).toEqual([undefined, 'bytes=1000-']);
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
    expect(pauses).toEqual([1000]);
  });

  it('goes on in a later call, once it was given up', async () => {
    serve('broken');
    expect(await complaint(get())).toMatch(/broke off after \d+ bytes .*4 attempts \| What came is kept/);
    expect(existsSync(place('model.safetensors'))).toBe(false);
    expect(await complaint(cachedModel(cacheFolder, ID))).toMatch(/there is no such model on this machine/);
    serve('ranged');
    await get();
    expect(ranges().at(-1)).toBe('bytes=4000-');
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
  });

  it('starts afresh where the server knows no ranges', async () => {
    serve('broken', 'whole');
    await get();
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
  });

  it('starts afresh where the part is no beginning of the file', async () => {
    await mkdir(place('.'), { recursive: true });
    await writeFile(place('model.safetensors.part'), 'x'.repeat(weights().length + 1));
    await get();
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
    hub.answers.set(WEIGHTS, [(_, response) => response.writeHead(416).end(), ANSWERS.whole]);
    await rm(place('model.safetensors'));
    await writeFile(place('model.safetensors.part'), 'x');
    await get();
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
  });

  it('does not take a body that ends early for the whole', async () => {
    serve('truncated', 'ranged');
    await get();
    expect(ranges()).toEqual([undefined, 'bytes=1000-']);
    expect(await readFile(place('model.safetensors'))).toEqual(weights());
  });

  it('refuses other bytes than the hub, or the user, vouches for, and throws them away', async () => {
    serve('altered');
    expect(await complaint(get())).toMatch(/sha256 is [0-9a-f]{64}, but [0-9a-f]{64} is expected; it was thrown away/);
    expect(await readdir(place('.'))).not.toContain('model.safetensors.part');
    serve('ranged');
    const wrong = { 'model.safetensors': '0'.repeat(64) };
    expect(await complaint(get({ sha256: wrong }))).toMatch(/but 0{64} is expected/);
    const config = `/lab/tiny/resolve/${COMMIT}/config.json`;
    await rm(place('config.json'));
    hub.answers.set(config, [ANSWERS.altered]);
    expect(await complaint(get())).toMatch(/what came is not the file of this commit \(git blob/);
  });

  it('writes no more than the hub states', async () => {
    serve('overlong');
    expect(await complaint(get())).toMatch(/more than the \d+ bytes came that the hub states/);
  });

  it('waits as long as a busy server asks for', async () => {
    hub.answers.set(WEIGHTS, [(_, response) => response.writeHead(429, { 'retry-after': '7' }).end(), ANSWERS.ranged]);
    await get();
    expect(pauses).toEqual([7000]);
  });
});

const LISTING = '/api/models/lab/tiny/revision/main';
/** A server under these bounds, in milliseconds and bytes. */
const impatient = (more: Partial<Patience>) => ({ ...hubServer(hub.endpoint, {}), patience: { ...PATIENCE, ...more } });

describe('a slow, busy or boundless server', () => {
  it.each([429, 500, 503])(
    'that answers %i to the listing is asked again, after as long as it says',
    async (status) => {
      hub.answers.set(LISTING, [
        (_, response) => response.writeHead(status).end(),
        (_, response) => response.writeHead(status, { 'retry-after': '9' }).end(),
        ANSWERS.whole,
      ]);
      await get();
      expect(pauses).toEqual([1000, 9000]);
    },
  );

  it('that stays busy is left after four attempts', async () => {
    hub.answers.set(LISTING, [(_, response) => response.writeHead(503).end()]);
    expect(await complaint(get())).toMatch(/the server answered 503; 4 attempts/);
    expect(pauses).toEqual([1000, 2000, 4000]);
  });

  it('that never answers is left', async () => {
    hub.answers.set(LISTING, [() => {}]);
    expect(await complaint(get({ server: impatient({ answer: 30 }) }))).toMatch(
      /no answer came in 0\.03 s; 4 attempts/,
    );
  });

  it.each([
    ['listing', LISTING],
    ['file', WEIGHTS],
  ])('that falls silent within a %s is left', async (_what, path) => {
    hub.answers.set(path, [(_, response) => void response.write('{')]);
    expect(await complaint(get({ server: impatient({ idle: 30 }) }))).toMatch(/no byte came for 0\.03 s/);
  });

  it.each([
    ['listing', LISTING],
    ['file', WEIGHTS],
  ])('that sends a %s byte by byte is left', async (_what, path) => {
    hub.answers.set(path, [
      (_, response) => {
        const timer = setInterval(() => response.write(' '), 5);
        response.on('close', () => clearInterval(timer));
      },
    ]);
    const server = impatient({ least: 1000, period: 40 });
    expect(await complaint(get({ server }))).toMatch(/only \d+ bytes came in 0\.04 s.*4 attempts/);
  });

  it('whose listing is too long, or never complete, is refused', async () => {
    expect(await complaint(get({ server: impatient({ listing: 10 }) }))).toMatch(/longer than 10 bytes/);
    expect(await complaint(get({ server: impatient({ listingTime: -1 }) }))).toMatch(/was not complete after/);
  });

  it('that states no size of a file may not send more than is bounded', async () => {
    const names = [...hub.files.keys()];
    hub.listing = { sha: COMMIT, siblings: names.map((rfilename) => ({ rfilename })) };
    hub.answers.set(WEIGHTS, [(_, response, body) => void response.write(body, () => response.end())]);
    expect(await complaint(get({ server: impatient({ unstated: 5000 }) }))).toMatch(
      /more than 5000 bytes came of a file whose size the server does not state/,
    );
  });

  it('may ask for a later attempt in seconds or by a date', () => {
    expect(retryAfter('7')).toBe(7000);
    expect(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 50_000)).toBe(10_000);
    expect([retryAfter(null), retryAfter(''), retryAfter('soon')]).toEqual([undefined, undefined, undefined]);
  });
});

describe('the server', () => {
  it.each([
    ['an unknown name', { status: 401, code: 'RepoNotFound' }, /answered 401 .*\| Check the name; for a private model/],
    [
      'a gated model',
      { status: 403, code: 'GatedRepo' },
      /answered 403 .*accept their terms at http.*\/lab\/tiny, then set HF_TOKEN/,
    ],
    [
      'a token that is not accepted',
      { status: 401, code: '' },
      /answered 401 .*Set HF_TOKEN to a token that may read it/,
    ],
    ['an unknown revision', { status: 404, code: 'RevisionNotFound' }, /answered 404 .*Choose a commit, branch or tag/],
    ['a page that is not there', { status: 404, code: '' }, /answered 404 .*Check the name and the revision/],
  ])('%s', async (_what, { status, code }, message) => {
    hub.answers.set('/api/models/lab/tiny/revision/main', [
      (_, response) => response.writeHead(status, code ? { 'x-error-code': code } : {}).end(),
    ]);
    expect(await complaint(get())).toMatch(message);
  });

  it('that gates the files alone', async () => {
    hub.answers.set(WEIGHTS, [(_, response) => response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end()]);
    expect(await complaint(get())).toMatch(/model\.safetensors: the hub answered 401 .*accept their terms/);
  });

  it('that can not be reached', async () => {
    const server = hubServer('http://127.0.0.1:1', {});
    expect(await complaint(get({ server }))).toMatch(
      /cannot be reached \(.*\| .*a mirror with --endpoint URL or HF_ENDPOINT/,
    );
  });

  it.each([
    [
      'no JSON',
      (_request: unknown, response: { end(text: string): void }) => response.end('<html>'),
      /the answer is not JSON/,
    ],
    ['no commit', { siblings: [] }, /the answer names no commit/],
    ['another commit', { sha: 'f'.repeat(40), siblings: [] }, /the answer is of commit f{40}/],
    ['no files', { sha: COMMIT }, /the answer lists no files/],
  ])('that answers with %s', async (_what, answer, message) => {
    const path = `/api/models/lab/tiny/revision/${COMMIT}`;
    if (typeof answer === 'function') hub.answers.set(path, [answer]);
    else hub.listing = answer;
    expect(await complaint(get({ revision: COMMIT }))).toMatch(message);
  });

  it.each(['../../evil.json', '/etc/passwd', 'a/../../b', 'a\\..\\b', 'a//b', '', 'C:/x', 7])(
    'that names a file %j outside the repository is refused, and nothing is written',
    async (rfilename) => {
      hub.listing = { sha: COMMIT, siblings: [{ rfilename: 'config.json' }, { rfilename }] };
      expect(await complaint(get())).toMatch(/which is no path inside the repository/);
      expect(existsSync(place('.'))).toBe(false);
    },
  );

  it('that redirects to another is followed; the token stays with the first', async () => {
    const storage = await startHub();
    storage.files.set('/blobs/1', weights());
    hub.answers.set(WEIGHTS, [
      (_, response) => response.writeHead(302, { location: `${storage.endpoint}/blobs/1?signature=x` }).end(),
    ]);
    try {
      await get({ server: hubServer(hub.endpoint, { HF_TOKEN: 'secret' }) });
      expect(await readFile(place('model.safetensors'))).toEqual(weights());
      expect(hub.requests.every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
      expect(storage.requests).toEqual([{ path: '/blobs/1', range: undefined, authorization: undefined }]);
    } finally {
      await storage.close();
    }
  });

  it('is that of the flag, else of HF_ENDPOINT, else the hub', () => {
    const environment = { HF_ENDPOINT: 'https://mirror.example/' };
    expect(hubServer('http://here:1', environment).endpoint).toBe('http://here:1');
    expect(hubServer(undefined, environment).endpoint).toBe('https://mirror.example');
    expect(hubServer(undefined, {}).endpoint).toBe('https://huggingface.co');
    expect(() => hubServer('mirror', {})).toThrow(/mirror is no address of a server/);
  });
});

describe('which commit', () => {
  it('a branch is looked up once: from then on the name stands for that commit', async () => {
    await get();
    expect(hub.requests[0].path).toBe('/api/models/lab/tiny/revision/main');
    expect(await modelPath('lab/tiny', cacheFolder)).toBe(place('.'));
    expect(await modelPath(`lab/tiny@${COMMIT}`, cacheFolder)).toBe(await modelPath('lab/tiny', cacheFolder));
    expect((await listCachedModels(cacheFolder)).map(({ model }) => model)).toEqual(['lab/tiny']);
  });

  it("the user's pins.json decides, files too", async () => {
    await mkdir(join(cacheFolder, 'hub'));
    const pin = (files: object) =>
      writeFile(
        join(cacheFolder, 'hub', 'pins.json'),
        JSON.stringify({ 'models/lab/tiny': { revision: COMMIT, files } }),
      );
    await pin({ 'model.safetensors': 'f'.repeat(64) });
    expect(await complaint(get())).toMatch(/but f{64} is expected/);
    expect(hub.requests[0].path).toBe(`/api/models/lab/tiny/revision/${COMMIT}`);
    await pin({ 'model.bin': 'f'.repeat(64) });
    expect(await complaint(get())).toMatch(/a sha256 is given for model\.bin, which is not among the files/);
    await pin({ 'model.bin': 'F'.repeat(64) });
    expect(await complaint(get())).toMatch(/is no sha256 of 64 lower-case hex digits/);
    await writeFile(join(cacheFolder, 'hub', 'pins.json'), '{oops');
    expect(await complaint(get())).toMatch(/pins\.json: not JSON .*Correct the file or delete it/);
  });
});

describe('without a network', () => {
  it('a model that was not fetched is told with the command that fetches it', async () => {
    const remedy = 'A model of the hub is fetched with: npm run bench -- models fetch lab/tiny';
    expect(await complaint(modelPath('lab/tiny', cacheFolder))).toContain(
      `lab/tiny: there is no such model on this machine | ${remedy}`,
    );
    expect(await complaint(modelPath(`lab/tiny@${COMMIT}`, cacheFolder))).toContain(`${remedy} --revision ${COMMIT}`);
    expect(await complaint(modelPath('lab/tiny@main', cacheFolder))).toMatch(/"main" is no commit of 40 hex digits/);
    expect(await complaint(modelPath('no such file', cacheFolder))).toMatch(/there is no such model \| Looked for/);
    expect(hub.requests).toEqual([]);
  });

  it('a model whose files are not those that were fetched is told', async () => {
    await get();
    await writeFile(place('model.safetensors'), 'cut');
    expect(await complaint(modelPath('lab/tiny', cacheFolder))).toMatch(
      /model\.safetensors is damaged \| A model of the hub is fetched with/,
    );
    await rm(place('model.safetensors'));
    expect(await complaint(modelPath('lab/tiny', cacheFolder))).toMatch(/model\.safetensors is missing/);
  });
});
