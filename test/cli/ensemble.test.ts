/** `ensemble` from the command line: what it leaves, its controls, and what it refuses before anything runs. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { prepareEnsembleJob } from '../../src/cli/jobs/ensemble.ts';
import { createRandom } from '../../src/core/random.ts';
import { type EnsembleConfig, ensembleConfigFrom } from '../../src/ensembles/config.ts';
import { bench } from './bench.ts';

const SMALL = {
  tokens: 16,
  hidden: 8,
  layers: 1,
  heads: 1,
  feedForward: 16,
  batchSize: 512,
  learningRate: 0.01,
  epochs: 1,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ensemble-cli-'));
  const random = createRandom('genome');
  const letters = Array.from({ length: 22 * 3072 }, () => 'AACGT'[random.integer(5)]).join('');
  await writeFile(join(folder, 'genome.fa'), `>one\n${letters}\n`);
  const words = ['the', 'whale', 'of', 'Ahab', 'sea'];
  await writeFile(join(folder, 'text.txt'), Array.from({ length: 16_000 }, () => words[random.integer(5)]).join(' '));
  await writeFile(join(folder, 'small.json'), JSON.stringify({ preset: 'tiny-dna-kmer', k: 2, ...SMALL }));
  await writeFile(join(folder, 'typo.json'), '{"preset": "tiny-dna-bpe", "layer": 2}');
});
afterAll(() => rm(folder, { recursive: true }));

describe('ensemble', () => {
  it('leaves members, tokenizer, what was kept aside and a manifest; a second call trains what is not there yet', async () => {
    const words = ['ensemble', '--config', 'small.json', '--corpus', 'genome.fa', '--out', 'two', '--device', 'cpu'];
    const run = (members: string) => bench(folder, [...words, '--threads', '1', '--members', members, '--json']);
    const first = await run('1');
    expect(first.stderr).toMatch(
      /^64512 letters in 2016 blocks of 16 tokens, 2\.00 letters per token; 3072 letters held out in held-out\.fa\nmember 1 of 1 \(.*\d+ s\)\n$/,
    );
    const weights = await readFile(join(folder, 'two', 'member-1', 'model.safetensors'));
    const second = await run('2');
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(second.stderr).toMatch(/member 1 of 2 \(exists\)\nmember 2 of 2 \(.*\d+ s\)/);
    expect(await readFile(join(folder, 'two', 'member-1', 'model.safetensors'))).toEqual(weights);
    const manifest = JSON.parse(second.stdout);
    expect(manifest).toMatchObject({ format: 'glm-bench/ensemble@1', control: 'none', dataSeed: 42 });
    expect(manifest.members.map(({ folder: name }: { folder: string }) => name)).toEqual(['member-1', 'member-2']);
    expect((await readdir(join(folder, 'two'))).sort()).toEqual([
      'blocks.u16',
      'corpus.json',
      'ensemble.json',
      'held-out.fa',
      'member-1',
      'member-2',
    ]);
    expect((await readdir(join(folder, 'two', 'member-2'))).sort()).toEqual([
      'config.json',
      'kmer_tokenizer.json',
      'model.safetensors',
      'training.json',
    ]);
  });
});

describe('controls', () => {
  const config = ensembleConfigFrom({ preset: 'tiny-dna-kmer', k: 2, ...SMALL });
  const prepare = (
    control: 'none' | 'shuffled' | 'four-letters',
    file: string,
    set: EnsembleConfig = config,
    bits?: number,
  ) =>
    prepareEnsembleJob(
      { config: set, files: [join(folder, file)], out: join(folder, control), dataSeed: 42, control, bits },
      () => {},
    );
  const aside = async (out: string) =>
    (await readFile(join(folder, out, 'held-out.fa'), 'utf8')).split('\n').filter((line) => /^[ACGTN]/.test(line));

  it('shuffle chunks, pairs of letters kept, those kept aside too', async () => {
    await prepare('none', 'genome.fa');
    await prepare('shuffled', 'genome.fa');
    const [[plain], [shuffled]] = [await aside('none'), await aside('shuffled')];
    expect(shuffled).not.toBe(plain);
    const pairs = (letters: string) => {
      const counts: Record<string, number> = {};
      for (let i = 0; i + 1 < letters.length; i++) {
        const pair = letters.slice(i, i + 2);
        counts[pair] = (counts[pair] ?? 0) + 1;
      }
      return counts;
    };
    expect(pairs(shuffled)).toEqual(pairs(plain));
  });

  it('make DNA of English that is as hard to predict as asked for', async () => {
    const corpus = await prepare('four-letters', 'text.txt', config, 1.95);
    expect(corpus.control).toMatchObject({ fourLetters: { bits: expect.closeTo(1.95, 3) } });
    expect(corpus.heldOut.file).toBe('held-out.fa');
    expect((await aside('four-letters'))[0].length).toBeGreaterThan(2900);
  });
});

describe('what cannot be', () => {
  it.each([
    [['--config', 'tiny-dna'], /--config tiny-dna: there is no such preset.*\nPresets: tiny-text-bpe, tiny-dna-bpe/],
    [['--config', 'typo.json'], /--config typo\.json: there is no field 'layer'.*layers/],
    [['--corpus', 'none.fa'], /--corpus none\.fa: there is no such file/],
    [['--members', '0'], /--members 0: must be a whole number of at least 1/],
    [['--control', 'shufled'], /--control shufled: unknown.*shuffled/],
    [['--control', 'shuffled', '--bits', '1.9'], /--bits goes with --control four-letters/],
    [['--control', 'four-letters', '--bits', '3'], /--bits 3: must be bits per letter, above 0 and below 2/],
    [['--control', 'four-letters', '--config', 'tiny-text-bpe'], /four-letters makes DNA of English/],
  ])('%j is refused', async (words, message) => {
    const given = { '--config': 'small.json', '--corpus': 'genome.fa', '--members': '1', '--out': 'refused' };
    for (let i = 0; i < words.length; i += 2) Object.assign(given, { [words[i]]: words[i + 1] });
    let stderr = '';
    const spies = [
      vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
        stderr += text;
        return true;
      }),
      vi.spyOn(process, 'cwd').mockReturnValue(folder),
    ];
    const at = (word: string) => (/\.(json|fa)$/.test(word) && word !== 'none.fa' ? join(folder, word) : word);
    const code = await main(['ensemble', ...Object.entries(given).flatMap(([flag, value]) => [flag, at(value)])]);
    for (const spy of spies) spy.mockRestore();
    expect(stderr.replaceAll(`${folder}/`, '')).toMatch(message);
    expect(code).toBe(2);
  });
});
