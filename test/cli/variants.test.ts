/** `--model NAME+rc`, `NAME+w12`: ways to run a model, from the command line and in child processes. */
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readNpy } from '../../src/runtime/arrays/npy.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';
import { toyFolder } from '../harness/fixtures/toy.ts';
import { relativeError } from '../onnx/helpers.ts';
import { bench } from './bench.ts';

let folder: string;
beforeAll(async () => {
  folder = await toyFolder();
  const golden = fileURLToPath(new URL('../models/goldens/architectures/bert', import.meta.url));
  await cp(golden, join(folder, 'bert'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Row {
  readonly contender: string;
  readonly title: string;
  readonly kind: string;
  readonly seeds: number;
}

/** Rows of the board of models beside a quick baseline on the toy task. */
async function board(out: string, models: readonly string[], more: readonly string[] = []): Promise<Row[]> {
  const machine = ['--device', 'cpu', '--jobs', '1', '--threads', '1'];
  const compared = ['--task', 'task.ts', '--contender', 'baselines.ts#quick', '--model', ...models];
  const { stdout, stderr, code } = await bench(folder, [
    'run',
    ...compared,
    ...machine,
    ...more,
    '--out',
    out,
    '--json',
  ]);
  expect(code, stderr).toBe(0);
  const { failed, leaderboard } = JSON.parse(stdout) as { failed: unknown[]; leaderboard: { rows: Row[] } };
  expect(failed).toEqual([]);
  return leaderboard.rows;
}

it('run compares a model with itself on both strands and in windows', async () => {
  const rows = await board('ways', ['bert', 'bert+rc', './bert+w12s6+rc', 'kmer-5-composition+rc']);
  const titles = new Map(rows.map(({ contender, title }) => [contender, title]));
  expect([...titles.keys()].sort()).toEqual(['bert', 'bert+rc', 'bert+w12s6+rc', 'kmer-5-composition+rc', 'quick']);
  expect(titles.get('bert+w12s6+rc')).toBe('bert, windows of 12 nt begun every 6, both strands');
});

it('run stands a model beside its own architecture with random weights, of as many seeds as asked for', async () => {
  const rows = await board('controls', ['./bert', './bert+random', './bert+random+rc'], ['--seeds', '2']);
  expect(rows.map(({ contender, kind, seeds }) => `${contender}: ${kind}, ${seeds}`).sort()).toEqual([
    'bert+random+rc: control, 2',
    'bert+random: control, 2',
    'bert: model, 1',
    'quick: baseline, 1',
  ]);
});

it('embed names the remedy for sequences that are too long, and takes it', async () => {
  const sequence = 'ACGTTGCAAGCTCTAGATCCGGTATTAGCACCGATGG';
  await writeFile(join(folder, 'two.fa'), `>a\n${sequence}\n>b\n${reverseComplement(sequence)}\n`);
  const embed = (model: string) =>
    bench(folder, [
      'embed',
      '--model',
      model,
      '--sequences',
      'two.fa',
      '--device',
      'cpu',
      '--out',
      'two.npy',
      '--json',
    ]);
  const refused = await embed('bert');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("or embed long sequences in windows: append +w23 to the model's name");
  const { code, stdout, stderr } = await embed('./bert+w23+rc');
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ model: 'bert+w23+rc', rows: 2 });
  const { values } = await readNpy(join(folder, 'two.npy'));
  expect(relativeError(values.slice(0, 16), values.slice(16))).toBeLessThan(1e-5);
});

it('what is no model, or would skip letters, is refused before anything runs', async () => {
  const asked = async (spec: string) => (await bench(folder, ['plan', '--task', 'task.ts', '--model', spec])).stderr;
  expect(await asked('majority+w12')).toContain('"majority" is a baseline, not a model');
  const exported = fileURLToPath(new URL('../models/goldens/onnx-folder/every-layer', import.meta.url));
  const vectors = fileURLToPath(new URL('../models/goldens/precomputed/single.npy', import.meta.url));
  for (const other of [exported, vectors, 'kmer-5-composition'])
    expect(await asked(`${other}+random`)).toContain('+random needs a model of a known architecture');
  expect(await asked('bert+w12s24')).toContain(
    'bert: windows of 12 nucleotides that start every 24 would skip letters',
  );
});
