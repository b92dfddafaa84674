/** Masked-language pre-training: it learns, leaves a whole folder, and goes on where it was killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { loadBertFolder } from '../../src/pretraining/bert-folder.ts';
import { bertConfigOf, PRESETS, presetNamed } from '../../src/pretraining/presets.ts';
import { type PretrainOptions, pretrain } from '../../src/pretraining/pretrain.ts';
import { repeats, TINY } from '../models/fixtures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CORPUS = repeats(120, 1);
const run = (out: string, options: Partial<PretrainOptions> = {}, corpus: readonly string[] = CORPUS) =>
  pretrain(corpus, { config: TINY, seed: 1, device: 'cpu', threads: 1, out: join(folder, out), ...options });
const weightsOf = (out: string) => readFile(join(folder, out, 'model.safetensors'));

describe('pre-training', () => {
  it('learns the pattern of the data, and writes a folder with its settings', async () => {
    const seen: number[] = [];
    const config = { ...TINY, hidden: 32, feedForward: 64, epochs: 40, dropout: 0, learningRate: 0.005 };
    const report = await run('learned', { config, progress: (fraction) => seen.push(fraction) }, repeats(200, 1));
    expect(report.uniformLoss).toBeCloseTo(Math.log(18), 10);
    expect(report.validLoss).toBeLessThan(0.3 * report.uniformLoss);
    expect(report.validAccuracy).toBeGreaterThan(0.7);
    expect(report.validLoss).toBe(Math.min(...report.history.map(({ validLoss }) => validLoss)));
    expect(report).toMatchObject({ sequences: 200, leftOut: 0, windows: 200, steps: 12 * 40 });
    expect(seen.at(-1)).toBe(1);
    expect((await readdir(join(folder, 'learned'))).sort()).toEqual([
      'config.json',
      'kmer_tokenizer.json',
      'model.safetensors',
      'training.json',
    ]);
    const training = JSON.parse(await readFile(join(folder, 'learned', 'training.json'), 'utf8'));
    expect(training).toMatchObject({ config, seed: 1, report: { validLoss: report.validLoss } });
  });

  it('is a function of seed and corpus', async () => {
    const config = { ...TINY, epochs: 1 };
    const [first, again, otherSeed, otherCorpus] = await Promise.all([
      run('first', { config }).then(() => weightsOf('first')),
      run('again', { config }).then(() => weightsOf('again')),
      run('seed', { config, seed: 2 }).then(() => weightsOf('seed')),
      run('corpus', { config }, repeats(120, 2)).then(() => weightsOf('corpus')),
    ]);
    expect(again).toEqual(first);
    expect(otherSeed).not.toEqual(first);
    expect(otherCorpus).not.toEqual(first);
  });

  it('stops at the maximum number of tokens', async () => {
    // 16 windows of 20 tokens per step.
    expect((await run('tokens', { config: { ...TINY, maxTokens: 16 * 20 * 9 } })).steps).toBe(9);
  });

  it('cuts long sequences into windows, and counts those without a k-mer', async () => {
    const corpus = ['', 'N'.repeat(30), 'NANANANA', 'A', 'ACGT', 'ACGTACGTAC'.repeat(9), `${'N'.repeat(39)}ACG`];
    // 40 + 40 + 10 of the long one; of the last only its second window, CG.
    expect(await run('windows', { config: { ...TINY, epochs: 1 } }, corpus)).toMatchObject({
      sequences: 7,
      leftOut: 4,
      windows: 5,
    });
  });

  it('aligns reads with any start to their consensus, and reads columns of it afterwards', async () => {
    const random = createRandom('reads');
    const gene = Array.from({ length: 300 }, () => 'ACGT'[random.integer(4)]).join('');
    const corpus = Array.from({ length: 60 }, () => {
      const from = random.integer(60);
      const letters = Array.from(gene.slice(from, from + 240), (l) => (random.next() < 0.1 ? 'A' : l));
      return letters.join('');
    });
    const config = { ...TINY, reference: 'consensus', epochs: 2 };
    const report = await run('placed', { config }, corpus);
    expect(report).toMatchObject({ sequences: 60, windows: 60, leftOut: 0, reference: { reads: 60, placed: 60 } });
    const { config: resolved } = JSON.parse(await readFile(join(folder, 'placed', 'training.json'), 'utf8'));
    expect(resolved.length).toBe(resolved.reference.length);
    const at = gene.indexOf(resolved.reference.slice(100, 130)) - 100;
    expect(at).toBeGreaterThanOrEqual(0);
    const model = await loadBertFolder(join(folder, 'placed'));
    expect(model.frames).toBeUndefined();
    expect(model.card.maxTokens).toBe(Math.floor(resolved.length / TINY.k));
    // The same letters, however many stand before them, are the same tokens of the same columns.
    const start = at + 100;
    const [late, early] = [gene.slice(start, start + 120), gene.slice(start - 40, start + 120)].map((read) =>
      model.encode([read]),
    );
    const column = Math.ceil(100 / TINY.k);
    expect(late.ids.dims).toEqual(early.ids.dims);
    expect(late.ids.data.slice(column)).toEqual(early.ids.data.slice(column));
    expect(late.mask.data[column - 2]).toBe(0n);
    expect(early.mask.data[column - 2]).toBe(1n);
  });

  it('refuses a consensus of sequences of different genes', async () => {
    const random = createRandom('unrelated');
    const corpus = Array.from({ length: 30 }, () =>
      Array.from({ length: 200 }, () => 'ACGT'[random.integer(4)]).join(''),
    );
    await expect(run('unrelated', { config: { ...TINY, reference: 'consensus' } }, corpus)).rejects.toThrow(
      /reads of one gene/,
    );
  });

  it('reads N as unknown: it is never predicted and never an error', async () => {
    const corpus = CORPUS.map((sequence, i) => (i % 2 ? sequence : `NNNN${sequence.slice(4, 20)}NNNN`));
    const report = await run('unknown', { config: { ...TINY, epochs: 2 } }, corpus);
    expect(report.validLoss).toBeLessThan(report.uniformLoss);
  });

  it.each([1, 2, 3, 4])('measures the loss even when a single short window is held out (seed %d)', async (seed) => {
    const report = await run(`short${seed}`, { config: { ...TINY, epochs: 1 }, seed }, ['ACGT', 'TTGCA', 'GGC']);
    expect(report.validLoss).toBeGreaterThan(0);
  });

  it.each([
    ['nothing', []],
    ['sequences too short', ['A', 'C', 'G']],
    ['N alone', ['NNNNNNNN', 'NNNNNNNN']],
    ['a single window', ['ACGTACGT']],
  ])('refuses a corpus of %s', async (_what, corpus) => {
    await expect(run('refused', {}, corpus)).rejects.toThrow(
      /at least 2 sequences or windows with a 2-mer of A, C, G, T; \d sequences gave [01]/,
    );
  });
});

describe('pre-training that is killed', () => {
  const config = { ...TINY, epochs: 3 };

  it('ends with the weights and the report of an uninterrupted run', async () => {
    const whole = await run('whole', { config });
    const script = fileURLToPath(new URL('./pretrain-and-die.ts', import.meta.url));
    const argument = JSON.stringify({ config, out: join(folder, 'killed') });
    const child = spawn(process.execPath, ['--import', 'tsx', script, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (text: Buffer) => {
      if (Number(text.toString().trim().split('\n').at(-1)) > 0.4) child.kill('SIGKILL');
    });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    expect((await readdir(folder)).filter((name) => name.startsWith('killed'))).toEqual([
      'killed.training',
      'killed.training.lock',
    ]);
    expect(await readdir(join(folder, 'killed.training'))).toEqual(['checkpoint.safetensors']);

    const steps: number[] = [];
    const resumed = await run('killed', { config, progress: (fraction) => steps.push(fraction) });
    expect(steps[0]).toBeGreaterThan(0.3);
    expect({ ...resumed, folder: '' }).toEqual({ ...whole, folder: '' });
    expect(await weightsOf('killed')).toEqual(await weightsOf('whole'));
    expect((await readdir(folder)).filter((name) => name.startsWith('killed'))).toEqual(['killed']);
  });

  it('does not continue with another corpus', async () => {
    const progress = () => {
      throw new Error('pulled the plug');
    };
    let calls = 0;
    const later = () => (++calls > 3 ? progress() : undefined);
    await expect(run('mixed', { config, checkpointSeconds: 0, progress: later })).rejects.toThrow('pulled the plug');
    await expect(run('mixed', { config }, repeats(120, 3))).rejects.toThrow('another training set-up');
  });
});

describe('presets', () => {
  it('are named', () => {
    expect(presetNamed('tiny')).toBe(PRESETS.tiny);
    expect(() => presetNamed('large')).toThrow("unknown pre-training preset 'large'; known: tiny, small");
  });

  it('have a position for every k-mer of the longest input', () => {
    expect(bertConfigOf(PRESETS.tiny)).toMatchObject({ max_position_embeddings: 165, vocab_size: 258 });
    expect(bertConfigOf({ ...TINY, k: 3, stride: 1, length: 10 }).max_position_embeddings).toBe(8);
  });
});
