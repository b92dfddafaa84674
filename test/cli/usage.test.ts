import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { PRESETS } from '../../src/pretraining/presets.ts';
import { toyFolder } from '../harness/fixtures/toy.ts';
import { bench, type Finished, finished, start } from './bench.ts';

const home = process.cwd();
let folder: string;
beforeAll(async () => {
  folder = await toyFolder();
  process.chdir(folder);
  const rows = Array.from({ length: 40 }, (_, i) => `${'ACGT'[i % 4]}CGTAGGCTA,${i % 4 < 2 ? 'yes' : 'no'}`);
  await writeFile(join(folder, 'mine.csv'), `read,bound\n${rows.join('\n')}\n`);
  await writeFile(join(folder, 'nothing.ts'), 'export default { id: "nothing" };\n');
  await writeFile(
    join(folder, 'wrong.ts'),
    "export default { id: 'w', title: 'W', kind: 'binery', metric: 'mcc', citation: '-', licence: '-', load: 3 };\n",
  );
  const packageFolder = join(folder, 'node_modules', 'my-dna-tasks');
  await mkdir(packageFolder, { recursive: true });
  await writeFile(join(packageFolder, 'package.json'), '{"type":"module","exports":{".":{"import":"./main.js"}}}');
  await writeFile(
    join(packageFolder, 'main.js'),
    `import { defineTask } from 'glm-bench';
const rows = Array.from({ length: 40 }, (_, i) => ({ id: 'r' + i, sequence: 'ACGT'[i % 4] + 'ACGT', label: i % 2 }));
export default [defineTask({ id: 'packed', title: 'Packed', kind: 'binary', metric: 'mcc', citation: '-', licence: 'MIT',
  generated: true, async load() { return rows; } })];\n`,
  );
});
afterAll(async () => {
  process.chdir(home);
  await rm(folder, { recursive: true, force: true });
});

/** The command line without a process of its own: enough where nothing is run, and quick. */
async function inProcess(words: readonly string[]): Promise<Finished> {
  const heard = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      heard[stream] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(words), ...heard };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('wrong usage ends with 2, one clear line and a hint', () => {
  it.each([
    ['an unknown command', ['pln'], /There is no command "pln" \(did you mean "plan"\?\)/],
    ['an unknown command of a group', ['tasks', 'shw'], /There is no command "tasks shw" \(did you mean "show"\?\)/],
    ['an unknown flag', ['run', '--taks', 'x'], /unknown option '--taks'/],
    ['a missing argument', ['report'], /missing required argument 'folder'/],
    ['a folder that is no run', ['report', '.'], /there is no run\.json/],
    [
      'an unknown task',
      ['run', '--task', 'regulatory-gramar'],
      /no task "regulatory-gramar" \(did you mean "regulatory-grammar"/,
    ],
    ['a missing plugin', ['run', '--task', 'gone.ts'], /gone\.ts: there is no such file/],
    ['a plugin that is none', ['tasks', 'validate', 'nothing.ts'], /nothing\.ts: the default export is no task/],
    [
      'a plugin with wrong fields',
      ['tasks', 'validate', 'wrong.ts'],
      /wrong\.ts: task "w" .* kind: .*; load: must be a function/,
    ],
    ['a number that is none', ['run', '--seeds', 'many'], /--seeds many: must be a whole number/],
    ['an unknown device', ['run', '--device', 'gpu'], /--device gpu is not known/],
    ['data flags without data', ['run', '--label', 'bound'], /--label describes data, but there is no --data/],
    [
      'an unknown kind',
      ['run', '--data', 'mine.csv', '--kind', 'binry'],
      /--kind binry is not known \(did you mean "binary"\?\)/,
    ],
    ['missing data', ['run', '--data', 'gone.csv', '--kind', 'binary'], /--data gone\.csv: there is no such file/],
    [
      'an unknown pooling',
      ['embed', '--model', '.', '--sequences', 'mine.csv', '--out', 'e.npy', '--pool', 'men'],
      /--pool men: unknown/,
    ],
    [
      'an unknown preset',
      ['pretrain', '--config', 'tinny', '--sequences', 'mine.csv', '--out', 'm'],
      /no such preset \(did you mean "tiny"\?\)/,
    ],
  ])('%s', async (_what, words, message) => {
    const { code, stdout, stderr } = await inProcess(words);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /); // no stack trace
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('bad rows are named with file and line', async () => {
    await writeFile(join(folder, 'bad.csv'), 'sequence,label\nACGT,1\nAC!T,0\n');
    const { code, stderr } = await inProcess(['tasks', 'audit', '--data', 'bad.csv', '--kind', 'binary']);
    expect(stderr).toMatch(/bad\.csv:3: letter "!" at position 3/);
    expect(code).toBe(2);
  });

  it('--debug adds the stack', async () => {
    const { stderr } = await inProcess(['run', '--task', 'gone.ts', '--debug']);
    expect(stderr).toMatch(/\n\s+at /);
  });
});

describe('help', () => {
  it('shows commands and examples, and ends with 0', async () => {
    const { code, stdout } = await inProcess(['--help']);
    expect(code).toBe(0);
    for (const word of [
      'run',
      'plan',
      'report',
      'tasks',
      'models',
      'embed',
      'pretrain',
      'doctor',
      'Examples:',
      'Exit codes',
    ]) {
      expect(stdout).toContain(word);
    }
  });
});

it('paths inside a suite are relative to its file, wherever one stands', async () => {
  await mkdir(join(folder, 'suites'));
  await writeFile(
    join(folder, 'suites', 'quick.ts'),
    `import { defineSuite } from 'glm-bench';
export default defineSuite({ id: 'quick', title: 'Quick', tasks: ['../task.ts'],
  contenders: ['majority', '../baselines.ts#quick'], probes: [], seeds: 1 });\n`,
  );
  const { code, stdout, stderr } = await bench(folder, [
    'plan',
    '--suite',
    'suites/quick.ts',
    '--device',
    'cpu',
    '--json',
  ]);
  expect({ code, stderr: stderr.match(/error.*/)?.[0] }).toEqual({ code: 0, stderr: undefined });
  const { cells } = JSON.parse(stdout) as { cells: { task: string; contender: string }[] };
  expect(cells.map(({ task, contender }) => `${task} ${contender}`)).toEqual(['toy majority', 'toy quick']);
});

it('pretrain --help names every preset', async () => {
  const { stdout } = await inProcess(['pretrain', '--help']);
  for (const name of Object.keys(PRESETS)) expect(stdout).toContain(name);
});

it('a reader that goes away (`| head`) is no error', async () => {
  const child = start(folder, ['tasks', 'list']);
  child.stdout?.destroy();
  const { code, stderr } = await finished(child);
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
});

describe('--json prints one document and nothing else', () => {
  const quick = ['--contender', 'baselines.ts#quick', '--device', 'cpu'];
  it.concurrent.each([
    [
      'plan',
      ['plan', '--task', 'task.ts', ...quick],
      { cells: [{ task: 'toy', contender: 'quick', state: 'absent' }] },
    ],
    [
      'tasks show',
      ['tasks', 'show', 'task.ts'],
      { id: 'toy', sizes: { train: 56, valid: 8, test: 16 }, classes: ['early', 'late'] },
    ],
    ['tasks validate', ['tasks', 'validate', 'task.ts'], { task: 'toy', sizes: { test: 16 } }],
    [
      'models list',
      ['models', 'list'],
      { probes: expect.arrayContaining([expect.objectContaining({ id: 'logistic' })]) },
    ],
    [
      'run on a plain CSV',
      [
        'run',
        '--data',
        'mine.csv',
        '--sequence',
        'read',
        '--label',
        'bound',
        '--kind',
        'binary',
        '--metric',
        'auroc',
        '--positive',
        'no',
        ...quick,
      ],
      { computed: 1, leaderboard: { rows: [{ task: 'mine-bound', metric: 'auroc', score: 1 }] } },
    ],
    [
      'run of a task in an npm package',
      ['run', '--task', 'my-dna-tasks', '--out', 'packed', ...quick],
      { computed: 1, leaderboard: { rows: [{ task: 'packed' }] } },
    ],
  ])('%s', async (_what, words, expected) => {
    const { code, stdout, stderr } = await bench(folder, [...words, '--json']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(expected);
  });
});
