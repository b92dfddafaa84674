/** The built-in models: pre-trained once per set-up, and with room for every sequence of the task. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MODELS } from '../../src/catalog/models.ts';
import type { FrozenModel, ModelContext } from '../../src/models/model.ts';
import { modelAtPath } from '../../src/models/model-path.ts';
import { PRESETS, type PretrainConfig } from '../../src/pretraining/presets.ts';
import { repeats } from '../models/fixtures.ts';

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'registry-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

const unlabelled = repeats(4, 1);
const context = (changes: Partial<ModelContext> = {}): ModelContext => ({
  seed: 1,
  device: 'cpu',
  threads: 1,
  effort: 0.01,
  cacheFolder,
  unlabelled,
  unlabelledHash: 'four repeats',
  codeHash: 'this code',
  longestSequence: 40,
  progress: () => undefined,
  ...changes,
});
const load = async (id: string, changes?: Partial<ModelContext>) =>
  (await MODELS[id].load(context(changes))) as FrozenModel;

it('every preset of the registry has its random control', () => {
  for (const [id, { kind, options, family }] of Object.entries(MODELS)) {
    if (family) continue; // composition and one-hot: nothing pre-trained
    expect(kind).toBe(id.endsWith('random') ? 'control' : 'model');
    if (kind === 'model') expect(MODELS[`${id}-random`].options).toEqual(options);
    expect(options.config).toBe(PRESETS[options.preset as string]);
  }
});

it('a model is pre-trained once per seed and corpus, then loaded', async () => {
  let messages = 0;
  const progress = () => {
    messages += 1;
  };
  const first = await load('kmer-bert-tiny', { progress });
  expect(messages).toBeGreaterThan(0);
  const [folder] = await readdir(join(cacheFolder, 'models'));
  const written = await stat(join(cacheFolder, 'models', folder, 'config.json'));
  messages = 0;
  const again = await load('kmer-bert-tiny', { progress });
  expect(messages).toBe(0);
  expect(again.fingerprint).toBe(first.fingerprint);
  expect((await stat(join(cacheFolder, 'models', folder, 'config.json'))).mtimeMs).toBe(written.mtimeMs);

  expect((await load('kmer-bert-tiny', { seed: 2 })).fingerprint).not.toBe(first.fingerprint);
  expect(await readdir(join(cacheFolder, 'models'))).toHaveLength(2);
  const fromFolder = await (await modelAtPath(join(cacheFolder, 'models', folder))).load(context());
  expect(fromFolder.fingerprint).toBe(first.fingerprint);
});

it('a model pre-trained by other code is not used', async () => {
  const folders = async () => (await readdir(join(cacheFolder, 'models'))).length;
  await load('kmer-bert-tiny');
  const before = await folders();
  await load('kmer-bert-tiny', { codeHash: 'other code' });
  expect(await folders()).toBe(before + 1);
});

it('when two processes need a model, one pre-trains it and the other waits', async () => {
  const told: string[][] = [[], []];
  const both = told.map((messages) =>
    load('kmer-bert-tiny', { seed: 3, progress: (_, message) => messages.push(message) }),
  );
  const [one, other] = await Promise.all(both);
  expect(other.fingerprint).toBe(one.fingerprint);
  const [idle, busy] = told.toSorted((a, b) => a.length - b.length);
  expect(idle).toEqual(['pre-training: waiting for another process that trains the same encoder']);
  expect(busy.length).toBeGreaterThan(1);
  expect(busy.join()).not.toContain('waiting');
  expect((await readdir(join(cacheFolder, 'models'))).filter((name) => name.endsWith('.lock'))).toEqual([]);
});

it.each(['kmer-bert-tiny', 'kmer-bert-tiny-random'])(
  '%s has room for test sequences that are longer than every training sequence',
  async (id) => {
    const preset = PRESETS.tiny as PretrainConfig;
    const model = await load(id, { longestSequence: preset.length + 61 });
    expect(model.tokens('A'.repeat(preset.length + 61))).toBeGreaterThan(preset.length / preset.k);
    expect(() => model.encode(['A'.repeat(preset.length + 61)])).not.toThrow();
    expect((await load(id)).card.maxNucleotides).toBe(preset.length);
  },
);
