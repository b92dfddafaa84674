/** Probes that train the model itself, in cells: what is planned, what is run, and what is refused. */
import { describe, expect, it } from 'vitest';
import { planCells } from '../../src/harness/cells/plan.ts';
import { findProbe, fromObject } from '../../src/harness/definitions.ts';
import { describeTask } from '../../src/harness/tasks/describe.ts';
import { prepareTask } from '../../src/harness/tasks/prepare.ts';
import { runCell } from '../../src/harness/workers/jobs.ts';
import { defineModel, defineTask, type Encoder } from '../../src/index.ts';
import { kmerComposition } from '../../src/models/encoders/kmer-composition.ts';
import { randomKmerBert } from '../../src/pretraining/bert-folder.ts';
import { TINY } from '../models/fixtures.ts';

const context = { allowDownload: false, cacheFolder: '/nowhere' };
const task = defineTask({
  ...{ id: 'x', title: 'X', kind: 'binary', metric: 'accuracy', citation: '-', licence: '-' },
  load: async () =>
    Array.from({ length: 60 }, (_, i) => ({
      id: `r${i}`,
      sequence: 'ACGT'.repeat(3 + (i % 4)) + (i % 2 ? 'AA' : 'CC').repeat(4),
      label: i % 2 ? 'a' : 'c',
    })),
});
const common = { citation: '-', licence: '-', version: '1', stochastic: false, options: {} } as const;
const bert = defineModel({
  ...{ ...common, id: 'bert', title: 'BERT', kind: 'model' },
  load: async ({ seed }) => randomKmerBert(TINY, seed),
});
const environment = {
  ...{ device: 'cpu', precision: 'fp32', threads: 1, effort: 0.2, architecture: 'x64', packages: {}, codeHash: 'c' },
};
const request = { context, probe: 'fine-tune', seed: 0, environment };
const cell = async (model: typeof bert | ReturnType<typeof blackBox>, changes: Partial<typeof request> = {}) =>
  runCell(await prepareTask(task, context), fromObject('model', model), { ...request, ...changes }, () => {});

let closed = false;
const blackBox = () =>
  defineModel({
    ...{ ...common, id: 'box', title: 'Box', kind: 'model' },
    load: async (): Promise<Encoder> => ({
      ...{ dimension: 1, layers: 0, fingerprint: 'f', card: {} },
      embed: async () => [],
      dispose: async () => {
        closed = true;
      },
    }),
  });

describe('a cell with the fine-tuning probe', () => {
  it('tunes the model, scores the test rows, keeps the learning curve, and says that nothing was frozen', async () => {
    const outcome = await cell(bert);
    expect(outcome.predictions).toMatchObject({ rows: 12, columns: 2 });
    expect(Object.keys(outcome.scores)).toEqual(expect.arrayContaining(['accuracy', 'auroc', 'mcc']));
    expect(outcome.details).toMatchObject({ frozen: false, history: [{ epoch: 1 }, { epoch: 2 }] });
    expect(outcome.details.path).toMatchObject([{ learningRate: 1e-4 }, { learningRate: 1e-3 }]);
    expect(outcome.fingerprint).toBe(randomKmerBert(TINY, 0).fingerprint);
    expect(outcome.card).toMatchObject({ architecture: 'BERT' });
    const again = await cell(bert);
    expect(again.predictions).toEqual(outcome.predictions);
    expect((await cell(bert, { seed: 1 })).predictions).not.toEqual(outcome.predictions);
  });

  it('fails for an encoder that is no network, saying what to do, and closes it', async () => {
    await expect(cell(blackBox())).rejects.toThrow(
      "model box is an encoder that gives vectors only, so the probe fine-tune can't train it: use a probe on frozen features",
    );
    expect(closed).toBe(true);
  });
});

describe('a plan with the fine-tuning probe', () => {
  const planned = async (models: readonly Parameters<typeof fromObject<'model'>>[1][]) =>
    planCells({
      tasks: [{ description: describeTask(await prepareTask(task, context)) }],
      contenders: models.map((model) => fromObject('model', model)),
      probes: [await findProbe('fine-tune'), await findProbe('logistic')],
      seeds: 3,
      environment: { ...environment, effort: 1 },
    });

  it('runs every seed even of a model that draws nothing, and skips what is no network, with the reason', async () => {
    const { cells, skipped } = await planned([bert, kmerComposition(3)]);
    const named = cells.map(({ contender, probe, seed }) => `${contender.definition.id} ${probe} ${seed}`);
    expect(named).toEqual([
      'bert fine-tune 0',
      'bert fine-tune 1',
      'bert fine-tune 2',
      'bert logistic 0',
      'kmer-3-composition logistic 0',
    ]);
    expect(skipped).toEqual(['x: model kmer-3-composition: it is no network that the probe fine-tune could train']);
  });
});
