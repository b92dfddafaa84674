/** Small matrices and contexts for the probes' tests. */
import type { Matrix, Predictions, Targets, TaskKind } from '../../src/core/matrix.ts';
import type { ProbeContext } from '../../src/probes/probe.ts';

export const matrix = (rows: number, columns: number, values: ArrayLike<number>): Matrix => ({
  rows,
  columns,
  values: Float32Array.from(values),
});

export const targets = (rows: number, columns: number, values: ArrayLike<number>): Targets => ({
  rows,
  columns,
  values: Float64Array.from(values),
});

export const context = (
  kind: string,
  outputs: number,
  validationScore: (targets: Targets, predictions: Predictions) => number,
): ProbeContext => ({
  kind: kind as TaskKind,
  outputs,
  seed: 0,
  device: 'cpu',
  threads: 1,
  validationScore,
  progress: () => undefined,
});

/** Share of rows whose largest column is the true class. */
export function accuracy(truth: Targets, predicted: Predictions): number {
  let hits = 0;
  for (let r = 0; r < truth.rows; r++) {
    const row = predicted.values.subarray(r * predicted.columns, (r + 1) * predicted.columns);
    if (row.indexOf(Math.max(...row)) === truth.values[r * truth.columns]) hits += 1;
  }
  return hits / truth.rows;
}

/** Minus the mean squared difference over the columns that both have. */
export function negativeMse(truth: Targets, predicted: Predictions): number {
  let sum = 0;
  for (let i = 0; i < truth.values.length; i++) sum -= (truth.values[i] - predicted.values[i]) ** 2;
  return sum / truth.values.length;
}
