/** Every objective: it learns, its model is a function of corpus and seed however the corpus comes, and a killed run is as if it had not been. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OBJECTIVES, type Objective } from '../../src/pretraining/masking.ts';
import type { PretrainConfig } from '../../src/pretraining/presets.ts';
import { type PretrainOptions, type PretrainSource, pretrain } from '../../src/pretraining/pretrain.ts';
import { repeats, streamed, TINY } from '../models/fixtures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'objectives-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CORPUS = repeats(120, 1);
const configOf = (objective: Objective, more: Partial<PretrainConfig> = {}): PretrainConfig => ({
  ...TINY,
  objective,
  maskedShare: 1,
  randomShare: 0,
  dropout: 0,
  ...(objective.startsWith('mae') ? { decoderLayers: 1 } : {}),
  ...more,
});
const run = (out: string, config: PretrainConfig, corpus: PretrainSource, options: Partial<PretrainOptions> = {}) =>
  pretrain(corpus, { config, seed: 1, device: 'cpu', threads: 1, out: join(folder, out), ...options });
const written = async (out: string) =>
  Object.fromEntries(
    await Promise.all(
      ['model.safetensors', 'decoder.safetensors', 'training.json', 'config.json']
        .filter((file) => existsSync(join(folder, out, file)))
        .map(async (file) => [file, await readFile(join(folder, out, file))] as const),
    ),
  );

describe.each(OBJECTIVES)('%s', (objective) => {
  it('learns the pattern of the data', async () => {
    const config = configOf(objective, { hidden: 32, feedForward: 64, epochs: 40, learningRate: 0.005 });
    const report = await run(`${objective} learned`, config, repeats(200, 1));
    expect(report.uniformLoss).toBeCloseTo(Math.log(objective === 'masked-lm' ? 18 : 16), 10);
    expect(report.validLoss).toBeLessThan(0.3 * report.uniformLoss);
    expect(report.validAccuracy).toBeGreaterThan(0.7);
  });

  it('gives the same files twice, from a stream and from memory', async () => {
    const config = configOf(objective, { epochs: 1, dropout: 0.1 });
    await run(`${objective} first`, config, CORPUS);
    await run(`${objective} again`, config, CORPUS);
    await run(`${objective} stream`, config, streamed(CORPUS));
    const first = await written(`${objective} first`);
    expect(Object.keys(first)).toContain('model.safetensors');
    expect(existsSync(join(folder, `${objective} first`, 'decoder.safetensors'))).toBe(objective.startsWith('mae'));
    expect(await written(`${objective} again`)).toEqual(first);
    expect(await written(`${objective} stream`)).toEqual(first);
  });
});

describe('visible tokens that weigh in', () => {
  it('are learned too', async () => {
    const config = configOf('mae-v2', {
      maskedWeight: 0.9,
      hidden: 32,
      feedForward: 64,
      epochs: 40,
      learningRate: 0.005,
    });
    const report = await run('weighted', config, repeats(200, 1));
    expect(report.validLoss).toBeLessThan(0.3 * report.uniformLoss);
  });
});

describe('a stream', () => {
  it('leaves no scratch file, nor when it breaks off', async () => {
    const config = configOf('mae-v2', { epochs: 1 });
    await run('clean', config, streamed(CORPUS));
    expect((await readdir(folder)).filter((name) => name.startsWith('clean'))).toEqual(['clean']);
    const broken = async function* () {
      yield* CORPUS.slice(0, 5);
      throw new Error('reads.fa:11: letter "!"');
    };
    await expect(run('broken', config, broken())).rejects.toThrow('reads.fa:11: letter "!"');
    expect((await readdir(folder)).filter((name) => name.includes('broken'))).toEqual([]);
  });

  it('tells how far the reading is, and then how fast tokens go', async () => {
    const said: string[] = [];
    const many = async function* () {
      for (let i = 0; i < 250; i++) yield* CORPUS;
    };
    const config = configOf('barcodebert', { maxTokens: 1000, epochs: 1 });
    await run('many', config, many(), { progress: (_, message) => said.push(message) });
    expect(said.slice(0, 3)).toEqual(['10000', '20000', '30000'].map((count) => `${count} sequences read`));
    expect(said.at(-1)).toMatch(/^epoch 1\/1, step \d+\/\d+, loss .*, \d+ tokens\/s$/);
  });
});

describe('a run that is killed', () => {
  it.each([
    ['mae-v2', true],
    ['mae-v1', false],
    ['barcodebert', true],
    ['causal', false],
  ] as const)('goes on to the same weights and loss curve (%s, stream: %s)', async (objective, stream) => {
    const config = configOf(objective, { epochs: 3 });
    const [name, corpus] = [`${objective} killed`, () => (stream ? streamed(CORPUS) : CORPUS)];
    const whole = await run(`${objective} whole`, config, corpus());
    const script = fileURLToPath(new URL('./pretrain-and-die.ts', import.meta.url));
    const argument = JSON.stringify({ config, stream, out: join(folder, name) });
    const child = spawn(process.execPath, ['--import', 'tsx', script, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (text: Buffer) => {
      if (Number(text.toString().trim().split('\n').at(-1)) > 0.4) child.kill('SIGKILL');
    });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    const left = (await readdir(join(folder, `${name}.training`))).sort();
    expect(left).toEqual(['checkpoint.safetensors', ...(stream ? ['corpus', 'corpus.offsets'] : [])]);

    const fractions: number[] = [];
    const resumed = await run(name, config, corpus(), { progress: (fraction) => fractions.push(fraction) });
    expect(fractions[0]).toBeGreaterThan(0.3);
    expect(resumed.losses).toHaveLength(whole.steps);
    expect({ ...resumed, folder: '' }).toEqual({ ...whole, folder: '' });
    expect(await written(name)).toEqual(await written(`${objective} whole`));
    const stays = ['config.json', 'decoder.safetensors', 'kmer_tokenizer.json', 'model.safetensors', 'training.json'];
    expect((await readdir(join(folder, name))).sort()).toEqual(
      stays.filter((file) => file !== 'decoder.safetensors' || objective.startsWith('mae')),
    );
  });
});
