import { describe, expect, it } from 'vitest';
import type { Targets, TaskKind } from '../../../src/core/matrix.ts';
import { refuseDegenerate } from '../../../src/harness/tasks/degenerate.ts';
import type { MetricName } from '../../../src/metrics/metric.ts';

const column = (values: number[], columns = 1): Targets => ({
  rows: values.length / columns,
  columns,
  values: Float64Array.from(values),
});
const check = (kind: TaskKind, metric: MetricName, targets: [number[], number[], number[]], classes: string[]) => {
  const width = kind === 'multilabel' || kind === 'regression' ? classes.length : 1;
  const [train, valid, test] = targets.map((values) => column(values, width));
  return refuseDegenerate({ kind, metric, classes, targets: { train, valid, test } });
};
const MIXED = [0, 1, 0, 1];

describe('splits that tell nothing', () => {
  it('has nothing to note about plain tasks', () => {
    expect(check('binary', 'mcc', [MIXED, MIXED, MIXED], ['a', 'b'])).toEqual([]);
    expect(
      check(
        'multiclass',
        'auroc',
        [
          [0, 1, 2],
          [0, 1, 2],
          [0, 1, 2],
        ],
        ['a', 'b', 'c'],
      ),
    ).toEqual([]);
    expect(
      check(
        'regression',
        'pearson',
        [
          [0, 1, 5],
          [3, 4, 4],
          [1, 2, 3],
        ],
        ['target'],
      ),
    ).toEqual([]);
    expect(
      check(
        'clustering',
        'ami',
        [
          [0, 0],
          [0, 0],
          [0, 1],
        ],
        ['a', 'b'],
      ),
    ).toEqual([]);
  });

  it.each<[TaskKind, MetricName, [number[], number[], number[]], string[], RegExp]>([
    [
      'binary',
      'mcc',
      [MIXED, MIXED, [1, 1]],
      ['a', 'b'],
      /the 2 test rows all have the same class "b": nothing can be told/,
    ],
    [
      'multiclass',
      'accuracy',
      [[1, 1], MIXED, MIXED],
      ['a', 'b', 'c'],
      /the 2 training rows all have .*nothing can be learned/,
    ],
    [
      'regression',
      'pearson',
      [
        [1.5, 1.5],
        [1.5, 1.5],
        [1.5, 1.5],
      ],
      ['target'],
      /training rows all have the same target 1.5/,
    ],
    [
      'regression',
      'pearson',
      [
        [1, 2],
        [0, 0],
        [1, 2],
      ],
      ['target'],
      /pearson is undefined on the 2 validation rows.*nothing can be chosen/,
    ],
    [
      'regression',
      'mse',
      [
        [1, 2],
        [1, 2],
        [0, 0],
      ],
      ['target'],
      /the 2 test rows all have the same target 0/,
    ],
    [
      'binary',
      'auroc',
      [MIXED, [0, 0], MIXED],
      ['a', 'b'],
      /auroc is undefined on the 2 validation rows; all have class "a"/,
    ],
  ])('%s, %s', (kind, metric, targets, classes, message) => {
    expect(() => check(kind, metric, targets, classes)).toThrow(message);
  });

  it('notes validation rows that nothing can be chosen by, and labels with one value', () => {
    expect(check('binary', 'mcc', [MIXED, [0, 0], MIXED], ['a', 'b'])).toEqual([
      'the 2 validation rows all have the same class "a": nothing can be chosen by them; settings are the first of those tried',
    ]);
    expect(
      check(
        'multilabel',
        'macroF1',
        [
          [0, 1, 1, 0],
          [0, 1, 1, 0],
          [0, 1, 0, 0],
        ],
        ['x', 'y'],
      ),
    ).toEqual(['the 2 test rows have only one value of x 0']);
  });
});
