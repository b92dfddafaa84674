/** `pretrain` from the command line: what it reads, what it refuses before anything runs, and what it leaves. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createJobLine } from '../../src/cli/child-job.ts';
import { main } from '../../src/cli/command-line.ts';
import { createRandom } from '../../src/core/random.ts';
import { repeats, TINY } from '../models/fixtures.ts';
import { bench } from './bench.ts';

const QUICK = { ...TINY, dropout: 0, epochs: 2 };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-cli-'));
  const rows = repeats(40, 1).map((sequence, i) => `p${i},${sequence},${i % 4 === 0 ? 'test' : 'pretrain'}`);
  await writeFile(join(folder, 'barcodes.csv'), `processid,dna_barcode,split\n${rows.join('\n')}\n`);
  const fasta = (sequences: string[]) => sequences.map((sequence, i) => `>s${i}\n${sequence}\n`).join('');
  const random = createRandom('reads');
  const letter = () => 'ACGT'[random.integer(4)];
  const letters = Array.from({ length: 30 }, () => Array.from({ length: 20 }, letter).join(''));
  await writeFile(join(folder, 'train.fa'), fasta([...letters, ...letters.slice(0, 5)]));
  await writeFile(join(folder, 'test.fa'), fasta(letters.slice(0, 3)));
  await writeFile(join(folder, 'tiny.json'), JSON.stringify(QUICK));
  await writeFile(join(folder, 'typo.json'), '{"preset": "tiny", "hiden": 5}');
  await writeFile(join(folder, 'heads.json'), '{"preset": "tiny", "heads": 5}');
  await writeFile(join(folder, 'broken.json'), '{"preset": ');
});
afterAll(() => rm(folder, { recursive: true }));

const pretrain = (...words: string[]) => bench(folder, ['pretrain', '--device', 'cpu', '--threads', '1', ...words]);
const training = async (out: string) => JSON.parse(await readFile(join(folder, out, 'training.json'), 'utf8'));

describe('pretrain', () => {
  it('streams a file, leaves out what is to be excluded and counts it, and keeps the loss curve', async () => {
    const words = ['--config', 'tiny.json', '--sequences', 'train.fa', '--exclude', 'test.fa', '--out', 'model'];
    const { code, stdout, stderr } = await pretrain(...words, '--objective', 'mae-v2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^35 rows read, 27 used; left out: 6 in a file to exclude, 2 identical to one before \(3 different sequences were to be excluded\)\n/,
    );
    expect(stdout).toMatch(
      /model: \d+ parameters, 4 steps on 27 sequences; held-out loss \d\.\d{3} nats per masked token \(a uniform guess: 2\.773\)/,
    );
    expect((await readdir(join(folder, 'model'))).sort()).toEqual([
      'config.json',
      'decoder.safetensors',
      'kmer_tokenizer.json',
      'model.safetensors',
      'training.json',
    ]);
    const { config, report } = await training('model');
    expect(config).toEqual({ ...QUICK, objective: 'mae-v2' });
    expect(report.losses.map(({ step }: { step: number }) => step)).toEqual([1, 2, 3, 4]);
    expect(report.history.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2]);
    expect(report.source).toMatchObject({ rows: 35, kept: 27, excludable: 3 });
  });

  it('reports a finished model of the same settings, and replaces another one only with --overwrite', async () => {
    const words = ['--config', 'tiny.json', '--sequences', 'train.fa', '--out', 'twice'];
    await pretrain(...words);
    const again = await pretrain(...words);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stdout).toContain(
      'twice holds the finished model of these settings and sequences; nothing was trained',
    );
    const other = await pretrain(...words, '--seed', '1');
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      /^error: \S+twice: holds a finished model, and it was trained with other settings or sequences\nGive another folder, or --overwrite to replace the model in twice\.\n$/,
    );
    expect((await pretrain(...words, '--seed', '1', '--overwrite')).code).toBe(0);
    expect(await training('twice')).toMatchObject({ seed: 1 });
  });

  it('takes a part of a barcode collection, and prints one document under --json', async () => {
    const words = ['--config', 'tiny.json', '--sequences', 'barcodes.csv', '--part', 'pretrain', '--out', 'part'];
    const { code, stdout } = await pretrain(...words, '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    const { source } = report;
    // Twelve different sequences in all: two motifs, six places to begin.
    expect(source.rows).toBe(40);
    expect(source.kept).toBe(report.sequences);
    expect(source.leftOut['identical to one before']).toBe(40 - source.kept - source.leftOut['of another part']);
  });

  it('takes the tokens of a tokenizer.json in place of k-mers', async () => {
    const tokenizer = fileURLToPath(new URL('../models/goldens/tiny-bpe-bert', import.meta.url));
    const words = ['--config', 'tiny.json', '--sequences', 'train.fa', '--objective', 'mae-v2', '--out', 'bpe'];
    const { code, stdout, stderr } = await pretrain(...words, '--tokenizer', tokenizer);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/a uniform guess: 3\.555\)/); // 35 ordinary tokens
    const files = await readdir(join(folder, 'bpe'));
    expect(files).toContain('tokenizer.json');
    expect(files).not.toContain('kmer_tokenizer.json');
    expect((await training('bpe')).tokenizer).toMatch(/^tokenizer\.json [0-9a-f]{64}$/);
    const embedded = ['embed', '--device', 'cpu', '--threads', '1', '--model', 'bpe', '--sequences', 'test.fa'];
    expect((await bench(folder, [...embedded, '--out', 'bpe.npy'])).stdout).toMatch(/bpe\.npy: 3 rows of 16 float32/);
  });

  it.each([
    ['a field that is not known', ['--config', 'typo.json'], /typo\.json: there is no field 'hiden' \(did you mean/],
    ['a set-up that makes no sense', ['--config', 'heads.json'], /heads\.json: pre-training set-up: heads is 5/],
    ['a file that is no JSON', ['--config', 'broken.json'], /broken\.json is not JSON/],
    [
      'a tokenizer that is not there',
      ['--config', 'tiny', '--tokenizer', 'bpe.json'],
      /--tokenizer .*bpe\.json: there is no such file/,
    ],
    ['an unknown objective', ['--config', 'tiny', '--objective', 'barcodbert'], /objective 'barcodbert' is not known/],
    [
      'an unknown part',
      ['--config', 'tiny', '--part', 'pretain'],
      /--part pretain: unknown \(did you mean "pretrain"\?\)/,
    ],
    [
      'duplicates of a part',
      ['--config', 'tiny', '--part', 'pretrain', '--keep-duplicates'],
      /--keep-duplicates does not go with --part/,
    ],
    ['markers of no collection', ['--config', 'tiny', '--marker', '16S'], /--marker is for barcode collections/],
    [
      'a file to exclude that is missing',
      ['--config', 'tiny', '--exclude', 'gone.fa'],
      /--exclude .*gone\.fa: there is no such file/,
    ],
  ])('refuses %s before anything runs', async (_what, words, message) => {
    const [config, file] = [words[1], (name: string) => (/\.\w+$/.test(name) ? join(folder, name) : name)];
    const common = ['--sequences', file('train.fa'), '--out', join(folder, 'refused')];
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const code = await main(['pretrain', ...common, '--config', file(config), ...words.slice(2).map(file)]);
    const stderr = said.mock.calls.join('');
    said.mockRestore();
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(await readdir(folder)).not.toContain('refused');
  });
});

describe('the status line of a job', () => {
  const drawn = (fractions: number[]) => {
    let text = '';
    const stream = { isTTY: true, columns: 120, write: (part: string) => (text += part) } as unknown;
    const line = createJobLine(stream as NodeJS.WriteStream);
    for (const fraction of fractions) line.draw(fraction, `at ${fraction}`);
    line.clear();
    return text.match(/\d+%[^:]*: at [\d.]+/g)?.map((part) => part.replace(/, about \d+ s left/, ', ETA'));
  };

  it('begins at 0% where an earlier call was cut off, and tells the time left', () => {
    expect(drawn([0, 0.5, 0.75, 1])).toEqual(['0%: at 0', '0%: at 0.5', '50%, ETA: at 0.75', '100%, ETA: at 1']);
  });

  it('ends at 100% where nothing was left to do', () => {
    expect(drawn([1])).toEqual(['100%, ETA: at 1']);
  });
});
