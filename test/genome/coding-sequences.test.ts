/** Coding sequences by GFF3: joined, turned, one of each gene. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codingSequences } from '../../src/genome/coding-sequences.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cds-'));
});
afterAll(() => rm(folder, { recursive: true }));

const GENOME = 'AACCGGTTacgtTTTTGGGGCCCCAAAACATG';
async function read(lines: readonly string[], genome = `>chr1 a genome\n${GENOME}\n`) {
  const [fasta, gff] = [join(folder, 'genome.fa'), join(folder, 'genes.gff3')];
  await writeFile(fasta, genome);
  await writeFile(gff, ['##gff-version 3', ...lines, ''].join('\n'));
  return codingSequences(fasta, gff);
}
const cds = (start: number, end: number, strand: string, attributes: string) =>
  ['chr1', 'x', 'CDS', start, end, '.', strand, '0', attributes].join('\t');

describe('codingSequences', () => {
  it('joins the parts of a transcript in the order of the genome, upper case', async () => {
    const found = await read([cds(9, 12, '+', 'Parent=t1;'), cds(1, 4, '+', 'ID=c1;Parent=t1,t1-protein')]);
    expect(found).toEqual([{ name: 't1 chr1:1-12(+)', letters: 'AACCACGT' }]);
  });

  it('turns those of the minus strand', async () => {
    const [found] = await read([cds(13, 16, '-', 'Parent=t1'), cds(29, 32, '-', 'Parent=t1')]);
    expect(found.letters).toBe('CATGAAAA');
  });

  it('takes the longest transcript of a gene, and neighbours that overlap little', async () => {
    const found = await read([
      cds(1, 8, '+', 'Parent=short'),
      cds(1, 12, '+', 'Parent=long'),
      cds(11, 20, '+', 'Parent=next'),
      cds(1, 12, '-', 'Parent=other-strand'),
    ]);
    expect(found.map(({ name }) => name.split(' ')[0]).sort()).toEqual(['long', 'next', 'other-strand']);
  });

  it('passes over other features and what follows ##FASTA', async () => {
    const gene = cds(1, 4, '+', 'Parent=t1').replace('CDS', 'exon');
    const found = await read([gene, cds(5, 8, '+', 'ID=only'), '##FASTA', '>chr1', 'ACGT']);
    expect(found.map(({ letters }) => letters)).toEqual(['GGTT']);
  });

  it('refuses lines that are no GFF3, features over the end, and other genomes', async () => {
    await expect(read(['chr1\tCDS'])).rejects.toThrow(/nine columns/);
    await expect(read([cds(30, 40, '+', 'ID=a')])).rejects.toThrow(/a ends at 40 of chr1, which has 32 letters/);
    await expect(read([cds(1, 4, '+', 'ID=a')], '>chr2\nACGT\n')).rejects.toThrow(/the same sequence names/);
  });
});
