/** `--model PATH` from the command line, in child processes: a folder, an export, embeddings made elsewhere. */
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../../src/runtime/arrays/npy.ts';
import { toyFolder } from '../harness/fixtures/toy.ts';
import { bench } from './bench.ts';

const golden = (name: string) => fileURLToPath(new URL(`../models/goldens/${name}`, import.meta.url));
/** The rows of the toy task. */
const SEQUENCES = Array.from({ length: 80 }, (_, i) => {
  const body = i
    .toString(4)
    .padStart(6, '0')
    .replace(/\d/g, (digit) => 'ACGT'[Number(digit)]);
  return `${'ACGT'[i % 4]}${body}ACGTTGCAGG`;
});

/** Beside BERT's: folders of other architectures. */
const ARCHITECTURES = ['esm', 'nucleotide-transformer-v2'];

let folder: string;
beforeAll(async () => {
  folder = await toyFolder();
  await cp(golden('architectures/bert'), join(folder, 'bert-v1.5'), { recursive: true });
  for (const name of ARCHITECTURES) await cp(golden(`architectures/${name}`), join(folder, name), { recursive: true });
  await cp(golden('onnx-folder/every-layer'), join(folder, 'exported'), { recursive: true });
  const values = Float32Array.from(
    SEQUENCES.flatMap((sequence) => [...'AC'].map((letter) => +(sequence[0] === letter))),
  );
  await writeNpy(join(folder, 'letters.npy'), { rows: 80, columns: 2, values });
  await writeFile(join(folder, 'letters.json'), JSON.stringify({ sequences: SEQUENCES }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('run compares what lies at paths in one command: folders of three architectures, .onnx, .npy', async () => {
  const words = ['run', '--task', 'task.ts', '--device', 'cpu', '--jobs', '1', '--threads', '1', '--json'];
  const models = ['bert-v1.5', ...ARCHITECTURES, 'exported/model.onnx', 'letters.npy'];
  const asked = ['--contender', 'baselines.ts#quick', '--model', ...models];
  const { stdout, stderr, code } = await bench(folder, [...words, ...asked]);
  expect(code, stderr).toBe(0);
  const { failed, leaderboard } = JSON.parse(stdout) as {
    failed: unknown[];
    leaderboard: { rows: { contender: string; score: number }[] };
  };
  expect(failed).toEqual([]);
  const scores = new Map(leaderboard.rows.map(({ contender, score }) => [contender, score]));
  expect([...scores.keys()].sort()).toEqual(['bert-v1.5', ...ARCHITECTURES, 'exported', 'letters', 'quick'].sort());
  expect(scores.get('letters')).toBe(1); // the label is whether the first letter is A or C
});

it('embed takes an export as well', async () => {
  const fasta = SEQUENCES.slice(0, 3).map((sequence, i) => `>${i}\n${sequence}\n`);
  await writeFile(join(folder, 'three.fa'), fasta.join(''));
  const words = ['embed', '--model', 'exported', '--sequences', 'three.fa', '--device', 'cpu', '--out', 'three.npy'];
  const { code, stderr } = await bench(folder, words);
  expect(code, stderr).toBe(0);
  expect(await readNpy(join(folder, 'three.npy'))).toMatchObject({ rows: 3, columns: 16 });
});

it('embed reads what its hints say: gaps removed, bad rows skipped and listed, a row that the model cannot use named', async () => {
  const embed = (file: string, ...flags: string[]) =>
    bench(folder, [
      'embed',
      '--model',
      'bert-v1.5',
      '--sequences',
      file,
      '--device',
      'cpu',
      '--out',
      'odd.npy',
      ...flags,
    ]);
  const rows = async () => (await readNpy(join(folder, 'odd.npy'))).rows;
  await writeFile(
    join(folder, 'odd.csv'),
    `id,sequence\na,${SEQUENCES[0]}\nb,AC--${SEQUENCES[1]}\nc\u009b,${SEQUENCES[2]}!\n`,
  );

  const refused = await embed('odd.csv');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/odd\.csv:3: letter "-" at position 3 is a gap; .*--gaps remove/);
  expect(refused.stderr).not.toMatch(/--debug/);

  const skipped = await embed('odd.csv', '--gaps', 'remove', '--on-bad-row', 'skip', '--json');
  expect(skipped.code, skipped.stderr).toBe(0);
  expect(JSON.parse(skipped.stdout)).toMatchObject({
    rows: 2,
    skipped: [{ line: 4, reason: expect.stringMatching(/"!"/) }],
  });
  expect(skipped.stderr).toMatch(/1 of 3 rows skipped/);
  expect(await rows()).toBe(2);

  await writeFile(join(folder, 'short.csv'), `id,sequence\na,${SEQUENCES[0]}\nshort\u009b,${'A'.repeat(5000)}\n`);
  const short = await embed('short.csv');
  expect(short.code).toBe(2);
  expect(short.stderr).toMatch(/short\.csv:3 \(row "short�"\): 'AAAAAAAAAAAA\.\.\.'/);
  expect(short.stderr).not.toMatch(/--debug|\u009b/);
});
