/** Pre-training on a tokenizer.json, by every objective: it learns. The same files come however the corpus comes, and after being killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { loadBertFolder } from '../../src/pretraining/bert-folder.ts';
import { hubTrainingTokenizer } from '../../src/pretraining/hub-training-tokenizer.ts';
import { OBJECTIVES, type Objective } from '../../src/pretraining/masking.ts';
import type { PretrainConfig } from '../../src/pretraining/presets.ts';
import { type PretrainOptions, type PretrainSource, pretrain } from '../../src/pretraining/pretrain.ts';
import { repeats, streamed, TINY } from '../models/fixtures.ts';

const TOKENIZER = fileURLToPath(new URL('../models/goldens/tiny-bpe-bert', import.meta.url));
/** Nats of a token by how often each comes. */
async function entropy(sequences: readonly string[]): Promise<number> {
  const config = { objective: 'causal', maskedShare: 1, k: TINY.k, length: TINY.length } as const;
  const tokenizer = await hubTrainingTokenizer(TOKENIZER, config);
  const ids = sequences.flatMap((sequence) => Array.from(tokenizer.encode([sequence], [0]).ids));
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / ids.length) * Math.log(count / ids.length), 0);
}

/** Ordinary tokens, and rows of the word table. */
const [CLASSES, SIZE] = [35, 40];
const isMae = (objective: Objective) => objective.startsWith('mae');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-bpe-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CORPUS = repeats(120, 1);
const configOf = (objective: Objective, more: Partial<PretrainConfig> = {}): PretrainConfig => ({
  ...TINY,
  objective,
  maskedShare: 1,
  randomShare: 0,
  dropout: 0,
  ...(isMae(objective) ? { decoderLayers: 1 } : {}),
  ...more,
});
const run = (out: string, config: PretrainConfig, corpus: PretrainSource, options: Partial<PretrainOptions> = {}) =>
  pretrain(corpus, {
    ...{ config, seed: 1, device: 'cpu', threads: 1, tokenizer: TOKENIZER, out: join(folder, out) },
    ...options,
  });
const filesOf = (objective: Objective) =>
  [
    'config.json',
    'decoder.safetensors',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
    'training.json',
  ].filter((file) => file !== 'decoder.safetensors' || isMae(objective));
const written = async (out: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(join(folder, out))).map(async (file) => [file, await readFile(join(folder, out, file))] as const),
    ),
  );

describe.each(OBJECTIVES)('%s', (objective) => {
  it('learns the pattern of the data, and writes an encoder that reads its training data', async () => {
    const config = configOf(objective, { hidden: 32, feedForward: 64, epochs: 24, learningRate: 0.01 });
    const name = `${objective} learned`;
    const report = await run(name, config, CORPUS);
    expect(report.uniformLoss).toBeCloseTo(Math.log(objective === 'masked-lm' ? SIZE : CLASSES), 10);
    // Less than knowing how often each token comes would give: the rest is from the tokens around.
    expect(report.validLoss).toBeLessThan(0.75 * (await entropy(CORPUS)));
    expect((await readdir(join(folder, name))).sort()).toEqual(filesOf(objective));
    const encoder = encoderOf(await loadBertFolder(join(folder, name)), { device: 'cpu', threads: 1 });
    const [matrix] = await encoder.embed(CORPUS.slice(0, 2), [{ layer: 2, pooling: 'mean' }]);
    await encoder.dispose();
    expect([matrix.rows, matrix.columns]).toEqual([2, 32]);
  });
});

describe('the files', () => {
  it.each(['masked-lm', 'mae-v2'] as const)(
    'give the same model twice, from a stream and from memory (%s)',
    async (objective) => {
      const config = configOf(objective, { epochs: 1, dropout: 0.1, maskedShare: 0.8, randomShare: 0.1 });
      await run(`${objective} first`, config, CORPUS);
      await run(`${objective} again`, config, CORPUS);
      await run(`${objective} stream`, config, streamed(CORPUS));
      const first = await written(`${objective} first`);
      expect(await written(`${objective} again`)).toEqual(first);
      expect(await written(`${objective} stream`)).toEqual(first);
    },
  );
});

describe('sequences', () => {
  it('are cut into windows of a fixed length; windows of only special tokens are left out and counted', async () => {
    const corpus = ['', 'N'.repeat(30), 'ACGT', 'ACGTACGTAC'.repeat(9), `${'N'.repeat(40)}AC`, 'NNANN'];
    // 40 + 40 + 10 of the long one; of the next its second window; one letter is a token.
    expect(await run('windows', configOf('barcodebert', { epochs: 1 }), corpus)).toMatchObject({
      sequences: 6,
      leftOut: 2,
      windows: 6,
    });
  });

  it('without ordinary tokens are too few', async () => {
    await expect(run('few', configOf('causal'), ['NNNN', 'ACGT'])).rejects.toThrow(
      /at least 2 sequences or windows with a non-special token of .*tokenizer\.json; 2 sequences gave 1/,
    );
  });
});

describe('a run that is killed', () => {
  it.each([
    ['mae-v2', true],
    ['causal', false],
  ] as const)('continues to the same weights and loss curve (%s, stream: %s)', async (objective, stream) => {
    const config = configOf(objective, { epochs: 3 });
    const [name, corpus] = [`${objective} killed`, () => (stream ? streamed(CORPUS) : CORPUS)];
    const whole = await run(`${objective} whole`, config, corpus());
    const script = fileURLToPath(new URL('./pretrain-and-die.ts', import.meta.url));
    const argument = JSON.stringify({ config, tokenizer: TOKENIZER, stream, out: join(folder, name) });
    const child = spawn(process.execPath, ['--import', 'tsx', script, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (text: Buffer) => {
      if (Number(text.toString().trim().split('\n').at(-1)) > 0.4) child.kill('SIGKILL');
    });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    expect(existsSync(join(folder, `${name}.training`, 'checkpoint.safetensors'))).toBe(true);

    // Neither k-mers nor other tokens go on from it.
    await expect(run(name, config, corpus(), { tokenizer: undefined })).rejects.toThrow('another training set-up');
    const fractions: number[] = [];
    const resumed = await run(name, config, corpus(), { progress: (fraction) => fractions.push(fraction) });
    expect(fractions[0]).toBeGreaterThan(0.3);
    expect({ ...resumed, folder: '' }).toEqual({ ...whole, folder: '' });
    expect(await written(name)).toEqual(await written(`${objective} whole`));
  });
});
