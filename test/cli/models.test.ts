import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { fingerprintJob, inspectJob } from '../../src/cli/jobs/models.ts';
import { compareFingerprints } from '../../src/cli/models/fingerprint.ts';
import type { ModelFacts } from '../../src/cli/models/inspect.ts';
import { tokenBudget } from '../../src/embeddings/batch-plan.ts';
import { openCheckpoint } from '../../src/models/checkpoints/checkpoint.ts';
import { writeSafetensors } from '../../src/runtime/arrays/safetensors.ts';
import { ANSWERS, COMMIT, type Hub, sha256, startHub, TINY_BERT } from '../models/hub/server.ts';
import { bench, type Finished, said, start } from './bench.ts';

const GOLDENS = fileURLToPath(new URL('../models/goldens/', import.meta.url));
const WEIGHTS = `/lab/tiny/resolve/${COMMIT}/model.safetensors`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'models-command-'));
  vi.stubEnv('GLM_BENCH_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** The command line without a process of its own. */
async function inProcess(words: readonly string[]): Promise<Finished> {
  const heard = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      heard[stream] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(words), ...heard };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const inspected = (model: string, sequences?: string): Promise<ModelFacts> =>
  inspectJob({ model, sequences, device: 'cpu', threads: 1, cacheFolder: folder }, () => {});

async function copyOf(name: string): Promise<string> {
  await cp(join(GOLDENS, name), join(folder, name), { recursive: true });
  return join(folder, name);
}

/** Writes the weights again, each tensor as `change` makes it; undefined leaves it out. */
async function rewrite(model: string, change: (name: string, data: Float32Array) => Float32Array | undefined) {
  const checkpoint = await openCheckpoint(model);
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const name of checkpoint.names()) {
    const data = change(name, (await checkpoint.read(name)).slice());
    if (data) tensors.set(name, { shape: checkpoint.entry(name).shape, data });
  }
  await writeSafetensors(join(model, 'model.safetensors'), tensors);
}

describe('models list', () => {
  it('has the architectures with models published, and what was fetched', async () => {
    const { code, stdout } = await inProcess(['models', 'list', '--json']);
    const { architectures, fetched } = JSON.parse(stdout);
    const bert = architectures.find(({ id }: { id: string }) => id === 'bert');
    expect(bert).toMatchObject({ title: 'BERT', models: expect.arrayContaining(['PoetschLab/GROVER']) });
    expect({ code, fetched }).toEqual({ code: 0, fetched: [] });
  });
});

describe('models inspect', () => {
  it('tells what a checkpoint is and needs, from its files', async () => {
    const model = await copyOf('tiny-bert');
    await writeFile(join(model, 'README.md'), '---\nlicense: mit\n---\n');
    const file = join(folder, 'some.fa');
    await writeFile(file, `>a\nacgtACGTACGT\n>b\nACGTNNNN\n>long\n${'ACGT'.repeat(20)}\n`);
    const facts = await inspected(model, file);
    const { body = 0, head = 0 } = facts.sizes?.parameters ?? {};
    expect(facts).toMatchObject({
      id: 'tiny-bert',
      licence: { licence: 'mit', from: 'README.md' },
      architecture: { id: 'bert' },
      config: { hidden_size: 16 },
      sizes: { layers: 2, dimension: 16, heads: 2, vocabularySize: 18, maxTokens: 20, reads: 'masked' },
      tokenizer: { description: '2-mers, stride 2', vocabularySize: 18, nucleotidesPerToken: 2, maxNucleotides: 40 },
      checkpoint: { format: 'safetensors', tensors: 42, types: { F32: 42 }, head: 'present', unused: [] },
      missing: [],
    });
    expect(facts.memory?.weights).toBe(4 * (body + head));
    // As many sequences as `embed` puts into a batch on that machine.
    const sequences = Math.floor(tokenBudget({ device: 'cpu', threads: 1 }) / 20);
    expect(facts.memory?.batch).toMatchObject({ tokens: 20, sequences });
    expect(facts.tokens).toMatchObject([
      { of: 'random', sequences: 64, lengths: [32, 32], tokensPerBase: 0.5, unreadable: 0 },
      { of: file, sequences: 2, bases: 20, tokens: 10, unreadable: 1, why: expect.stringContaining('80 nucleotides') },
    ]);
    for (const { path, sha256: hash } of facts.files) expect(hash).toBe(sha256(await readFile(join(model, path))));
    expect(facts.files.map(({ path }) => path)).toContain('model.safetensors');
  });

  it('counts the parameters that the checkpoint has', async () => {
    const checkpoint = await openCheckpoint(join(GOLDENS, 'architectures/esm'));
    const sizes = checkpoint.names().map((name) => checkpoint.entry(name).shape.reduce((n, length) => n * length, 1));
    const { sizes: found, checkpoint: facts } = await inspected(join(GOLDENS, 'architectures/esm'));
    const unused = facts?.unused.map((name) => checkpoint.entry(name).shape.reduce((n, length) => n * length, 1)) ?? [];
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    expect((found?.parameters?.body ?? 0) + (found?.parameters?.head ?? 0)).toBe(sum(sizes) - sum(unused));
  });

  it('tells everything that is missing at once', async () => {
    const model = await copyOf('tiny-bert');
    await rm(join(model, 'kmer_tokenizer.json'));
    await rewrite(model, (name, data) =>
      name.startsWith('cls.') || /layer\.1\.output\.dense/.test(name) ? undefined : data,
    );
    const { checkpoint, missing } = await inspected(model);
    expect(checkpoint?.head).toBe('absent');
    expect(missing).toEqual([
      expect.stringMatching(/holds neither kmer_tokenizer\.json nor tokenizer\.json/),
      expect.stringMatching(/tensor 'bert\.encoder\.layer\.1\.output\.dense\.weight' is missing/),
      expect.stringMatching(/tensor 'bert\.encoder\.layer\.1\.output\.dense\.bias' is missing/),
    ]);
    await writeFile(join(model, 'config.json'), '{"model_type":"evo"}');
    expect((await inspected(model)).missing[0]).toMatch(/model_type 'evo' is not supported; known: bert/);
  });

  it('tells tensors of another shape than the config asks for', async () => {
    const model = await copyOf('tiny-bert');
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
    await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, intermediate_size: 8 }));
    expect((await inspected(model)).missing[0]).toMatch(/is \[\d+, 16\], config\.json needs \[8, 16\]/);
  });

  it('opens exports and precomputed embeddings, for only they know', async () => {
    const onnx = await inspected(join(GOLDENS, 'onnx-folder/named'));
    expect(onnx).toMatchObject({
      card: { hiddenStates: ['first', 'third'] },
      sizes: { layers: 1, dimension: 16 },
      missing: [],
    });
    expect(onnx.tokens[0]).toMatchObject({ of: 'random', lengths: [8, 8], tokensPerBase: 0.5 });
    const logits = await inspected(join(GOLDENS, 'onnx-logits/bert-script'));
    expect(logits).toMatchObject({ card: { logits: 'logits', reads: 'masked' }, missing: [] });
    expect(logits.sizes).toBeUndefined();
    const vectors = await inspected(join(GOLDENS, 'precomputed/single.npy'));
    expect(vectors).toMatchObject({ sizes: { layers: 0 }, tokens: [], missing: [] });
  });

  it('prints one fact per line, and ends with 1 where something is missing', async () => {
    const model = await copyOf('tiny-bert');
    await rewrite(model, (name, data) => (name === 'bert.encoder.layer.0.output.dense.bias' ? undefined : data));
    const { code, stdout } = await inProcess(['models', 'inspect', model]);
    for (const line of [
      /^licence +not stated$/m,
      /^layers +2, width 16, 2 heads$/m,
      /^head +present \(masked tokens\)$/m,
    ])
      expect(stdout).toMatch(line);
    expect(stdout).toMatch(/^longest input +20 tokens, 40 letters$/m);
    expect(stdout).toMatch(
      /The model cannot be used as it is:\n {2}.*tensor '.*layer\.0\.output\.dense\.bias' is missing/,
    );
    expect(code).toBe(1);
  });
});

describe('models verify', () => {
  const verify = (model: string, ...more: string[]) =>
    inProcess(['models', 'verify', model, '--device', 'cpu', ...more]);

  const job = (model: string) => fingerprintJob({ model, device: 'cpu', threads: 1, cacheFolder: folder }, () => {});

  it('takes rounding for the same, and names the layer where something else begins', async () => {
    const model = await copyOf('tiny-bert');
    const stored = await job(model);
    const found = async () => compareFingerprints(await job(model), stored);
    expect(await found()).toMatchObject({ same: true, sameWeights: true });
    await rewrite(model, (_, data) => data.map((value) => value * (1 + 1e-7)));
    expect(await found()).toMatchObject({ same: true, sameWeights: false });
    const off = 'bert.encoder.layer.1.output.dense.bias';
    await rewrite(model, (name, data) => data.map((value, i) => (name === off && i === 0 ? value + 0.01 : value)));
    expect(await found()).toMatchObject({ same: false, reason: expect.stringMatching(/^layer 2 differs: by /) });
    await rm(join(model, 'kmer_tokenizer.json'));
    await writeFile(join(model, 'kmer_tokenizer.json'), '{"k":2,"length":20}');
    expect((await found()).reason).toMatch(
      /^the tokenizer differs: fixed sequence 3 makes none that it can read, it made 12/,
    );
  });

  it('reads the sequences that the model has room for, and says why where it has none', async () => {
    const model = await copyOf('tiny-bert');
    expect((await job(model)).tokens).toEqual([4, 6, 12, 18, ...Array(12).fill(null)]);
    await writeFile(join(model, 'kmer_tokenizer.json'), '{"k":2,"length":4}');
    await expect(job(model)).rejects.toThrow(/this model reads at most 4/);
  });

  it('takes exports too', async () => {
    const { layers, dimension, tokens } = await job(join(GOLDENS, 'onnx-folder/named'));
    expect({ layers: layers.length, dimension }).toEqual({ layers: 2, dimension: 16 });
    expect(tokens?.[0]).toBe(4);
  });

  it('writes a fingerprint beside the model, and ends with 1 where the model is another', async () => {
    const model = await copyOf('tiny-bert');
    const nothing = await verify(model);
    expect(nothing.stderr).toMatch(/there is no fingerprint to compare with\nName one with --fingerprint FILE/);
    expect(nothing.code).toBe(2);
    expect((await verify(model, '--write')).code).toBe(0);
    await rewrite(model, (_, data) => data.map((value, i) => value * (1 + 0.01 * (i % 2))));
    const other = await verify(model, '--fingerprint', `${model}.fingerprint.json`);
    expect(other.stdout).toMatch(/^0 +\S+ +differs$/m);
    expect(other.stdout).toMatch(/tiny-bert: layer 0 differs: by .* of its vectors' norm/);
    expect(other.stderr).toMatch(/The files are not the files that the fingerprint was made from/);
    expect(other.code).toBe(1);
  });
});

describe('models fetch', () => {
  let hub: Hub;
  beforeEach(async () => {
    hub = await startHub();
  });
  afterEach(() => hub.close());
  const fetched = (...more: string[]) =>
    inProcess(['models', 'fetch', 'lab/tiny', '--endpoint', hub.endpoint, ...more]);

  it('fetches, after which the name is as good as a folder', async () => {
    const hash = sha256(await readFile(join(TINY_BERT, 'model.safetensors')));
    expect((await inProcess(['models', 'inspect', 'lab/tiny'])).stderr).toMatch(/models fetch lab\/tiny/);
    const { code, stdout, stderr } = await fetched('--sha256', `model.safetensors=${hash}`);
    expect(stdout).toMatch(new RegExp(`model\\.safetensors +\\S+ kB +${hash} +pinned`));
    expect(stderr).toMatch(/Fetching model\.safetensors/);
    expect(code).toBe(0);
    await hub.close();
    const { stdout: list } = await inProcess(['models', 'list']);
    expect(list).toMatch(new RegExp(`lab/tiny +${COMMIT} +mit`));
    expect(await inspected(join(folder, 'cache/hub/models--lab--tiny', COMMIT))).toMatchObject({
      id: 'tiny-01234567',
      hub: { model: 'lab/tiny', commit: COMMIT },
      licence: { licence: 'mit', from: 'the hub' },
    });
    await writeFile(join(folder, 'reads.fa'), '>a\nACGTACGT\n');
    const words = [
      'embed',
      '--model',
      'lab/tiny',
      '--sequences',
      join(folder, 'reads.fa'),
      '--out',
      join(folder, 'e.npy'),
    ];
    expect(await inProcess([...words, '--device', 'cpu'])).toMatchObject({ code: 0 });
  });

  it('goes on where it was killed', async () => {
    const { answers } = hub;
    // Sends the first 1000 bytes, and then nothing more.
    answers.set(WEIGHTS, [
      (_, response, body) => response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, 1000)),
    ]);
    const words = ['models', 'fetch', 'lab/tiny', '--endpoint', hub.endpoint];
    const env = { GLM_BENCH_CACHE: join(folder, 'cache') };
    const child = start(folder, words, env);
    await said(child, /Fetching model\.safetensors/);
    const part = join(folder, 'cache/hub/models--lab--tiny', COMMIT, 'model.safetensors.part');
    await vi.waitFor(async () => expect(await readFile(part)).toHaveLength(1000), { timeout: 20_000 });
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
    answers.set(WEIGHTS, [ANSWERS.ranged]);
    expect(await bench(folder, words, env)).toMatchObject({ code: 0 });
    expect(hub.requests.at(-1)?.range).toBe('bytes=1000-');
  });

  it.each([
    ['a name that is none', ['models', 'fetch', 'tiny'], /tiny is not a name of the hub/],
    ['a hash that is none', ['models', 'fetch', 'lab/tiny', '--sha256', 'x=12'], /--sha256 x=12: must be FILE=HASH/],
    [
      'two revisions',
      ['models', 'fetch', 'lab/tiny@v1', '--revision', 'v2'],
      /names a revision, and so does --revision v2/,
    ],
    [
      'a server that is none',
      ['models', 'fetch', 'lab/tiny', '--endpoint', 'mirror'],
      /mirror is no address of a server/,
    ],
    [
      'a model that is not there',
      ['models', 'verify', 'lab/tiny'],
      /no such model on this machine\nA model of the hub is fetched with: npm run bench -- models fetch lab\/tiny/,
    ],
    ['a run of it', ['run', '--model', 'lab/tiny'], /models fetch lab\/tiny/],
  ])('%s ends with 2 and a hint', async (_what, words, message) => {
    const { code, stderr } = await inProcess(words);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
