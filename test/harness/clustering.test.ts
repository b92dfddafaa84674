/** Clustering tasks end to end: a task and models as a plugin author gives them, cells, results, board, and `tasks validate`. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPredictions } from '../../src/harness/cells/scoring.ts';
import { openStore } from '../../src/harness/store/store.ts';
import { prepareTask } from '../../src/harness/tasks/prepare.ts';
import { validateTaskFile } from '../../src/harness/tasks/validate.ts';
import {
  createRandom,
  defineModel,
  defineTask,
  type Encoder,
  type LabelledSequence,
  type ModelContext,
  run,
  writeReport,
} from '../../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clustering-'));
});
afterAll(() => rm(folder, { recursive: true }));

const context = { allowDownload: false, cacheFolder: '/nowhere' };

/** Barcodes of ten bins, a few letters apart within a bin. Training rows have other bins than test rows, or none that is known. */
function barcodes(): LabelledSequence[] {
  const random = createRandom('bins');
  const letter = () => 'ACGT'[random.integer(4)];
  const bins = Array.from({ length: 10 }, () => Array.from({ length: 80 }, letter));
  const row = (i: number, split: 'train' | 'valid' | 'test', bin: number): LabelledSequence => ({
    id: `${split}-${i}`,
    sequence: bins[bin].map((base) => (random.next() < 0.04 ? letter() : base)).join(''),
    label: split === 'train' && i % 3 > 0 ? '' : `BIN${bin}`,
    split,
    ...(split === 'train' && i % 2 === 0 ? { group: `species of ${bin}` } : {}),
  });
  return [
    ...Array.from({ length: 30 }, (_, i) => row(i, 'train', i % 3)),
    ...Array.from({ length: 20 }, (_, i) => row(i, 'valid', 3 + (i % 2))),
    ...Array.from({ length: 60 }, (_, i) => row(i, 'test', 5 + (i % 5))),
  ];
}

const bins = defineTask({
  ...{ id: 'bins', title: 'Bins', kind: 'clustering', metric: 'ami', citation: '-', licence: '-' },
  load: async () => barcodes(),
});

/** An encoder of one layer whose vectors are numbers taken of the sequence. */
function encoder(features: (sequence: string) => number[]): Encoder {
  return {
    ...{ dimension: features('A').length, layers: 0, fingerprint: features.toString(), card: {} },
    async embed(sequences, representations) {
      const rows = sequences.map(features);
      return representations.map(() => ({
        ...{ rows: rows.length, columns: rows[0].length },
        values: Float32Array.from(rows.flat()),
      }));
    },
    async dispose() {},
  };
}

const seen: ModelContext[] = [];
const common = { citation: '-', licence: '-', version: '1', stochastic: false, options: {} } as const;
/** Which letter stands where: sequences of a bin are near each other. */
const positions = defineModel({
  ...{ ...common, id: 'positions', title: 'Positions', kind: 'model' },
  load: async (given) => {
    seen.push(given);
    return encoder((sequence) =>
      Array.from({ length: 80 }, (_, i) => [...'ACGT'].map((letter) => (sequence[i] === letter ? 1 : 0))).flat(),
    );
  },
});
/** Which letter stands first, and how many A there are: too little to tell bins apart. */
const poor = defineModel({
  ...{ ...common, id: 'poor', title: 'Poor', kind: 'model', family: 'one-hot' },
  load: async () => encoder((sequence) => ['ACGT'.indexOf(sequence[0]), sequence.split('A').length]),
});

describe('a clustering task', () => {
  it('counts clusters by the labels of its test rows; others may be empty', async () => {
    const { classes, outputs, splits } = await prepareTask(bins, context);
    expect(classes).toEqual(['BIN5', 'BIN6', 'BIN7', 'BIN8', 'BIN9']);
    expect(outputs).toBe(5);
    expect(splits.test.targets).toMatchObject({ rows: 60, columns: 1 });
    expect(new Set(splits.valid.targets.values)).toEqual(new Set([0, 1]));
    expect(new Set(splits.train.targets.values)).toEqual(new Set([0, 1])); // none, and the one that is known
  });

  it('must know the label of every test row', async () => {
    const nameless = barcodes().map((row) => (row.id === 'test-7' ? { ...row, label: '' } : row));
    await expect(prepareTask({ ...bins, load: async () => nameless }, context)).rejects.toThrow(
      'task bins: row "test-7": the label is empty',
    );
  });

  it('takes whole numbers of at least 0 in one column as predictions, however they are called', async () => {
    const task = await prepareTask(bins, context);
    const check = (values: number[], columns = 1) =>
      checkPredictions(
        { rows: values.length / columns, columns, values: Float64Array.from(values) },
        values.length / columns,
        task,
        'test',
      );
    expect(Array.from(check([7, 0, 123]).values)).toEqual([7, 0, 123]);
    expect(() => check([0, 0.5])).toThrow('test prediction 0.5 in row 1 is no cluster index: give whole numbers');
    expect(() => check([-1])).toThrow('is no cluster index');
    expect(() => check([Number.NaN])).toThrow('it must be finite');
    expect(() => check([0, 1, 0, 0, 0], 5)).toThrow('test predictions are [1, 5] (5 values), expected [1, 1]');
  });
});

describe('a run on a clustering task', () => {
  const places = () => ({ out: join(folder, 'out'), cacheFolder: join(folder, 'cache') });
  const options = { tasks: [bins], contenders: [positions, poor], seeds: 3, device: 'cpu', jobs: 1, threads: 1 };

  it('clusters by default; every measure is stored, and an interval from halves of the rows', async () => {
    const summary = await run({ ...options, ...places() });
    expect(summary).toMatchObject({ planned: 2, computed: 2, failed: [] }); // nothing is drawn: one seed
    const store = await openStore(places().out);
    const cell = (await store.readManifest())?.cells.find(({ contender }) => contender === 'positions');
    expect(cell?.probe).toBe('ward-pca');
    const stored = await store.read(cell?.key ?? '');
    if (stored.state !== 'done') throw new Error(stored.state);
    const { result } = stored;
    expect(Object.keys(result.scores ?? {}).sort()).toEqual(['ami', 'ari', 'nmi', 'vMeasure']);
    expect(result.scores?.ami).toBeGreaterThan(0.9);
    expect(result.predictions).toMatchObject({ rows: 60, columns: 1 });
    expect(result.interval?.low).toBeLessThanOrEqual(result.scores?.ami ?? 0);
    expect(result.interval?.high).toBeGreaterThanOrEqual(result.scores?.ami ?? 1);
    expect(result.details).toMatchObject({ probe: { clusters: 5, validationClusters: 2 } });
  });

  it('hands models that learn from labels only the training rows that have one', () => {
    const { supervised, unlabelled } = seen[0];
    expect(unlabelled).toHaveLength(30);
    expect(new Set(supervised?.labels)).toEqual(new Set(['species of 0', 'species of 1', 'species of 2', 'BIN0']));
    expect(supervised?.labels).toHaveLength(supervised?.sequences.length ?? 0);
    expect(supervised?.labels).not.toContain('');
  });

  it('becomes a board with the difference from the one-hot encoder, in every format', async () => {
    const { leaderboard, files } = await writeReport(places().out, { title: 'Bins' });
    const [first, second] = leaderboard.rows;
    expect([first.contender, second.contender]).toEqual(['positions', 'poor']);
    expect(first).toMatchObject({ metric: 'ami', status: 'done', testSize: 60, probe: 'ward-pca' });
    expect(second).toMatchObject({ kind: 'baseline', family: 'one-hot', isReference: true });
    expect(first.vsOneHot).toMatchObject({ verdict: 'better', secondOpinion: null });
    for (const file of files) expect(await readFile(file, 'utf8'), file).toContain('Positions');
  });

  it('skips probes that need answers to fit, with the reason', async () => {
    const logistic = { ...options, ...places(), probes: ['logistic'] };
    await expect(run(logistic)).rejects.toThrow('none of the probes (logistic) does clustering tasks');
  });
});

it('`tasks validate` runs a mock clustering through a clustering task', async () => {
  const file = join(folder, 'plugin', 'bins.ts');
  await mkdir(join(folder, 'plugin'));
  await writeFile(
    file,
    `export default {
  id: 'bins', title: 'Bins', kind: 'clustering', metric: 'ami', citation: 'made up', licence: 'MIT',
  load: async () => ${JSON.stringify(barcodes())},
};
`,
  );
  const lines: string[] = [];
  const [report] = await validateTaskFile(file, context, (line) => lines.push(line));
  expect(report.sizes).toEqual({ train: 30, valid: 20, test: 60 });
  expect(Object.keys(report.mockScores).sort()).toEqual(['ami', 'ari', 'nmi', 'vMeasure']);
  expect(report.mockScores.ami).toBeGreaterThan(-0.5);
  expect(lines.join('\n')).toContain('a mock contender ran end to end (ami');
});
