import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { genomeShares } from '../../src/quality/genome-shares.ts';
import { drawSequence, opposite } from './planted-faults.ts';

describe('the share of k-mers in a reference', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'genome-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is 1 for windows of the reference on either strand, near 0 for random sequences, and in proportion for a mixture', async () => {
    const genome = drawSequence(5000);
    const file = join(folder, 'genome.fa');
    await writeFile(file, `>one\n${genome.slice(0, 2500)}\n>two\n${genome.slice(2500).toLowerCase()}\n`);
    const shares = await genomeShares(file, [
      genome.slice(100, 400),
      opposite(genome.slice(3000, 3300)),
      drawSequence(300),
      genome.slice(0, 1000) + drawSequence(1000),
      'NNNN',
    ]);
    expect(Array.from(shares.slice(0, 3))).toEqual([1, 1, 0]);
    expect(shares[3]).toBeGreaterThan(0.4);
    expect(shares[3]).toBeLessThan(0.6);
    expect(shares[4]).toBe(0);
  });

  it('refuses a file without a record', async () => {
    const file = join(folder, 'empty.fa');
    await writeFile(file, '\n');
    await expect(genomeShares(file, ['ACGT'])).rejects.toThrow(/no FASTA record/);
  });
});
