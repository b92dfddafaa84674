/** Results under one name that are not the same thing: other settings, other models, other label columns. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { toyFolder } from '../harness/fixtures/toy.ts';
import { bench, type Finished } from './bench.ts';

const MACHINE = ['--device', 'cpu', '--jobs', '1', '--threads', '1'];

interface Row {
  readonly task: string;
  readonly contender: string;
  readonly label?: string;
  readonly score: number | null;
  readonly seeds: number;
}

let folder: string;
beforeAll(async () => {
  folder = await toyFolder();
  const random = createRandom('identity');
  const letters = () => Array.from({ length: 20 }, () => 'ACGT'[random.integer(4)]).join('');
  const rows = Array.from({ length: 90 }, () => {
    const sequence = letters();
    const ofGc = sequence.replace(/[AT]/g, '').length / 20 + 0.05 * random.normal();
    const ofCpG = sequence.split('CG').length / 4 + 0.05 * random.normal();
    return `${sequence},${ofGc.toFixed(4)},${ofCpG.toFixed(4)},${ofGc > 0.5 ? 1 : 0}`;
  });
  await writeFile(join(folder, 'table.csv'), `sequence,log2(RNA/DNA),expression2,label\n${rows.join('\n')}\n`);
  const golden = fileURLToPath(new URL('../models/goldens/architectures/bert', import.meta.url));
  const config = JSON.parse(await readFile(join(golden, 'config.json'), 'utf8')) as Record<string, number>;
  for (const [place, layers] of [
    ['c1', config.num_hidden_layers],
    ['c3', 1],
  ] as const) {
    const model = join(folder, place, 'checkpoint-500');
    await cp(golden, model, { recursive: true });
    await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: layers }));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...words: string[]) => bench(folder, ['run', ...words, ...MACHINE, '--json']);
function rowsOf({ stdout, stderr, code }: Finished): Row[] {
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { leaderboard: { rows: Row[] } }).leaderboard.rows;
}
const short = ({ contender, label, seeds }: Row) => [contender, label, seeds];

describe('in one results folder', () => {
  it('seeds of another effort are another row', async () => {
    const data = ['--data', 'table.csv', '--label', 'expression2', '--contender', 'majority', 'kmer-forest'];
    const alone = rowsOf(await run(...data, '--seeds', '1', '--effort', '1', '--out', 'full'));
    await run(...data, '--seeds', '3', '--effort', '0.1', '--out', 'both');
    const second = await run(...data, '--seeds', '1', '--effort', '1', '--out', 'both');
    const rows = rowsOf(second).filter(({ contender }) => contender === 'kmer-forest');
    expect(rows.map(short)).toEqual([
      ['kmer-forest', 'effort 0.1', 3],
      ['kmer-forest', 'effort 1', 1],
    ]);
    const full = alone.find(({ contender }) => contender === 'kmer-forest')!;
    expect(full.label).toBeUndefined();
    expect(rows[1].score).toBe(full.score);
    expect(second.stderr).toContain('The folder holds results of other settings (effort 0.1)');
  });

  it('models of one folder name are rows of their own', async () => {
    const data = ['--data', 'table.csv', '--task-id', 'named', '--effort', '0.1', '--out', 'models'];
    await run(...data, '--contender', 'majority', 'c1/checkpoint-500+random', '--seeds', '2');
    const second = await run(...data, '--contender', 'majority', 'c3/checkpoint-500+random', '--seeds', '1');
    const rows = rowsOf(second);
    expect(rows.map(short)).toEqual([
      ['majority', undefined, 1],
      ['checkpoint-500+random', 'c1/checkpoint-500', 2],
      ['checkpoint-500+random', 'c3/checkpoint-500', 1],
    ]);
    expect(new Set(rows.map(({ task }) => task))).toEqual(new Set(['named']));
    expect(second.stderr).toContain('another contender under the name "checkpoint-500+random"');
  });

  it('label columns of one table are tasks of their own, in folders of their own by default', async () => {
    const common = ['--data', 'table.csv', '--contender', 'length-gc', '--seeds', '1'];
    const first = await run(...common, '--label', 'log2(RNA/DNA)');
    const second = await run(...common, '--label', 'expression2');
    expect([first, second].map((finished) => rowsOf(finished)[0].task)).toEqual([
      'table-log2-RNA-DNA',
      'table-expression2',
    ]);
    const outs = [first, second].map(({ stdout }) => (JSON.parse(stdout) as { out: string }).out);
    expect(outs.map((out) => out.split('/').at(-1))).toEqual(['table-log2-RNA-DNA', 'table-expression2']);
    await run(...common, '--label', 'log2(RNA/DNA)', '--out', 'tables');
    const both = rowsOf(await run(...common, '--label', 'expression2', '--out', 'tables'));
    expect(both.map(({ task }) => task)).toEqual(['table-log2-RNA-DNA', 'table-expression2']);
    expect(both.map(({ score }) => score)).toEqual([rowsOf(first)[0].score, rowsOf(second)[0].score]);
  });

  it('another metric of the same rows is another task under its own metric', async () => {
    const common = ['--data', 'table.csv', '--label', 'expression2', '--contender', 'length-gc', '--out', 'metrics'];
    const [first] = rowsOf(await run(...common));
    const second = await run(...common, '--metric', 'r2');
    expect(rowsOf(second)).toMatchObject([
      { metric: 'pearson', score: first.score },
      { metric: 'r2', score: expect.any(Number) },
    ]);
    expect(second.stderr).toContain('under the task name "table-expression2"; the board shows both');
  });
});

describe('in one command', () => {
  const data = ['--data', 'table.csv', '--seeds', '1', '--effort', '0.1', '--out', 'once'];

  it('two models of one name are refused, with the paths and the remedy', async () => {
    const { code, stderr } = await run(...data, '--contender', 'majority', 'c1/checkpoint-500', 'c3/checkpoint-500');
    expect(code).toBe(2);
    expect(stderr).toMatch(/Two different contenders have the id "checkpoint-500": .*c1.*, .*c3/);
    expect(stderr).toContain('--model NAME=PATH');
  });

  it('NAME=PATH names a model, run in another way or not', async () => {
    const named = ['one=c1/checkpoint-500+random', 'two=c3/checkpoint-500+random', 'floor=majority'];
    const rows = rowsOf(await run(...data, '--contender', ...named));
    expect(rows.map(({ contender }) => contender).sort()).toEqual(['floor', 'one+random', 'two+random']);
    expect(rows.every(({ label }) => label === undefined)).toBe(true);
  });

  it('a task name that is none is refused', async () => {
    const { code, stderr } = await run(...data, '--task-id', 'my task', '--contender', 'majority');
    expect(code).toBe(2);
    expect(stderr).toContain('--task-id my task: must begin with a letter or digit');
  });
});
