/** `diagnose-ensemble` and `entropy` from the command line, on untrained ensembles: what they print and leave, what is not done twice, what they refuse. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { createRandom } from '../../src/core/random.ts';
import { ENSEMBLE_CONTROLS, ENSEMBLE_PRESETS, ensembleConfigFrom } from '../../src/ensembles/config.ts';
import { ensembleDiagnosticsSchema } from '../../src/ensembles/document.ts';
import { ENTROPY_CELLS, entropyCells, entropyCorpus } from '../../src/ensembles/entropy-suite.ts';
import { finishEnsemble, prepareEnsemble, trainMember } from '../../src/ensembles/training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ensemble-cli-'));
  const random = createRandom('cli');
  const letters = Array.from({ length: 70_000 }, () => 'ACGT'[random.integer(4)]).join('');
  await writeFile(join(folder, 'genome.fa'), `>one\n${letters}\n`);
  const words = ['the', 'whale', 'of', 'Ahab', 'sea', 'and', 'white'];
  await writeFile(
    join(folder, 'text.txt'),
    Array.from({ length: 4_600 }, () => words[random.integer(words.length)]).join(' '),
  );
  const config = ensembleConfigFrom({
    preset: 'tiny-dna-kmer',
    ...{ k: 3, tokens: 16, hidden: 8, layers: 1, heads: 2, feedForward: 16 },
  });
  const out = join(folder, 'kmers');
  const options = { config, files: [join(folder, 'genome.fa')], out, dataSeed: 42 };
  const corpus = await prepareEnsemble(options);
  const seeds = [1, 2, 3];
  for (const seed of seeds) await trainMember({ ...options, device: 'cpu', threads: 1, seed, untrained: true });
  await finishEnsemble({ ...options, control: 'untrained' }, corpus, seeds);
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

/** What the suite reads as English. */
const ENGLISH = [
  'tinyshakespeare/input.txt.gz',
  'war_and_peace/warpeace_input.txt.gz',
  'wikitext2_valid_test/valid.txt.gz',
  'wikitext2_valid_test/test.txt.gz',
];
const ON = ['--device', 'cpu', '--threads', '1'];
/** In this process: what it prints, its exit code. Paths are made absolute by `at`. */
async function run(...words: string[]) {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main([...words, ...ON]), ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
const at = (...path: string[]) => join(folder, ...path);
const documentAt = async (...path: string[]) =>
  ensembleDiagnosticsSchema.parse(
    JSON.parse(await readFile(join(folder, ...path, 'ensemble-diagnostics.json'), 'utf8')),
  );

describe('diagnose-ensemble', () => {
  it('measures an ensemble on what it kept aside, once, and leaves a document and a page', async () => {
    const words = ['diagnose-ensemble', at('kmers'), '--out', at('out'), '--sequences', '12'];
    const { code, stdout } = await run(...words);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Jensen-Shannon distance of members +\d\.\d{4} ± \d\.\d{4}/);
    const first = await documentAt('out', 'kmers');
    expect(first.corpus).toMatchObject({ file: 'held-out.fa', heldOut: true, kind: 'fasta', measured: 12 });
    expect(first.ensemble).toMatchObject({ id: 'kmers', control: 'untrained', language: 'dna', tokenizer: 'kmer' });
    expect(first.ensemble.members.map(({ seed }) => seed)).toEqual([1, 2, 3]);
    expect(JSON.stringify(first)).not.toContain(folder);
    expect(await readFile(join(folder, 'out', 'ensembles.html'), 'utf8')).toContain('genome.fa: 3-mer, untrained');

    expect((await run(...words)).code).toBe(0);
    expect(await documentAt('out', 'kmers')).toEqual(first);
  });

  it('takes a folder of models from elsewhere, on a corpus that must be given', async () => {
    for (const member of ['a', 'b'])
      await cp(join(folder, 'kmers', `member-${member === 'a' ? 1 : 2}`), join(folder, 'others', member), {
        recursive: true,
      });
    const without = await run('diagnose-ensemble', at('others'), '--out', at('out2'));
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/others: there is no ensemble\.json; add --corpus/);
    const given = ['--corpus', at('genome.fa'), '--sequences', '6'];
    const { code } = await run('diagnose-ensemble', at('others'), '--out', at('out2'), ...given);
    expect(code).toBe(0);
    const { ensemble, corpus, predictions } = await documentAt('out2', 'others');
    expect(ensemble).toMatchObject({ id: 'others', control: null, language: null });
    expect(corpus).toMatchObject({ heldOut: false, measured: 6 });
    expect(predictions?.top1Agreement.members).toBeUndefined();
  });

  it('refuses what is no ensemble before anything is measured', async () => {
    const refused = async (...words: string[]) => {
      const { code, stderr } = await run('diagnose-ensemble', ...words, '--out', at('out3'));
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refused(at('kmers', 'member-1'))).toMatch(/neither ensemble\.json nor at least two folders of models/);
    expect(await refused(at('nowhere'))).toMatch(/there is no such folder/);
    expect(await refused(at('kmers'), at('kmers'))).toMatch(/two ensembles have the name kmers/);
    expect(await refused(at('kmers'), '--seed', 'x')).toMatch(/--seed x/);
  });
});

describe('the suite entropy', () => {
  it('has presets and controls that there are, English, genomes and coding sequences by both tokenizers, and controls', () => {
    for (const { preset, control } of ENTROPY_CELLS) {
      expect(Object.keys(ENSEMBLE_PRESETS)).toContain(preset);
      expect(Object.keys(ENSEMBLE_CONTROLS)).toContain(control);
    }
    expect(new Set(ENTROPY_CELLS.map(({ id }) => id)).size).toBe(ENTROPY_CELLS.length);
    expect(new Set(ENTROPY_CELLS.map(({ control }) => control))).toEqual(new Set(Object.keys(ENSEMBLE_CONTROLS)));
    for (const corpus of ['yeast', 'ecoli', 'cdna'])
      for (const tokenizer of ['bpe', 'kmer'])
        expect(
          ENTROPY_CELLS.some(
            (cell) => cell.corpus === corpus && cell.preset === `tiny-dna-${tokenizer}` && cell.control === 'none',
          ),
        ).toBe(true);
  });

  it('names cells that it does not know, and files that the data folder lacks', async () => {
    expect(() => entropyCells(['yeast'])).toThrow(/--only yeast: there is no such cell/);
    await expect(entropyCorpus('ecoli', join(folder, 'data'), folder)).rejects.toThrow(/genomic\.fna\.gz is missing/);
    expect((await run('entropy', '--out', at('suite'))).stderr).toMatch(/--data-folder is missing/);
  });

  it('trains and measures a cell, and reads it the next time', async () => {
    const text = gzipSync(await readFile(at('text.txt')));
    for (const name of ENGLISH) {
      await mkdir(dirname(at('data', 'text', name)), { recursive: true });
      await writeFile(at('data', 'text', name), text);
    }
    const words = ['entropy', '--data-folder', at('data'), '--out', at('suite'), '--only', 'english-bpe-untrained'];
    const first = await run(...words, '--members', '2', '--sequences', '6');
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/1 of 1: english-bpe-untrained/) });
    const document = await documentAt('suite', 'english-bpe-untrained');
    expect(document.ensemble).toMatchObject({ title: 'English, BPE, initial weights', language: 'text' });
    expect((await run(...words, '--members', '2', '--sequences', '6')).code).toBe(0);
    expect(await documentAt('suite', 'english-bpe-untrained')).toEqual(document);
  });
});
