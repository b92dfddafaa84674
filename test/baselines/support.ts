/** Small tasks of every kind for the baselines' tests. */
import type { BaselineDefinition, FitContext, FitTask, SplitData, TaskDefinition } from '../../src/index.ts';
import {
  createRandom,
  type MetricName,
  metric,
  type Predictions,
  type Targets,
  type TaskKind,
} from '../../src/index.ts';

export const METRIC_OF = {
  binary: 'auroc',
  multiclass: 'accuracy',
  multilabel: 'logLoss',
  regression: 'mse',
  clustering: 'ami',
} as const satisfies Record<TaskKind, MetricName>;
const COLUMNS: Readonly<Record<TaskKind, number>> = {
  binary: 1,
  multiclass: 1,
  multilabel: 2,
  regression: 1,
  clustering: 1,
};
const OUTPUTS: Readonly<Record<TaskKind, number>> = {
  binary: 2,
  multiclass: 3,
  multilabel: 2,
  regression: 1,
  clustering: 2,
};

export interface MotifTask extends FitTask {
  readonly test: SplitData;
}

/**
 * Random letters; positives (drawn at random) bear TGACTCA somewhere. Regression adds noise, class 2 bears GGGCGG, and the second label of
 * multilabel says whether the sequence is long. Lengths are `length` or up to five letters shorter.
 */
export function motifTask(
  kind: TaskKind,
  sizes: { train: number; valid: number; test: number },
  length = 60,
): MotifTask {
  const random = createRandom(`motif:${kind}`);
  const split = (rows: number, name: string): SplitData => {
    const values = new Float64Array(rows * COLUMNS[kind]);
    const sequences = Array.from({ length: rows }, (_, r) => {
      const letters = Array.from({ length: length - random.integer(6) }, () => 'ACGT'[random.integer(4)]);
      const group = random.integer(kind === 'multiclass' ? 3 : 2);
      const motif = ['', 'TGACTCA', 'GGGCGG'][group];
      letters.splice(random.integer(letters.length - motif.length), motif.length, ...motif);
      values[r * COLUMNS[kind]] = kind === 'regression' ? 100 + 10 * group + random.normal() : group;
      if (kind === 'multilabel') values[r * 2 + 1] = letters.length > length - 3 ? 1 : 0;
      return letters.join('');
    });
    return {
      ids: sequences.map((_, r) => `${name}-${r}`),
      sequences,
      targets: { rows, columns: COLUMNS[kind], values },
      groups: sequences.map((_, r) => `${values[r * COLUMNS[kind]]}`),
    };
  };
  const definition: TaskDefinition = {
    id: `motif-${kind}`,
    title: 'Motif',
    kind,
    metric: METRIC_OF[kind],
    citation: 'none',
    licence: 'none',
    load: async () => [],
  };
  return {
    definition,
    classes: kind === 'regression' ? [] : Array.from({ length: OUTPUTS[kind] }, (_, i) => `${i}`),
    outputs: OUTPUTS[kind],
    train: split(sizes.train, 'train'),
    valid: split(sizes.valid, 'valid'),
    test: split(sizes.test, 'test'),
  };
}

export function score(task: FitTask, targets: Targets, predictions: Predictions): number {
  const { prepare, higherIsBetter } = metric(task.definition.metric);
  return (higherIsBetter ? 1 : -1) * prepare(targets, predictions)();
}

export function contextOf(task: FitTask, seed = 1): FitContext {
  return {
    seed,
    device: 'cpu',
    threads: 1,
    effort: 1,
    cacheFolder: '',
    validationScore: (targets, predictions) => score(task, targets, predictions),
    progress: () => {},
  };
}

/** The definition of an id among a file's default export. */
export function pick(exported: BaselineDefinition | readonly BaselineDefinition[], id: string): BaselineDefinition {
  const found = [exported].flat().find((definition) => definition.id === id);
  if (!found) throw new Error(`no baseline ${id}`);
  return found;
}

/** Sums of probabilities, finiteness, shape: what every prediction must hold to. */
export function isSound(task: FitTask, predictions: Predictions, rows: number): boolean {
  const { columns, values } = predictions;
  if (predictions.rows !== rows || columns !== task.outputs || values.length !== rows * columns) return false;
  if (!values.every((value) => Number.isFinite(value))) return false;
  if (task.definition.kind === 'regression') return true;
  if (!values.every((value) => value >= 0 && value <= 1 + 1e-9)) return false;
  if (task.definition.kind === 'multilabel') return true;
  return Array.from({ length: rows }, (_, r) =>
    Array.from(values.slice(r * columns, (r + 1) * columns)).reduce((sum, value) => sum + value, 0),
  ).every((sum) => Math.abs(sum - 1) < 1e-5);
}
