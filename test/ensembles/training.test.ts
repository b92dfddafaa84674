/** Matched ensembles: what is trained on and what is kept aside, what members share and what they do not, and that a killed one goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { blockReading, blockRows, createBlockWriter, rowIds } from '../../src/ensembles/blocks.ts';
import { CHUNK_LETTERS, readChunks } from '../../src/ensembles/chunks.ts';
import {
  ENSEMBLE_PRESETS,
  type EnsembleConfig,
  ensembleConfigFrom,
  pretrainConfigOf,
} from '../../src/ensembles/config.ts';
import {
  type EnsembleOptions,
  finishEnsemble,
  memberFolder,
  prepareEnsemble,
  trainMember,
} from '../../src/ensembles/training.ts';
import { loadBertFolder } from '../../src/pretraining/bert-folder.ts';
import { type PretrainOptions, pretrain } from '../../src/pretraining/pretrain.ts';
import { kmerTrainingTokenizer } from '../../src/pretraining/training-tokenizers.ts';
import { cleanText } from '../../src/sequences/tokenizers/bpe-tokenizer.ts';

const SMALL = {
  ...{ tokens: 32, hidden: 16, layers: 1, heads: 2, feedForward: 32 },
  ...{ batchSize: 128, learningRate: 0.01, epochs: 2 },
};
const configOf = (preset: string, more: Partial<EnsembleConfig> = {}) =>
  ensembleConfigFrom({ preset, ...SMALL, ...(preset.endsWith('kmer') ? { k: 3 } : { vocabulary: 128 }), ...more });

let folder: string;
let genome: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ensemble-'));
  const random = createRandom('genome');
  const letters = (count: number) => Array.from({ length: count }, () => 'ACGT'[random.integer(4)]).join('');
  genome = join(folder, 'genome.fa');
  const first = `${letters(30 * CHUNK_LETTERS)}${'N'.repeat(2 * CHUNK_LETTERS)}${letters(100)}`;
  await writeFile(genome, `>one a chromosome\n${first}\n>two\n${letters(11 * CHUNK_LETTERS).toLowerCase()}rygg\n`);
  const words = ['the', 'whale', 'of', 'café', 'Ahab', '—', 'sea.', 'and\n', '(white)'];
  text = join(folder, 'text.txt');
  await writeFile(text, Array.from({ length: 16_000 }, () => words[random.integer(words.length)]).join(' '));
});
afterAll(() => rm(folder, { recursive: true }));

const optionsOf = (out: string, config: EnsembleConfig, more: Partial<EnsembleOptions> = {}): EnsembleOptions => ({
  ...{ config, files: [config.language === 'dna' ? genome : text], out: join(folder, out), dataSeed: 42 },
  ...more,
});
const onCpu = { device: 'cpu', threads: 1 } as const;
async function ensemble(options: EnsembleOptions, untrained = false) {
  const corpus = await prepareEnsemble(options);
  for (const seed of [1, 2]) await trainMember({ ...options, ...onCpu, seed, untrained });
  return finishEnsemble({ ...options, control: 'none' }, corpus, [1, 2]);
}
const chunksOf = async (file: string, language: 'dna' | 'text') => {
  const chunks = [];
  for await (const chunk of readChunks([file], language)) chunks.push(chunk);
  return chunks;
};
const rowsOf = async (out: string) => {
  const rows = [];
  for await (const row of blockRows(join(folder, out, 'blocks.u16'))) rows.push(row);
  return rows;
};

describe('chunks', () => {
  it('of DNA are pieces of records that hold letters, the last of twenty kept aside', async () => {
    const chunks = await chunksOf(genome, 'dna');
    const names = chunks.map(({ name }) => name);
    expect(names[0]).toBe('one:1-3072');
    // 30 of the first record, none of the Ns after them; its last 100 letters; 11 of the second, but not its last four letters.
    expect(names.slice(29)).toEqual([
      'one:89089-92160',
      'one:98305-98404',
      ...Array.from({ length: 11 }, (_, i) => `two:${1 + i * CHUNK_LETTERS}-${(i + 1) * CHUNK_LETTERS}`),
    ]);
    expect(chunks.flatMap(({ heldOut }, i) => (heldOut ? [i] : []))).toEqual([19, 39]);
    expect(new Set(chunks.map(({ letters }) => letters.replace(/[ACGTN]/g, '')))).toEqual(new Set(['']));
    // Borders of flows: around what is kept aside, and between records.
    const flows = chunks.map(({ flow }) => flow);
    const borders = flows.flatMap((flow, i) => (i > 0 && flow !== flows[i - 1] ? [i] : []));
    expect(borders).toEqual([19, 20, 31, 39, 40]);
  });

  it('of text are cut between words and cleaned, and nothing is lost', async () => {
    const chunks = await chunksOf(text, 'text');
    expect(chunks.map(({ letters }) => letters).join(' ')).toBe(cleanText(await readFile(text, 'utf8')));
    for (const { letters } of chunks) expect(letters.length).toBeLessThanOrEqual(CHUNK_LETTERS);
  });
});

describe('blocks', () => {
  it.each(['tiny-dna-bpe', 'tiny-dna-kmer', 'tiny-text-bpe'])(
    'of %s hold the chunks that are not kept aside',
    async (preset) => {
      const config = configOf(preset);
      const options = optionsOf(`blocks ${preset}`, config);
      const corpus = await prepareEnsemble(options);
      const blocks = (await rowsOf(`blocks ${preset}`)).map(rowIds);
      expect(blocks).toHaveLength(corpus.blocks);
      expect(Math.max(...blocks.map(({ length }) => length))).toBe(config.tokens);
      const lettersOf = await idTexts(join(folder, `blocks ${preset}`), config);
      const read = blocks.flatMap((ids) => Array.from(ids, (id) => lettersOf[id])).join('');
      const chunks = await chunksOf(options.files[0], config.language);
      const trained = chunks.filter(({ heldOut }) => !heldOut).map(({ letters }) => letters.replaceAll(' ', ''));
      // But for ends of flows that are too short for a block.
      expect(trained.join('').length - read.length).toBeLessThan(6 * config.tokens);
      expect(trained.join('').startsWith(read.slice(0, 19 * 2000))).toBe(true);
      const aside = await readFile(join(options.out, corpus.heldOut.file), 'utf8');
      const kept = aside.split('\n').filter((line) => line !== '' && !line.startsWith('>'));
      expect(kept).toEqual(chunks.filter(({ heldOut }) => heldOut).map(({ letters }) => letters));
    },
  );

  it('are cut within flows; short ends and unknown letters are left out and counted', async () => {
    const path = join(folder, 'blocks');
    const writer = await createBlockWriter(path, 8, 1);
    await writer.add([5, 6, 7], 1);
    await writer.add(Array(9).fill(300), 1); // 12 of flow 1: a block, and a rest of 4
    await writer.add([9], 2); // too short
    await writer.add([1, 1, 1, 1, 1, 70, 80, 90], 3); // mostly unknown
    expect(await writer.finish()).toEqual({ blocks: 2, tokens: 12, leftOut: 9 });
    const rows = [];
    for await (const row of blockRows(path)) rows.push([...rowIds(row)]);
    expect(rows).toEqual([[5, 6, 7, 300, 300, 300, 300, 300], Array(4).fill(300)]);
    await writeFile(path, (await readFile(path)).subarray(0, 20));
    await expect(async () => {
      for await (const _ of blockRows(path));
    }).rejects.toThrow(/ends within a block/);
  });
});

/** Letters by id. */
async function idTexts(out: string, { tokenizer, k = 0 }: EnsembleConfig): Promise<Record<number, string>> {
  if (tokenizer === 'kmer')
    return Object.fromEntries(
      Array.from({ length: 4 ** k }, (_, i) => [
        i + 2,
        Array.from({ length: k }, (_, j) => 'ACGT'[Math.floor(i / 4 ** (k - 1 - j)) % 4]).join(''),
      ]),
    );
  const { model } = JSON.parse(await readFile(join(out, 'tokenizer', 'tokenizer.json'), 'utf8'));
  return Object.fromEntries(Object.entries(model.vocab as Record<string, number>).map(([token, id]) => [id, token]));
}

describe('members', () => {
  it('share blocks, order and masks, and differ in their weights; each is a model that reads what it was trained on', async () => {
    const manifest = await ensemble(optionsOf('bpe', configOf('tiny-dna-bpe')));
    const [one, two] = manifest.members;
    expect(manifest.corpusHash).toMatch(/^[0-9a-f]{64}$/);
    expect(one.weights).not.toBe(two.weights);
    expect(one).toMatchObject({ folder: 'member-1', seed: 1, steps: two.steps, parameters: two.parameters });
    expect(one.validLoss).toBeLessThan(one.uniformLoss);
    expect(JSON.parse(await readFile(join(folder, 'bpe', 'ensemble.json'), 'utf8'))).toEqual(manifest);
    const encoder = encoderOf(await loadBertFolder(memberFolder(join(folder, 'bpe'), 1)), onCpu);
    const [matrix] = await encoder.embed(['ACGTTGCA', 'GGGNA'], [{ layer: 1, pooling: 'mean' }]);
    await encoder.dispose();
    expect([matrix.rows, matrix.columns]).toEqual([2, 16]);
  });

  it('see the same windows, held out and trained on, where the data has one seed', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => String.fromCharCode(2 + (i % 60), 0).repeat(4));
    const config = { ...pretrainConfigOf(configOf('tiny-dna-kmer')), length: 8, batchSize: 8 };
    const seen = async (seeds: Pick<PretrainOptions, 'seed' | 'dataSeed'>) => {
      const calls: (readonly string[])[] = [];
      const base = blockReading(kmerTrainingTokenizer({ k: 3, length: 12 }), 4);
      const reading = {
        ...base,
        encode(windows: readonly string[]) {
          calls.push(windows);
          return base.encode(windows, []);
        },
      };
      await pretrain(rows, { config, ...seeds, reading, ...onCpu, out: join(folder, 'seen'), overwrite: true });
      return calls;
    };
    const first = await seen({ seed: 1, dataSeed: 7 });
    expect(await seen({ seed: 2, dataSeed: 7 })).toEqual(first);
    expect(await seen({ seed: 1, dataSeed: 8 })).not.toEqual(first);
  });

  it('that are untrained keep the weights they were drawn with, and know nothing', async () => {
    const { members } = await ensemble(optionsOf('untrained', configOf('tiny-dna-kmer')), true);
    for (const { validLoss, uniformLoss, steps } of members) {
      expect(steps).toBe(0);
      expect(Math.abs(validLoss - uniformLoss)).toBeLessThan(0.05);
    }
    await expect(
      trainMember({ ...optionsOf('untrained', configOf('tiny-dna-kmer')), ...onCpu, seed: 1 }),
    ).rejects.toThrow(/holds a model of another configuration/);
  });

  it('go on where they were killed, to the same files; those that are finished stay as they are', async () => {
    const config = configOf('tiny-text-bpe', { epochs: 3 });
    const whole = await ensemble(optionsOf('whole', config));
    const options = optionsOf('killed', config);
    const script = fileURLToPath(new URL('./train-and-die.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (said: Buffer) => {
      const [seed, fraction] = (said.toString().trim().split('\n').at(-1) ?? '').split(' ').map(Number);
      if (seed === 2 && fraction > 0.4) child.kill('SIGKILL');
    });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    expect(existsSync(join(`${memberFolder(options.out, 2)}.training`, 'checkpoint.safetensors'))).toBe(true);
    expect(existsSync(join(memberFolder(options.out, 1), 'config.json'))).toBe(true);

    const fractions: number[] = [];
    const corpus = await prepareEnsemble(options);
    for (const seed of [1, 2])
      await trainMember({ ...options, ...onCpu, seed, progress: (fraction) => fractions.push(fraction) });
    expect(fractions[0]).toBeGreaterThan(0.3);
    expect(await finishEnsemble({ ...options, control: 'none' }, corpus, [1, 2])).toEqual(whole);
  });

  it('of another corpus or configuration do not go into the same folder', async () => {
    await prepareEnsemble(optionsOf('twice', configOf('tiny-dna-kmer')));
    await expect(prepareEnsemble(optionsOf('twice', configOf('tiny-dna-kmer', { k: 2 })))).rejects.toThrow(
      /holds an ensemble of another corpus or configuration/,
    );
    const control = { key: 'reversed', change: (letters: string) => [...letters].reverse().join('') };
    await expect(prepareEnsemble(optionsOf('twice', configOf('tiny-dna-kmer'), { control }))).rejects.toThrow(
      /another corpus or configuration/,
    );
  });
});

describe('a set-up', () => {
  it('of every preset is sound, tokens of k-mers as many as of BPE', () => {
    for (const preset of Object.keys(ENSEMBLE_PRESETS))
      expect(ensembleConfigFrom({ preset })).toEqual(ENSEMBLE_PRESETS[preset]);
    const { 'paper-dna-bpe': bpe, 'paper-dna-kmer': kmer } = ENSEMBLE_PRESETS;
    expect(4 ** (kmer.k ?? 0)).toBe(bpe.vocabulary);
    expect(bpe).toMatchObject({ layers: 12, hidden: 768, tokens: 512, batchSize: 96, learningRate: 1e-4, epochs: 5 });
  });

  it.each([
    [{ preset: 'tiny-dna' }, /preset "tiny-dna" is not known; did you mean .tiny-dna-bpe|one of tiny-text-bpe/],
    [{ preset: 'tiny-dna-bpe', hiden: 4 }, /no field 'hiden'.*hidden/],
    [{ preset: 'tiny-dna-bpe', k: 3 }, /k is given, but tokenizer 'bpe' does not use it/],
    [{ preset: 'tiny-text-bpe', tokenizer: 'kmer', k: 3 }, /tokenizer is 'kmer', which is for DNA/],
    [{ preset: 'tiny-dna-bpe', heads: 5 }, /heads is 5, which does not divide hidden/],
    [{ preset: 'tiny-dna-bpe', tokens: 1 }, /tokens is 1/],
    [[], /JSON object/],
  ])('%j is refused', (written, message) => {
    expect(() => ensembleConfigFrom(written)).toThrow(message);
  });
});
