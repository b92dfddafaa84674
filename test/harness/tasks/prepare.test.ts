import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/core/errors.ts';
import { defineTask, type TaskDefinition } from '../../../src/harness/contracts.ts';
import { describeTask } from '../../../src/harness/tasks/describe.ts';
import { guessKind } from '../../../src/harness/tasks/labels.ts';
import { prepareTask, taskRecord } from '../../../src/harness/tasks/prepare.ts';
import type { LabelledSequence } from '../../../src/sequences/labelled-sequence.ts';

const context = { allowDownload: false, cacheFolder: '/nowhere' };
const splits = ['train', 'train', 'valid', 'test'] as const;

/** 8 rows, labels in the order given over and over, splits as above. */
function task(labels: readonly LabelledSequence['label'][], overrides: Partial<TaskDefinition> = {}): TaskDefinition {
  const rows = Array.from({ length: 8 }, (_, i) => ({
    ...{ id: `r${i}`, sequence: `ACGT${'ACGT'[i % 4]}`, label: labels[i % labels.length] },
    ...{ split: splits[Math.floor(i / 2)], source: { file: 'x.csv', line: i + 2 } },
  }));
  const base = { id: 'x', title: 'X', kind: 'binary', metric: 'accuracy', citation: '-', licence: '-' } as const;
  return defineTask({ ...base, load: async () => rows, ...overrides });
}

describe('preparing a task', () => {
  it('puts every row in its split, with targets by class index', async () => {
    const prepared = await prepareTask(task(['no', 'yes']), context);
    expect(prepared.classes).toEqual(['no', 'yes']);
    expect(prepared.splits.train.ids).toEqual(['r0', 'r1', 'r2', 'r3']);
    expect(prepared.splits.test.targets).toEqual({ rows: 2, columns: 1, values: Float64Array.of(0, 1) });
    expect(prepared.splitDescription).toMatch(/given/);
    expect(prepared.files).toEqual(['x.csv']);
  });

  it('takes the order of declared classes, negative first', async () => {
    const { splits, hash } = await prepareTask(task(['no', 'yes'], { classes: ['yes', 'no'] }), context);
    expect([...splits.test.targets.values]).toEqual([1, 0]);
    expect(hash).not.toBe((await prepareTask(task(['no', 'yes']), context)).hash);
  });

  it('sorts numeric classes as numbers', async () => {
    const { classes } = await prepareTask(task([10, 9], { kind: 'multiclass' }), context);
    expect(classes).toEqual(['9', '10']);
  });

  it('encodes labels of multilabel tasks as 0/1 columns, and numbers of regression as they are', async () => {
    const multi = await prepareTask(task(['a;b', ''], { kind: 'multilabel', metric: 'macroF1' }), context);
    expect(multi.splits.test.targets).toEqual({ rows: 2, columns: 2, values: Float64Array.of(1, 1, 0, 0) });
    const regression = await prepareTask(task(['1.5', -2], { kind: 'regression', metric: 'pearson' }), context);
    expect([...regression.splits.test.targets.values]).toEqual([1.5, -2]);
  });

  it('counts the letters that the alphabet policy changes', async () => {
    const rows = async () => (await task(['no', 'yes']).load(context)).map((row) => ({ ...row, sequence: 'acgU' }));
    const { alphabetChanges, splits } = await prepareTask(task(['no', 'yes'], { load: rows }), context);
    expect(splits.train.sequences[0]).toBe('ACGT');
    expect(alphabetChanges).toEqual({ 'lower case upper-cased': 24, 'U turned into T': 8 });
  });

  it('keeps what the task tells while it is read, for its record, and passes it on', async () => {
    const heard: string[] = [];
    const telling = task(['no', 'yes'], {
      harmonicWith: 'y',
      load: async (given) => {
        given.note?.('2 rows without a name left out.');
        return task(['no', 'yes']).load(given);
      },
    });
    const prepared = await prepareTask(telling, { ...context, note: (line) => heard.push(line) });
    expect(prepared.notes).toEqual(['2 rows without a name left out.']);
    expect(heard).toEqual(prepared.notes);
    expect(taskRecord(prepared)).toMatchObject({ notes: prepared.notes, harmonicWith: 'y' });
    expect(describeTask(prepared).notes).toEqual(prepared.notes);
    expect((await prepareTask(task(['no', 'yes']), context)).notes).toEqual([]);
  });

  it.each([
    ['three classes in a binary task', task(['a', 'b', 'c']), /task x: .*binary task hold 3 classes \(a, b, c\)/],
    ['one class only', task(['a']), /hold 1 classes/],
    [
      'a class of test that train lacks',
      task(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'z']),
      /x\.csv:9: label "z" is not among the 2 classes/,
    ],
    [
      'text where a number is due',
      task(['high', 1], { kind: 'regression', metric: 'mse' }),
      /x\.csv:2: label "high" is not a finite number/,
    ],
    [
      'a metric of another kind',
      task(['a', 'b'], { metric: 'pearson' }),
      /metric pearson does not apply to a binary task/,
    ],
    ['no rows', task(['a', 'b'], { load: async () => [] }), /no rows/],
    [
      'an id met twice',
      task(['a', 'b'], { load: async () => Array.from({ length: 9 }, () => ({ id: 'r', sequence: 'A', label: 'a' })) }),
      /the id "r" is taken/,
    ],
  ])('refuses %s', async (_what, definition, message) => {
    await expect(prepareTask(definition, context)).rejects.toThrow(message);
  });
});

it('an error of a task that names itself names it once', async () => {
  const definition = task(['a', 'b'], {
    load: async () => {
      throw new UsageError(`${task(['a', 'b']).id}: no data folder was given`);
    },
  });
  const { id } = definition;
  await expect(prepareTask(definition, context)).rejects.toThrow(new RegExp(`^task ${id}: no data folder was given$`));
});

describe('the kind of a task without a declared one', () => {
  it.each([
    [['0', '1', '0'], 'binary'],
    [['a', 'b', 'c'], 'multiclass'],
    [['0.5', '1.5', '2'], 'regression'],
    [[['a'], ['a', 'b']], 'multilabel'],
  ] as const)('%j is %s', (labels, kind) => {
    expect(guessKind(labels).kind).toBe(kind);
  });
});
