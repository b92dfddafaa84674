import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { withContentHash } from '../../../src/core/content-hash.ts';
import { createRandom } from '../../../src/core/random.ts';
import { encoderOf } from '../../../src/embeddings/extract.ts';
import { embedTask, runBaseline, runProbe } from '../../../src/harness/cells/cell.ts';
import { planCells } from '../../../src/harness/cells/plan.ts';
import { checkPredictions, validationScorer } from '../../../src/harness/cells/scoring.ts';
import { type BaselineDefinition, defineBaseline, defineTask } from '../../../src/harness/contracts.ts';
import { findProbe, fromObject } from '../../../src/harness/definitions.ts';
import { describeTask } from '../../../src/harness/tasks/describe.ts';
import { type PreparedRows, prepareTask } from '../../../src/harness/tasks/prepare.ts';
import { onnxModel } from '../../../src/models/exports/folder.ts';
import { defineModel } from '../../../src/models/model.ts';
import { loadModelFolder } from '../../../src/models/model-folder.ts';
import type { Probe } from '../../../src/probes/probe.ts';

const settings = {
  seed: 0,
  device: 'cpu',
  threads: 1,
  effort: 1,
  cacheFolder: '/nowhere',
  codeHash: 'c',
  progress: () => {},
};
const definition = defineTask({
  ...{ id: 'x', title: 'X', kind: 'binary', metric: 'accuracy', citation: '-', licence: '-' },
  load: async () =>
    Array.from({ length: 40 }, (_, i) => ({
      id: `r${i}`,
      sequence: `${'AC'[i % 2]}GT`,
      label: i % 2 === 0 ? 'a' : 'b',
    })),
});
const prepared = (): Promise<PreparedRows> =>
  prepareTask(definition, { allowDownload: false, cacheFolder: '/nowhere' });

function baseline(
  probability: (sequence: string) => number[],
  options: Record<string, unknown> = {},
): BaselineDefinition {
  return defineBaseline({
    ...{
      id: 'b',
      title: 'B',
      citation: '-',
      family: 'one-hot',
      kinds: ['binary'],
      version: '1',
      stochastic: true,
      options,
    },
    async fit(task, context) {
      expect(Object.keys(task)).not.toContain('splits'); // test rows are out of reach
      const predict = async (sequences: readonly string[]) => {
        const rows = sequences.map(probability);
        return { rows: rows.length, columns: rows[0].length, values: Float64Array.from(rows.flat()) };
      };
      const validationScore = context.validationScore(task.valid.targets, await predict(task.valid.sequences));
      return { predict, validationScore, details: { note: 'kept' } };
    },
  });
}

describe('a frozen model', () => {
  const folder = fileURLToPath(new URL('../../models/goldens/architectures/bert-token-classes', import.meta.url));
  const cacheFolder = mkdtempSync(join(tmpdir(), 'cell-'));
  afterAll(() => rmSync(cacheFolder, { recursive: true }));
  const model = defineModel({
    ...{ id: 'm', title: 'M', kind: 'model', citation: '-', licence: '-', version: '1', stochastic: false },
    options: {},
    load: () => loadModelFolder(folder),
  });
  const random = createRandom('rows');
  const long = defineTask({
    ...definition,
    load: async () =>
      Array.from({ length: 60 }, (_, i) => ({
        id: `r${i}`,
        sequence: Array.from({ length: 40 }, () => 'ACGT'[random.integer(4)]).join(''),
        label: i % 2 === 0 ? 'a' : 'b',
      })),
  });

  it('is measured on test sequences beside being embedded, once for all probes', async () => {
    const task = await prepareTask(long, { allowDownload: false, cacheFolder });
    const first = await embedTask(task, model, { ...settings, cacheFolder });
    const probed = await runProbe(task, first, (await findProbe('nn-cosine')) as Probe, { ...settings, cacheFolder });
    expect(probed.diagnostics).toEqual(first.diagnostics);
    expect(first.diagnostics).toMatchObject({ sequences: 12, fisher: { sequences: 12 } });
    const [kept] = readdirSync(join(cacheFolder, 'measures'));
    writeFileSync(join(cacheFolder, 'measures', kept), JSON.stringify(withContentHash({ missing: 'kept' })));
    expect((await embedTask(task, model, { ...settings, cacheFolder })).diagnostics).toEqual({ missing: 'kept' });
    writeFileSync(
      join(cacheFolder, 'measures', kept),
      JSON.stringify({ ...withContentHash({ missing: 'kept' }), missing: 'edited' }),
    );
    expect((await embedTask(task, model, { ...settings, cacheFolder })).diagnostics).toEqual(first.diagnostics);
    writeFileSync(join(cacheFolder, 'measures', kept), '{"entropyBits"'); // cut off: made anew
    expect((await embedTask(task, model, { ...settings, cacheFolder })).diagnostics).toEqual(first.diagnostics);
    expect((await embedTask(task, model, { ...settings, cacheFolder, codeHash: 'd' })).diagnostics).toEqual(
      first.diagnostics,
    );
    expect(readdirSync(join(cacheFolder, 'measures'))).toHaveLength(2);
  });

  it('is measured where it is run as it was exported, and refused there where it has logits alone', async () => {
    const path = (name: string) => fileURLToPath(new URL(`../../models/goldens/onnx-logits/${name}`, import.meta.url));
    const exported = (name: string) => ({ ...model, load: () => onnxModel(path(name), { device: 'cpu', threads: 1 }) });
    const short = defineTask({
      ...long,
      load: async () => (await long.load()).map((row) => ({ ...row, sequence: row.sequence.slice(20) })),
    });
    const task = await prepareTask(short, { allowDownload: false, cacheFolder });
    const { diagnostics } = await embedTask(task, exported('bert-dynamo'), { ...settings, cacheFolder });
    expect(diagnostics).toMatchObject({ sequences: 12, entropyBits: expect.any(Number), fisher: { sequences: 12 } });
    await expect(embedTask(task, exported('bert-script'), { ...settings, cacheFolder })).rejects.toThrow(
      'none of its outputs (logits) is a hidden state',
    );
  });

  it('is measured anew where something was missing: memory may have been short', async () => {
    const task = await prepareTask(long, { allowDownload: false, cacheFolder });
    const loaded = await loadModelFolder(folder);
    const load = (parameters: number) => async () => ({
      ...loaded,
      fingerprint: 'large',
      parameterCount: parameters,
    });
    const short = await embedTask(task, { ...model, load: load(1e13) }, { ...settings, cacheFolder });
    expect(short.diagnostics).toMatchObject({ missing: expect.stringContaining('of memory') });
    const whole = await embedTask(task, { ...model, load: load(10) }, { ...settings, cacheFolder });
    expect(whole.diagnostics).toMatchObject({ fisher: { sequences: 12 } });
    expect(whole.diagnostics).not.toHaveProperty('missing');
  });

  it('is not measured where it stands with the baselines, and says why it can not be where it gives vectors only', async () => {
    const task = await prepareTask(long, { allowDownload: false, cacheFolder });
    const baselineLike = await embedTask(task, { ...model, family: 'composition' }, { ...settings, cacheFolder });
    expect(baselineLike.diagnostics).toBeUndefined();
    const vectors = {
      ...model,
      load: async () => {
        const { model: _, ...encoder } = encoderOf(await loadModelFolder(folder), { device: 'cpu', threads: 1 });
        return encoder;
      },
    };
    const bare = await embedTask(task, vectors, { ...settings, cacheFolder });
    expect(bare.diagnostics).toEqual({ missing: 'the model gives vectors only' });
  });
});

describe('a cell', () => {
  it('scores the test rows by every metric of the kind, with an interval for the primary one', async () => {
    const right = baseline((sequence) => (sequence[0] === 'A' ? [0.9, 0.1] : [0.1, 0.9]));
    const outcome = await runBaseline(await prepared(), right, settings);
    expect(outcome.scores).toMatchObject({ accuracy: 1, mcc: 1, auroc: 1 });
    expect(outcome.interval).toMatchObject({ low: 1, high: 1, level: 0.95 });
    expect(outcome.predictions).toMatchObject({ rows: 8, columns: 2 });
    expect(outcome.details).toEqual({ note: 'kept' });
  });

  it.each([
    ['a NaN, and says where', () => [Number.NaN, 1], /validation prediction NaN in row 0, column 0/],
    ['probabilities that do not sum to one', () => [0.5, 0.6], /probabilities of row 0 sum to 1\.1/],
    ['what is no probability', () => [-1, 2], /is no probability/],
    ['too few columns', () => [1], /predictions are \[4, 1\].* expected \[4, 2\]/],
  ])('refuses %s', async (_what, row, message) => {
    await expect(runBaseline(await prepared(), baseline(row), settings)).rejects.toThrow(message);
  });

  it.each([
    ['a fit that returns nothing', undefined, 'fit of baseline b must return { predict, validationScore, details }'],
    [
      'details that no result file can hold',
      {
        predict: async () => ({ rows: 8, columns: 2, values: new Float64Array(16).fill(0.5) }),
        validationScore: 0,
        details: { n: 1n },
      },
      'the details are not plain JSON',
    ],
  ])('refuses %s', async (_what, fitted, message) => {
    const plugin = { ...baseline(() => [1, 0]), fit: async () => fitted as never };
    await expect(runBaseline(await prepared(), plugin, settings)).rejects.toThrow(message);
  });

  it('brings rounding back into 0..1', async () => {
    const values = Float64Array.of(1 + 2e-16, -1e-17);
    const checked = checkPredictions({ rows: 1, columns: 2, values }, 1, await prepared(), 'test');
    expect([...checked.values]).toEqual([1, 0]);
  });

  it('turns validation scores round where lower is better', async () => {
    const task = await prepared();
    const logLoss = { ...task, definition: { ...definition, metric: 'logLoss' as const } };
    const targets = { rows: 1, columns: 1, values: Float64Array.of(1) };
    const predictions = { rows: 1, columns: 2, values: Float64Array.of(0.5, 0.5) };
    expect(validationScorer(logLoss)(targets, predictions)).toBeCloseTo(-Math.log(2), 12);
  });
});

describe('the plan', () => {
  const environment = {
    device: 'cpu',
    precision: 'float32',
    threads: 1,
    effort: 1,
    architecture: 'x64',
    packages: { 'glm-bench': '1' },
    codeHash: 'c',
  };
  const keys = async (definition: BaselineDefinition, seeds = 1, changed: Partial<typeof environment> = {}) => {
    const tasks = [{ description: describeTask(await prepared()) }];
    const contenders = [fromObject('baseline', definition)];
    return planCells({ tasks, contenders, probes: [], seeds, environment: { ...environment, ...changed } }).cells.map(
      ({ key }) => key,
    );
  };
  const plain = baseline(() => [1, 0]);

  it('runs what is random with every seed, and what is not once', async () => {
    expect(new Set(await keys(plain, 3)).size).toBe(3);
    expect(await keys({ ...plain, stochastic: false }, 3)).toHaveLength(1);
  });

  it('gives the same key to the same cell, and another to every change that matters', async () => {
    const [key] = await keys(plain);
    expect(await keys(plain)).toEqual([key]);
    const others = await Promise.all([
      keys({ ...plain, version: '2' }),
      keys({ ...plain, options: { width: 3 } }),
      keys(plain, 1, { device: 'cuda' }),
      keys(plain, 1, { threads: 2 }),
      keys(plain, 1, { codeHash: 'd' }),
    ]);
    expect(new Set([key, ...others.flat()]).size).toBe(6);
  });

  it('leaves out, with the reason, what does not apply, and refuses ids that clash', async () => {
    await expect(keys({ ...plain, kinds: ['regression'] })).rejects.toThrow('baseline b does not do binary tasks');
    const task = { description: describeTask(await prepared()) };
    const twice = () => planCells({ tasks: [task, task], contenders: [], probes: [], seeds: 1, environment });
    expect(twice).toThrow('Two different tasks have the id "x"');
  });
});
