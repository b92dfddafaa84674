/** Which sequences of files are pre-trained on: each once, none that must not be seen, every row accounted for. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PretrainFiles, pretrainSequences } from '../../src/pretraining/sequences.ts';

let folder: string;
const at = (name: string) => join(folder, name);

/** BIOSCAN-5M's columns, as far as they matter. */
const BIOSCAN = `processid,dna_barcode,dna_bin,species,split
a1,ACGTAC,BOLD:A,Aus bus,pretrain
a2,ACGTAC,BOLD:A,Aus bus,train
a3,CCCCNN,BOLD:B,Cus dus,test
a4,CCCC,BOLD:B,Cus dus,pretrain
a5,GGGG,BOLD:C,,other_heldout
a6,TTTT,BOLD:D,Eus fus,key_unseen
a7,,BOLD:E,Gus hus,pretrain
a8,TTAA,BOLD:E,Gus hus,pretrain
`;
const BOLD = `processid\tspecies_name\tmarkercode\tnucleotides
b1\tAus bus\tCOI-5P\t--ACGT-AC--
b2\tAus bus\tCOI-5P\tacgtac
b3\tAus bus\t16S\tGGGGGG
b4\tAus bus\tCOI-5P\t
b5\tAus bus\tCOI-5P\tACGI
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-sequences-'));
  await writeFile(at('plain.fa'), '>a x\nACGT\nAC\n>b\nacguac\n>a\nTTTT\n>c\nTTTTNN\n');
  await writeFile(at('more.csv'), 'name,letters\n1,GGGG\n2,ACGTAC\n');
  await writeFile(at('read.csv'), 'id,sequence\n1,GGGG\n2,ACGTAC\n');
  await writeFile(at('test.fa.gz'), gzipSync('>t\nAC-GTAC\n>u\nCCCC\n>v\nCCCCNNN\n'));
  await writeFile(at('bioscan.csv'), BIOSCAN);
  await writeFile(at('bold.tsv'), BOLD);
  await writeFile(at('gap.fa'), '>g\nAC-GT\n');
  await writeFile(at('bad.fa'), '>g\nACGT\n>h\nAC!T\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function kept(options: Omit<PretrainFiles, 'files'> & { files: string[] }) {
  const named = { ...options, files: options.files.map(at), exclude: options.exclude?.map(at) };
  const { sequences, report } = pretrainSequences(named);
  const found: string[] = [];
  for await (const sequence of sequences) found.push(sequence);
  const { rows, leftOut, excludable } = report;
  expect(report.kept).toBe(found.length);
  expect(rows).toBe(found.length + Object.values(leftOut).reduce((sum, count) => sum + count, 0));
  return { found, rows, leftOut, excludable };
}

describe('any files', () => {
  it('give each sequence once, for any id, case, letter U or trailing N', async () => {
    expect(await kept({ files: ['plain.fa', 'read.csv'] })).toEqual({
      found: ['ACGTAC', 'TTTT', 'GGGG'],
      rows: 6,
      leftOut: { 'identical to one before': 3 },
      excludable: 0,
    });
  });

  it('give all of them when duplicates are kept', async () => {
    const { found, leftOut } = await kept({ files: ['plain.fa'], keepDuplicates: true });
    expect(found).toEqual(['ACGTAC', 'ACGTAC', 'TTTT', 'TTTTNN']);
    expect(leftOut).toEqual({});
  });

  it('leave out sequences of a file to exclude, with or without gaps', async () => {
    expect(await kept({ files: ['plain.fa'], exclude: ['test.fa.gz', 'read.csv'] })).toEqual({
      found: ['TTTT'],
      rows: 4,
      leftOut: { 'in a file to exclude': 2, 'identical to one before': 1 },
      excludable: 3,
    });
  });

  it('are read by a named column', async () => {
    expect((await kept({ files: ['more.csv'], column: 'letters' })).found).toEqual(['GGGG', 'ACGTAC']);
    await expect(kept({ files: ['more.csv'] })).rejects.toThrow('which column holds the sequence?');
  });

  it.each([
    ['gap.fa', /gap\.fa:1: letter "-" at position 3 is a gap/],
    ['bad.fa', /bad\.fa:3: letter "!" at position 3/],
  ])('with an invalid letter are refused (%s)', async (file, message) => {
    await expect(kept({ files: [file] })).rejects.toThrow(message);
  });
});

describe('barcode collections', () => {
  it('lose gaps and trailing N; rows that are not barcodes are counted, invalid letters become N', async () => {
    expect(await kept({ files: ['bold.tsv'], barcodes: true })).toEqual({
      found: ['ACGTAC', 'ACGN'],
      rows: 5,
      leftOut: { 'identical to one before': 1, 'another marker': 1, 'no sequence': 1 },
      excludable: 0,
    });
  });

  it('give other markers on request, and accept any FASTA', async () => {
    const { found } = await kept({ files: ['bold.tsv', 'gap.fa'], barcodes: true, markers: ['16S'] });
    expect(found).toEqual(['GGGGGG', 'ACGT']);
    expect((await kept({ files: ['bold.tsv'], barcodes: true, markers: 'any' })).found).toHaveLength(3);
  });

  it('give the requested part, each barcode once in the whole collection', async () => {
    expect(await kept({ files: ['bioscan.csv'], part: 'pretrain' })).toEqual({
      found: ['ACGTAC', 'GGGG', 'TTAA'], // CCCC was met in test
      rows: 8,
      leftOut: { 'no sequence': 1, 'identical to one before': 2, 'of another part': 2 },
      excludable: 0,
    });
    expect((await kept({ files: ['bioscan.csv'], part: 'testSeen' })).found).toEqual(['CCCC']);
  });

  it('leave out sequences of a file to exclude, also of a collection of another marker', async () => {
    expect((await kept({ files: ['bioscan.csv'], part: 'pretrain', exclude: ['bold.tsv'] })).found).toEqual([
      'GGGG',
      'TTAA',
    ]);
  });

  it('without splits have no part', async () => {
    await expect(kept({ files: ['bold.tsv'], part: 'pretrain' })).rejects.toThrow(/no column for the split/);
    await expect(kept({ files: ['gap.fa'], part: 'pretrain' })).rejects.toThrow(/gap\.fa:1: the split is missing/);
  });

  it('of a part keep no duplicates', () => {
    expect(() => pretrainSequences({ files: [], part: 'pretrain', keepDuplicates: true })).toThrow(
      'duplicates cannot be kept',
    );
  });
});

it('rows that cannot be read are counted on request, and gaps removed', async () => {
  const files = ['bad.fa', 'gap.fa'].map(at);
  const options = { files, onBadRow: 'skip', alphabet: { alphabet: 'dna', gaps: 'remove' } } as const;
  const { sequences, report } = pretrainSequences(options);
  const found: string[] = [];
  for await (const sequence of sequences) found.push(sequence);
  expect(found).toEqual(['ACGT']);
  expect([report.rows, report.kept, report.leftOut]).toEqual([
    3,
    1,
    { 'not readable (--on-bad-row skip)': 1, 'identical to one before': 1 },
  ]);
});
