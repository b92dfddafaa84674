/** `diagnose` from the command line: what it prints and leaves, and what it refuses before anything is measured. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { diagnosticsSchema } from '../../src/diagnostics/document.ts';
import { repeats } from '../models/fixtures.ts';
import { bench } from './bench.ts';

const golden = (name: string) => fileURLToPath(new URL(`../models/goldens/${name}`, import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diagnose-cli-'));
  const records = repeats(40, 1).map(
    (sequence, i) => `>s${i}\n${i % 3 ? sequence.toLowerCase() : sequence.replace('GG', 'NN')}\n`,
  );
  await writeFile(join(folder, 'mixed.fa.gz'), gzipSync(records.join('')));
  await writeFile(join(folder, 'text.txt'), `${'ACGT TACG GATTACA ACCA TTGA CAT '.repeat(30)}\n`);
  await writeFile(join(folder, 'empty.fa'), '\n\n');
  await writeFile(join(folder, 'broken.fa'), Buffer.from([0x3e, 0x61, 0x0a, 0xff, 0xfe, 0x00]));
});
afterAll(() => rm(folder, { recursive: true }));

const diagnose = (...words: string[]) => bench(folder, ['diagnose', '--device', 'cpu', '--threads', '1', ...words]);
const stored = async (out: string) =>
  diagnosticsSchema.parse(JSON.parse(await readFile(join(folder, out, 'diagnostics.json'), 'utf8')));

describe('diagnose', () => {
  it('of FASTA with lower case and N prints the main table, and leaves a document and a page', async () => {
    const words = ['--model', golden('tiny-bert'), '--corpus', 'mixed.fa.gz', '--out', 'dna', '--sequences', '10'];
    const { code, stdout, stderr } = await diagnose(...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/tiny-bert on mixed\.fa\.gz: 10 of 40 windows of at most 40 nucleotides; \d+ tokens/);
    expect(stdout).toMatch(/\nEntropy, bits per nucleotide +\d\.\d{4} +\d\.\d{4}\n/);
    expect(stdout).toMatch(/\nn-gram floor of order 8, bits per nucleotide +(\* )?\d\.\d{4} +(\* )?\d\.\d{4}\n/);
    expect(stdout).toMatch(/\nLayer 2 +/);
    expect(stdout).toMatch(/\nword embeddings +\d+\.\d% +\d+\.\d% +\d+\.\d%\n/);
    expect((await readdir(join(folder, 'dna'))).sort()).toEqual(['diagnostics.html', 'diagnostics.json']);
    const document = await stored('dna');
    expect(document.settings).toEqual({ sequences: 10, seed: 0, share: 0.1 });
    expect(document.corpus).toMatchObject({
      file: 'mixed.fa.gz',
      kind: 'fasta',
      windows: 40,
      measured: 10,
      counted: 30,
    });
    expect(document.environment).toMatchObject({ device: 'cpu', precision: 'float32', threads: 1 });
    // A motif of six letters, begun anywhere: two letters tell the next one.
    expect(document.ngrams?.own.best.bitsPerSymbol).toBeLessThan(0.5);
    expect(document.ngrams?.shuffled.best.bitsPerSymbol).toBeGreaterThan(0.6);
    expect(document.predictions?.own.perNucleotide.nllBits).toBeLessThan(
      document.predictions?.shuffled.perNucleotide.nllBits as number,
    );
    const page = await readFile(join(folder, 'dna', 'diagnostics.html'), 'utf8');
    expect(page).toContain('<h1>tiny-bert on mixed.fa.gz</h1>');
    expect(page).not.toContain('<script');
    for (const id of ['numbers', 'predictions', 'layers', 'static', 'fisher', 'how', 'provenance'])
      expect(page).toContain(`<section id="${id}"`);
  });

  it('of a text, read through a tokenizer.json, counts characters, and prints one document under --json', async () => {
    const words = ['--model', golden('tiny-bpe-bert'), '--corpus', 'text.txt', '--out', 'text', '--seed', '2'];
    const { code, stdout } = await diagnose(...words, '--json');
    expect(code).toBe(0);
    const document = diagnosticsSchema.parse(JSON.parse(stdout));
    expect(document).toEqual(await stored('text'));
    expect(document.corpus.kind).toBe('text');
    expect(document.ngrams?.own.alphabet).toBe(5); // A, C, G, T and the space
    const { rows = 0, perNucleotide } = document.predictions?.own ?? {};
    expect(rows).toBeGreaterThan(5);
    expect(perNucleotide?.nucleotides).toBeGreaterThan(rows); // tokens of several letters
    expect(document.remarks.join()).toMatch(/windows instead of 256/);
  });

  it('of a model without a head says on the page what is missing', async () => {
    const words = ['--model', golden('tiny-mae'), '--corpus', 'mixed.fa.gz', '--out', 'mae'];
    const { code, stdout } = await diagnose(...words);
    expect(code).toBe(0);
    expect(stdout).toContain('not measured: predictions: the weights have no head');
    expect(await readFile(join(folder, 'mae', 'diagnostics.html'), 'utf8')).toContain('Not measured: predictions');
  });
});

describe('diagnose refuses', () => {
  const refused = async (...words: string[]) => {
    let said = '';
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
    try {
      return { code: await main(['diagnose', '--device', 'cpu', ...words]), said };
    } finally {
      spy.mockRestore();
    }
  };
  const paths = () => ({ model: golden('tiny-bert'), corpus: join(folder, 'text.txt'), out: join(folder, 'refused') });

  it('flags that are wrong or missing', async () => {
    const { model, corpus, out } = paths();
    const all = ['--model', model, '--corpus', corpus, '--out', out];
    expect((await refused('--model', model, '--out', out)).said).toMatch(/required option '--corpus <file>'/);
    expect((await refused(...all, '--seed', '1.5')).said).toMatch(/--seed 1\.5: must be a whole number of at least 0/);
    expect((await refused(...all, '--sequences', '0')).said).toMatch(/--sequences 0: must be a whole number/);
    expect((await refused(...all, '--sequnces', '3')).said).toMatch(/unknown option '--sequnces'/);
    expect((await refused('--model', 'nowhere', '--corpus', corpus, '--out', out)).code).toBe(2);
  });

  it('a corpus that is not there, is a folder, or goes where a file is', async () => {
    const { model, corpus, out } = paths();
    const wrong = (of: string, to = out) => refused('--model', model, '--corpus', of, '--out', to);
    expect((await wrong(join(folder, 'nothing.fa'))).said).toMatch(/--corpus .*nothing\.fa: there is no such file/);
    await mkdir(join(folder, 'several'), { recursive: true });
    expect((await wrong(join(folder, 'several'))).said).toMatch(/--corpus .*several: is a folder/);
    expect((await wrong(corpus, join(corpus, 'below'))).said).toMatch(/--out .*below: /);
  });

  it('a corpus that holds nothing, or is no text', async () => {
    const { model, out } = paths();
    const wrong = (name: string) => refused('--model', model, '--corpus', join(folder, name), '--out', out);
    const empty = await wrong('empty.fa');
    expect(empty.code).toBe(2);
    expect(empty.said).toMatch(/--corpus .*empty\.fa.* holds no text/);
    const broken = await wrong('broken.fa');
    expect(broken.code).toBe(2);
    expect(broken.said).toMatch(/broken\.fa.*not UTF-8/);
    expect(await readdir(folder)).not.toContain('refused');
  });
});
