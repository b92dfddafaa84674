/** What is part of a key and what is not: each determinant changes each key that depends on it. */
import { describe, expect, it } from 'vitest';
import { type KeyParts, keyOf } from '../../../src/core/key.ts';
import { cellParts, computationOf, type PlanEnvironment } from '../../../src/harness/cells/key.ts';
import type { Found } from '../../../src/harness/definitions.ts';
import { findProbe } from '../../../src/harness/definitions.ts';
import type { TaskDescription } from '../../../src/harness/tasks/describe.ts';

const environment: PlanEnvironment = {
  device: 'cpu',
  precision: 'float32',
  threads: 2,
  effort: 1,
  architecture: 'x64',
  packages: { 'onnxruntime-node': '1.30.0' },
  codeHash: 'code',
};
const task = {
  id: 'task',
  title: 'A task',
  description: 'Words about it',
  hash: 'rows',
  kind: 'binary',
  metric: 'mcc',
  citation: 'Somebody 2020',
} as unknown as TaskDescription;
const definition = { id: 'cnn', title: 'A network', citation: 'Somebody 2020', version: '1', options: { width: 3 } };
const found = (changes: object = {}, sourceHash = 'plugin') =>
  ({ type: 'baseline', definition: { ...definition, ...changes }, sourceHash }) as unknown as Found<'baseline'>;
const probe = await findProbe('logistic');
const cellKey = (
  of: { task?: object; contender?: object; plugin?: string; probe?: string; seed?: number; environment?: object } = {},
) =>
  keyOf(
    'cell',
    cellParts(
      { ...task, ...of.task } as TaskDescription,
      found(of.contender, of.plugin),
      of.probe === undefined ? probe : ({ ...probe, id: of.probe } as typeof probe),
      of.seed ?? 0,
      { ...environment, ...of.environment },
    ),
  );

describe('the key of a cell', () => {
  it.each([
    ['the rows, split, alphabet and labels of the task', { task: { hash: 'other rows' } }],
    ['the kind of the task', { task: { kind: 'multiclass' } }],
    ['the primary metric', { task: { metric: 'auroc' } }],
    ['the metrics', { task: { metrics: ['auroc'] } }],
    ['the name of the task', { task: { id: 'other' } }],
    ['the name of the contender', { contender: { id: 'other' } }],
    ['the version of the contender', { contender: { version: '2' } }],
    ['the options of the contender', { contender: { options: { width: 4 } } }],
    ['the files of the contender', { plugin: 'edited' }],
    ['the probe', { probe: 'other' }],
    ['the seed', { seed: 1 }],
    ['the effort', { environment: { effort: 0.5 } }],
    ['the device', { environment: { device: 'cuda' } }],
    ['the precision', { environment: { precision: 'tf32' } }],
    ['the number of threads', { environment: { threads: 4 } }],
    ['the architecture of the processor', { environment: { architecture: 'arm64' } }],
    ['the code and packages', { environment: { codeHash: 'other code' } }],
  ])('changes with %s', (_, changes) => {
    expect(cellKey(changes)).not.toBe(cellKey());
  });

  it.each([
    ['the title of the task', { task: { title: 'Another title' } }],
    ['the description of the task', { task: { description: 'Other words' } }],
    ['the citation of the task', { task: { citation: 'Somebody else' } }],
    ['the title of the contender', { contender: { title: 'Another title' } }],
    ['the citation of the contender', { contender: { citation: 'Somebody else' } }],
  ])('does not change with %s', (_, changes) => {
    expect(cellKey(changes)).toBe(cellKey());
  });
});

describe('the keys of what a cell stores in the cache folder', () => {
  const parts = {
    embedding: { fingerprint: 'f', sequences: 's', layer: 1, pooling: 'mean', computation: 'c' },
    pretraining: { config: { width: 3 }, seed: 0, corpus: 'rows', computation: 'c' },
    supervisedEncoder: { recipe: { width: 3 }, seed: 0, labelled: 'rows', computation: 'c' },
    modelDiagnostics: { fingerprint: 'f', windows: ['ACGT'], seed: 0, computation: 'c' },
    ensembleDiagnostics: {
      ...{ schema: 's', fingerprints: ['f'], corpus: 'rows', sequences: 8, seed: 0, computation: 'c' },
    },
  } satisfies Partial<KeyParts>;

  it.each(Object.keys(parts) as (keyof typeof parts)[])('%s changes with each of its parts', (kind) => {
    const own = parts[kind] as Record<string, unknown>;
    const keys = Object.keys(own).map((name) => keyOf(kind, { ...own, [name]: 'changed' } as never));
    expect(new Set([keyOf(kind, own as never), ...keys]).size).toBe(Object.keys(own).length + 1);
  });

  it('change with everything that a computation depends on', () => {
    const computations = [
      {},
      { device: 'cuda' },
      { precision: 'tf32' },
      { threads: 4 },
      { architecture: 'arm64' },
      { codeHash: 'other code' },
    ].map((changes) => computationOf({ ...environment, ...changes }, 'plugin'));
    expect(new Set([...computations, computationOf(environment, 'edited')]).size).toBe(7);
  });

  it('of two kinds differ even when their parts are equal', () => {
    expect(keyOf('pretraining', parts.pretraining)).not.toBe(keyOf('supervisedEncoder', parts.pretraining as never));
  });
});
