import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanTask, drawSequence, isPositive } from '../quality/planted-faults.ts';
import { bench } from './bench.ts';

const clean = cleanTask().rows;
/** Every second A as G: composition tells, no position does. */
const halfAsG = (sequence: string) => {
  let met = 0;
  return sequence.replaceAll('A', () => (met++ % 2 === 0 ? 'G' : 'A'));
};

describe('tasks audit', () => {
  let folder = '';
  const table = async (name: string, change: (row: (typeof clean)[number]) => string) => {
    const lines = clean.map((row) => `${row.id},${change(row)},${row.label},${row.split}`);
    const path = join(folder, name);
    await writeFile(path, `id,sequence,label,part\n${lines.join('\n')}\n`);
    return ['tasks', 'audit', '--data', path, '--label', 'label', '--split', 'column:part'];
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('ends with 0 and prints a table where every check passes', async () => {
    const { code, stdout } = await bench(folder, await table('clean.csv', ({ sequence }) => sequence));
    expect(stdout).toContain('Verdict: PASS');
    expect(stdout).toMatch(/PASS +overlap\.exact +0\.000 +0\.000 to 0\.019 +0\.005 +0\.05/);
    expect(stdout).toContain('SKIP overlap.homology: not asked for: add --homology (slow)');
    expect(code).toBe(0);
  });

  it('ends with 3 where a check fails, names it, the number and rows, and writes the same as JSON', async () => {
    const words = await table('long.csv', (row) => (isPositive(row) ? `${row.sequence}AC` : row.sequence));
    const { code, stdout } = await bench(folder, words);
    expect(stdout).toMatch(/FAIL shortcut\.length: length reaches 1\.000, AUROC 1\.000/);
    expect(code).toBe(3);
    const json = await bench(folder, [...words, '--json']);
    const { quality, task, audit } = JSON.parse(json.stdout);
    expect([task, quality.verdict, json.code]).toEqual(['long', 'FAIL', 3]);
    expect(audit.splits.test.rows).toBe(200);
    expect(quality.checks.find(({ id }: { id: string }) => id === 'shortcut.length')).toMatchObject({ value: 1 });
  });

  it('--fail-on warn ends with 3 where a check only warns', async () => {
    const words = await table('gc.csv', (row) => (isPositive(row) ? halfAsG(row.sequence) : row.sequence));
    expect((await bench(folder, words)).code).toBe(0);
    expect((await bench(folder, [...words, '--fail-on', 'warn'])).code).toBe(3);
    const { code, stderr } = await bench(folder, [...words, '--fail-on', 'worry']);
    expect(stderr).toContain('--fail-on worry: there is no such verdict');
    expect(code).toBe(2);
  });

  it('sees lower case before the alphabet policy upper-cases it', async () => {
    const words = await table('case.csv', (row) => (isPositive(row) ? row.sequence.toLowerCase() : row.sequence));
    expect((await bench(folder, words)).stdout).toMatch(/FAIL +shortcut\.case +1\.000/);
  });

  it('--genome tells members of a reference from others', async () => {
    const genome = clean.filter(isPositive).map(({ sequence }, i) => `>record ${i}\n${sequence}${drawSequence(20)}`);
    await writeFile(join(folder, 'genome.fa'), genome.join('\n'));
    const words = await table('clean.csv', ({ sequence }) => sequence);
    const { code, stdout } = await bench(folder, [...words, '--genome', join(folder, 'genome.fa')]);
    expect(stdout).toMatch(/FAIL +construction\.genome-membership +1\.000/);
    expect(code).toBe(3);
  });
});
