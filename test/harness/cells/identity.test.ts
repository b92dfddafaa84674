import { describe, expect, it } from 'vitest';
import {
  describeMerge,
  type ManifestCell,
  mergeCells,
  type Origin,
  rowIdentity,
} from '../../../src/harness/cells/identity.ts';
import type { PlanEnvironment } from '../../../src/harness/cells/key.ts';
import { type Cell, manifestCell } from '../../../src/harness/cells/plan.ts';

const ORIGIN: Origin = {
  settings: { device: 'cpu', precision: 'float32', threads: 1, effort: 1 },
  ...{ options: 'o', code: 'c', source: 's' },
};

let keys = 0;
function cell(changed: Partial<Omit<ManifestCell, 'origin'>> & { origin?: Partial<Origin> } = {}): ManifestCell {
  const names = { task: 't', taskHash: 'h', contender: 'a', probe: 'none', seed: 0, key: `${keys++}` };
  return { ...names, ...changed, origin: { ...ORIGIN, ...changed.origin } };
}

const settings = (changed: Partial<Origin['settings']>) => ({ settings: { ...ORIGIN.settings, ...changed } });

/** Everything but the seed and the code that tells one row from another. */
const OTHER_ROWS: readonly [string, Parameters<typeof cell>[0]][] = [
  ['a task name', { task: 'u' }],
  ['rows of the task', { taskHash: 'i' }],
  ['a contender', { contender: 'b' }],
  ['a probe', { probe: 'logistic' }],
  ['an effort', { origin: settings({ effort: 0.02 }) }],
  ['a device', { origin: settings({ device: 'cuda' }) }],
  ['a precision', { origin: settings({ precision: 'float16' }) }],
  ['a number of threads', { origin: settings({ threads: 2 }) }],
  ['options', { origin: { options: 'p' } }],
  ['files of a model', { origin: { files: 'f', path: 'x/m' } }],
  ['a plugin at another place', { origin: { path: 'x/plugin.ts' } }],
];

describe('a row', () => {
  it.each(OTHER_ROWS)('is another one with other %s', (_what, changed) => {
    expect(rowIdentity(cell(changed))).not.toBe(rowIdentity(cell()));
  });

  it('is the same one for another seed, for other code, and for the same files at another place', () => {
    expect(rowIdentity(cell({ seed: 3 }))).toBe(rowIdentity(cell()));
    expect(rowIdentity(cell({ origin: { code: 'd', source: 'r' } }))).toBe(rowIdentity(cell()));
    const at = (path: string) => rowIdentity(cell({ origin: { files: 'f', path } }));
    expect(at('x/m')).toBe(at('y/m'));
  });
});

describe('a new plan in a folder with results', () => {
  it.each(OTHER_ROWS)('keeps results with other %s', (_what, changed) => {
    const [older, newer] = [[cell(changed)], [cell()]];
    expect(mergeCells(older, newer)).toEqual({ cells: [...older, ...newer], superseded: [] });
  });

  it('keeps further seeds of the same row, and replaces an entry that is planned again', () => {
    const older = [cell(), cell({ seed: 1 }), cell({ contender: 'b' })];
    const newer = [cell()];
    expect(mergeCells(older, newer)).toEqual({ cells: [newer[0], older[1], older[2]], superseded: [] });
    expect(describeMerge(mergeCells(older, newer), newer)).toEqual([]);
  });

  it('takes every seed of a row off the board where other code made it, and states it', () => {
    const older = [0, 1, 2].map((seed) => cell({ seed, origin: { code: 'old' } }));
    const newer = [cell()];
    const merged = mergeCells([...older, cell({ contender: 'b', origin: { code: 'old' } })], newer);
    expect(merged.cells.map(({ contender, seed }) => [contender, seed])).toEqual([
      ['a', 0],
      ['b', 0],
    ]);
    expect(merged.superseded).toEqual(older.slice(1));
    expect(describeMerge(merged, newer)[0]).toMatch(/^2 stored results were made by other code .*: t \/ a\.$/);
  });

  it('takes older rows of a task off the board only where the code differs too', () => {
    const byOldCode = cell({ taskHash: 'i', contender: 'b', origin: { code: 'old' } });
    const bySameCode = cell({ taskHash: 'j', contender: 'b' });
    const merged = mergeCells([byOldCode, bySameCode], [cell()]);
    expect(merged.superseded).toEqual([byOldCode]);
    expect(merged.cells[0]).toBe(bySameCode);
  });

  it('takes entries of older versions, which have no origin, off the board where the same names are planned', () => {
    const { origin: _, ...old } = cell();
    const other = { ...old, contender: 'b' };
    expect(mergeCells([old, other], [cell()])).toMatchObject({ superseded: [old], cells: [other, {}] });
  });

  it.each([
    [{ taskHash: 'i' }, 'other rows or another metric under the task name "t"', '--task-id NAME'],
    [{ origin: { files: 'f', path: 'x/m' } }, 'another contender under the name "a"', 'NAME=PATH'],
    [{ origin: settings({ effort: 0.02 }) }, 'other settings (effort 0.02)', 'rows of their own'],
  ])('states what stays on the board beside it: %j', (changed, what, remedy) => {
    const newer = [cell()];
    const sentences = describeMerge(mergeCells([cell(changed)], newer), newer);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toContain(what);
    expect(sentences[0]).toContain(remedy);
  });
});

describe('the manifest entry of a cell', () => {
  const environment: PlanEnvironment = {
    ...ORIGIN.settings,
    architecture: 'x64',
    packages: { 'glm-bench': '1' },
    codeHash: 'c',
  };
  const planned = (contender: Partial<Cell['contender']> & { options?: Record<string, unknown> }): Cell =>
    ({
      ...{ key: 'k', probe: 'none', seed: 0, task: { description: { id: 't', hash: 'h' } } },
      contender: {
        type: 'model',
        sourceHash: 's',
        ...contender,
        definition: { id: 'a', version: '1', options: contender.options ?? {} },
      },
    }) as unknown as Cell;
  const entry = (contender: Parameters<typeof planned>[0], changed: Partial<PlanEnvironment> = {}) =>
    manifestCell(planned(contender), { ...environment, ...changed });

  it('has the files of a model at a path, and only the end of the path', () => {
    const { origin } = entry({ file: '/home/someone/models/c1/checkpoint-500', isModelPath: true });
    expect(origin).toMatchObject({ files: 's', path: 'models/c1/checkpoint-500', settings: ORIGIN.settings });
  });

  it('differs with options, plugin source and code', () => {
    const plain = entry({}).origin!;
    expect(entry({ options: { width: 3 } }).origin!.options).not.toBe(plain.options);
    expect(entry({ sourceHash: 'other' }).origin!.source).not.toBe(plain.source);
    expect(entry({}, { codeHash: 'd' }).origin!.code).not.toBe(plain.code);
    expect(entry({}, { packages: { 'glm-bench': '2' } }).origin!.code).not.toBe(plain.code);
  });
});
