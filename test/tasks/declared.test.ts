import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRIC_NAMES, type TaskDefinition } from '../../src/index.ts';
import barcodes from '../../tasks/dna-barcodes.ts';
import expression from '../../tasks/expression-sets.ts';
import genomicBenchmarks from '../../tasks/genomic-benchmarks.ts';
import gue from '../../tasks/gue.ts';
import nucleotideTransformer from '../../tasks/nucleotide-transformer.ts';
import regulatory from '../../tasks/regulatory-sets.ts';

const ALL: readonly TaskDefinition[] = [
  ...gue,
  ...nucleotideTransformer,
  ...genomicBenchmarks,
  ...barcodes,
  ...regulatory,
  ...expression,
];

let dataFolder: string;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'data-'));
});
afterEach(() => rm(dataFolder, { recursive: true }));

async function put(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dataFolder, path)), { recursive: true });
    await writeFile(join(dataFolder, path), text);
  }
}

function load(id: string, folder: string | undefined = dataFolder) {
  const task = ALL.find((item) => item.id === id);
  if (!task) throw new Error(`no task ${id}`);
  return task.load({ dataFolder: folder, allowDownload: false, cacheFolder: join(dataFolder, 'cache') });
}

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error & { hint?: string }) => `${error.message} | ${error.hint}`,
  );

describe('the declared tasks', () => {
  it('have distinct ids, a metric, a citation and a licence', () => {
    expect(new Set(ALL.map(({ id }) => id)).size).toBe(ALL.length);
    for (const { metric, citation, licence } of ALL) {
      expect(METRIC_NAMES).toContain(metric);
      expect(citation.length * licence.length).toBeGreaterThan(0);
    }
  });

  it('are 28 GUE, 18 Nucleotide Transformer and 9 Genomic Benchmarks sets, besides named variants', () => {
    const named = (tasks: readonly TaskDefinition[], variant: RegExp) =>
      tasks.filter(({ id }) => !variant.test(id)).length;
    expect(named(gue, /\.dev$/)).toBe(28);
    expect(named(nucleotideTransformer, /\.single$/)).toBe(18);
    expect(named(genomicBenchmarks, /\.test-only$/)).toBe(9);
    expect(gue.filter(({ metric }) => metric === 'macroF1').map(({ id }) => id)).toEqual(['gue.virus_covid']);
  });

  it('say what they looked for and how to point there', async () => {
    const noFolder =
      'gue.tf_0: no data folder was given | Name the folder that holds regulatory/gue/tf/0 with --data-folder DIR or GLM_BENCH_DATA';
    const task = gue.find(({ id }) => id === 'gue.tf_0');
    expect(await messageOf(Promise.resolve(task?.load({ allowDownload: false, cacheFolder: dataFolder })))).toContain(
      noFolder,
    );
    expect(await messageOf(load('gue.tf_0'))).toMatch(
      /not found under .*; looked for train, dev, test .* in regulatory\/gue\/tf\/0, regulatory\/gue\/tf_0, gue\/tf\/0/,
    );
    expect(await messageOf(load('nucleotide-transformer.enhancers'))).toContain('or download datasets/InstaDeepAI/');
    expect(await messageOf(load('gue.tf_0', join(dataFolder, 'nowhere')))).toMatch(
      /nowhere does not exist \| Correct --data-folder/,
    );
  });

  it('say which file of a data set is missing', async () => {
    await put({ 'gue/EMP_H3/dev.csv': 'sequence,label\nACGT,1\n', 'gue/EMP_H3/test.csv': 'sequence,label\nACGA,0\n' });
    expect(await messageOf(load('gue.EMP_H3'))).toMatch(
      /EMP_H3 has no train\.\* \| .*or run gue\.EMP_H3\.dev, which trains on the dev rows/,
    );
    expect((await load('gue.EMP_H3.dev')).map(({ split, label }) => [split, label])).toEqual([
      ['train', '1'],
      ['test', '0'],
    ]);
  });

  it('refuse to guess between two files of one name', async () => {
    const text = 'sequence,label\nACGT,1\n';
    await put({ 'tf/0/train.csv': text, 'tf/0/train.tsv': text, 'tf/0/dev.csv': text, 'tf/0/test.csv': text });
    expect(await messageOf(load('gue.tf_0'))).toMatch(/both train\.csv and train\.tsv exist \| Keep one/);
  });
});

describe('their layouts', () => {
  it('GUE: as upstream or flat, gzip or not', async () => {
    const csv = (label: number) => gzipSync(`sequence,label\nACGTACGT,${label}\n`);
    await put({
      'GUE/prom/prom_300_all/train.csv.gz': csv(0),
      'GUE/prom/prom_300_all/dev.csv.gz': csv(1),
      'GUE/prom/prom_300_all/test.csv.gz': csv(1),
    });
    const rows = await load('gue.prom_prom_300_all');
    expect(rows.map(({ split, label }) => `${split} ${label}`)).toEqual(['train 0', 'valid 1', 'test 1']);
  });

  it('Nucleotide Transformer: FASTA with the label in the header, and one table of all tasks', async () => {
    const root = 'nucleotide_transformer/enhancers_types';
    await put({
      [`${root}/train.fna`]: '>chr1:5-9|2\nACGT\n>chr1:5-9|0\nACGG\n',
      [`${root}/test.fna`]: '>chr2:1-4|1\nGGCC\n',
    });
    const rows = await load('nucleotide-transformer.enhancers_types');
    expect(rows.map(({ split, label }) => `${split} ${label}`)).toEqual(['train 2', 'train 0', 'test 1']);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(3);
    await put({
      'regulatory/nucleotide_transformer/train.tsv':
        'sequence\tname\tlabel\ttask\nACGT\ta\t1\tenhancers\nACGA\tb\t0\tH2AFZ\n',
    });
    const single = await load('nucleotide-transformer.H2AFZ.single');
    expect(single.map(({ sequence, label, group, split }) => [sequence, label, group, split])).toEqual([
      ['ACGA', '0', undefined, undefined],
    ]);
    expect(await messageOf(load('nucleotide-transformer.H3K9ac.single'))).toMatch(
      /no row has "H3K9ac" in column "task"/,
    );
  });

  it('Genomic Benchmarks: one folder per class with a file per sequence, and tables with class indices', async () => {
    const root = 'genomic_benchmarks/human_ensembl_regulatory';
    for (const split of ['train', 'test']) {
      for (const label of ['enhancer', 'ocr', 'promoter']) await put({ [`${root}/${split}/${label}/0.txt`]: 'ACGT\n' });
    }
    const rows = await load('genomic-benchmarks.human_ensembl_regulatory');
    expect(rows.map(({ split, label }) => `${split} ${label}`)).toEqual([
      'train enhancer',
      'train ocr',
      'train promoter',
      'test enhancer',
      'test ocr',
      'test promoter',
    ]);
    await put({ 'genomic_benchmarks/human_ocr_ensembl/test.tsv': 'seq\tlabel\nACGT\t1\n' });
    expect((await load('genomic-benchmarks.human_ocr_ensembl.test-only'))[0].label).toBe('positive');
    await put({ 'genomic_benchmarks/human_ocr_ensembl/test.tsv': 'seq\tlabel\nACGT\t2\n' });
    expect(await messageOf(load('genomic-benchmarks.human_ocr_ensembl.test-only'))).toMatch(
      /test\.tsv:2: label "2" is neither an index/,
    );
  });

  it('R-loops against their reverse complements: each pair is one group', async () => {
    await put({
      'rloop100/rloop.pos.fa': '>pos-1\nAACC\n>pos-2\nAAAC\n',
      'rloop100/rloop.neg3.fa': '>neg3-1\nGGTT\n>neg3-2\nGTTT\n',
    });
    const rows = await load('rloop.neg3');
    expect(rows.map(({ label, group }) => `${label} ${group}`)).toEqual([
      'neg3 AACC',
      'neg3 AAAC',
      'pos AACC',
      'pos AAAC',
    ]);
  });

  it('CLIP-seq headers, UCI lines and tables of numbers', async () => {
    const bound = '> chr1,+,5,9; class:1\nACGT\n> chr1,+,5,9; class:0\nACGA\n';
    await put({
      'clipseq_rbp31/23_PARCLIP_PUM2_hg19/train.fa': bound,
      'clipseq_rbp31/23_PARCLIP_PUM2_hg19/test.fa': bound,
    });
    expect((await load('clipseq.PUM2')).map(({ label, split }) => `${label} ${split}`)).toEqual([
      '1 train',
      '0 train',
      '1 test',
      '0 test',
    ]);
    await put({ 'uci_splice/splice.data': 'EI,  NAME-1,   ACGT\nIE,  NAME-1,   ACGD\n' });
    expect((await load('uci-splice')).map(({ label, sequence }) => `${label} ${sequence}`)).toEqual([
      'EI ACGT',
      'IE ACGD',
    ]);
    await put({ 'dream2022_yeast_demo/demo_train.txt': 'ACGTACGTACGTACGT\t11.5\n' });
    expect((await load('dream-yeast'))[0].label).toBe(11.5);
  });
});
