/**
 * Targets on which nothing can be learned, chosen or told: constant targets, validation or test rows of one class. Found before
 * anything is fitted, so that no cell fails for it and no board shows scores that mean nothing.
 */
import { UsageError } from '../../core/errors.ts';
import type { Predictions, Targets, TaskKind } from '../../core/matrix.ts';
import type { MetricName } from '../../metrics/metric.ts';
import { metric } from '../../metrics/metric-table.ts';
import { SPLIT_NAMES, type SplitName } from '../../sequences/labelled-sequence.ts';

const PURPOSE: Readonly<Record<SplitName, string>> = {
  train: 'nothing can be learned from them',
  valid: 'nothing can be chosen by them',
  test: 'nothing can be told from them',
};
const ROWS: Readonly<Record<SplitName, string>> = { train: 'training', valid: 'validation', test: 'test' };
const LISTED = 6;

export interface EncodedTask {
  readonly kind: TaskKind;
  readonly metric: MetricName;
  readonly classes: readonly string[];
  readonly targets: Readonly<Record<SplitName, Targets>>;
}

/**
 * Notes on splits that tell little.
 * @throws UsageError for a split that tells nothing: training or test rows of one class or target, or a primary metric that is
 * undefined on the validation or test rows whatever is predicted.
 */
export function refuseDegenerate(task: EncodedTask): string[] {
  const { kind, metric: name, classes, targets } = task;
  if (kind === 'clustering') return [];
  const hint = 'Give rows of every class or value to each split: check the label column, or choose another --split.';
  return SPLIT_NAMES.flatMap((split) => {
    const constant = constantColumns(targets[split], classes);
    const rows = `the ${targets[split].rows} ${ROWS[split]} rows`;
    const all = constant.length === targets[split].columns;
    const what = kind === 'multilabel' ? `the same value of ${listed(constant)}` : `the same ${constant[0]}`;
    if (all && split !== 'valid') throw new UsageError(`${rows} all have ${what}: ${PURPOSE[split]}`, hint);
    if (split !== 'train' && isUndefined(task, targets[split])) {
      const why = constant.length > 0 ? `; all have ${listed(constant)}` : '';
      throw new UsageError(`${name} is undefined on ${rows}${why}: ${PURPOSE[split]}`, hint);
    }
    if (constant.length === 0) return [];
    return all
      ? [`${rows} all have ${what}: ${PURPOSE[split]}; settings are the first of those tried`]
      : [`${rows} have only one value of ${listed(constant)}`];
  });
}

/** Columns with one value, in words: the class, "label = 0", or "target 2 = 1.5". */
function constantColumns({ rows, columns, values }: Targets, classes: readonly string[]): string[] {
  return Array.from({ length: columns }, (_, c) => c).flatMap((c) => {
    const first = values[c];
    for (let r = 1; r < rows; r++) if (values[r * columns + c] !== first) return [];
    if (columns === 1 && classes.length > 1) return [`class ${JSON.stringify(classes[first])}`];
    return [`${classes[c]} ${first}`];
  });
}

/** Whether the primary metric has no value even for predictions that vary from row to row. */
function isUndefined({ kind, metric: name, classes }: EncodedTask, targets: Targets): boolean {
  const width = classes.length;
  const { rows } = targets;
  const values = new Float64Array(rows * width); // [rows, outputs]
  const total = (width * (width + 1)) / 2;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < width; c++) {
      const step =
        kind === 'binary' || kind === 'multiclass' ? (((r + c) % width) + 1) / total : (r + c + 1) / (rows + width);
      values[r * width + c] = step;
    }
  }
  const predictions: Predictions = { rows, columns: width, values };
  return Number.isNaN(metric(name).prepare(targets, predictions)());
}

function listed(names: readonly string[]): string {
  return names.slice(0, LISTED).join(', ') + (names.length > LISTED ? `, and ${names.length - LISTED} more` : '');
}
