/** The default suite's two tasks, in few rows, with models of three architectures in one command; shown on the committed goldens. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import defaultSuite from '../../benchmarks/default.ts';
import { toyFolder } from '../harness/fixtures/toy.ts';
import { bench } from './bench.ts';

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Each task as it ships, under its own id, with another generator's sizes. */
const TASKS = `
import grammar, { regulatoryGrammar } from ${JSON.stringify(here('tasks/regulatory-grammar.ts'))};
import barcodes, { barcodeLibrary, genusRows } from ${JSON.stringify(here('tasks/barcode-synthetic.ts'))};

const sizes = { train: 80, valid: 30, test: 40 };
const library = { families: 2, generaPerFamily: [2, 2], speciesPerGenus: [4, 4], specimensPerSpecies: [4, 5] };
const genus = barcodes.find(({ id }) => id === 'barcode-genus');

export default [
  { ...grammar, load: async () => regulatoryGrammar({ sizes }).map(({ row }) => row) },
  { ...genus, load: async () => genusRows(barcodeLibrary(library)) },
];
`;

let folder: string;
beforeAll(async () => {
  folder = await toyFolder();
  const goldens = here('test/models/goldens');
  for (const name of ['bert', 'mosaic-bert', 'gpn'])
    await cp(join(goldens, 'architectures', name), join(folder, name), { recursive: true });
  // Two of the goldens are weights alone.
  for (const name of ['mosaic-bert', 'gpn'])
    await cp(join(goldens, 'tokenizers', 'letters'), join(folder, name), { recursive: true });
  await writeFile(join(folder, 'tasks.ts'), TASKS);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Row {
  readonly task: string;
  readonly contender: string;
  readonly status: string;
  readonly score: number;
}

it('one command scores models of three architectures on both tasks of the default suite, beside its baselines', async () => {
  const words = ['run', '--task', 'tasks.ts', '--contender', 'majority', '--probe', 'logistic', '--effort', '0.05'];
  const models = ['./bert+w20', './mosaic-bert', './gpn'];
  const machine = ['--device', 'cpu', '--jobs', '1', '--threads', '1', '--seeds', '1'];
  const { code, stdout, stderr } = await bench(folder, [
    ...words,
    '--model',
    ...models,
    ...machine,
    '--json',
    '--out',
    'out',
  ]);
  expect(code, stderr).toBe(0);
  const { failed, leaderboard } = JSON.parse(stdout) as { failed: unknown[]; leaderboard: { rows: Row[] } };
  expect(failed).toEqual([]);
  const cells = leaderboard.rows.map(({ task, contender, status }) => `${task}: ${contender} ${status}`);
  const contenders = ['majority', 'bert+w20', 'mosaic-bert', 'gpn'];
  const expected = defaultSuite.tasks.flatMap((task) => contenders.map((contender) => `${task}: ${contender} done`));
  expect(cells.sort()).toEqual(expected.sort());
  for (const { score, contender } of leaderboard.rows) expect(Number.isFinite(score), contender).toBe(true);
  const page = await readFile(join(folder, 'out', 'leaderboard.html'), 'utf8');
  for (const name of contenders) expect(page).toContain(name);
});
