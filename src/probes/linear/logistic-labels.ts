/**
 * Targets as logistic regression wants them. A class that never occurs in training, or a label that never varies there, has no
 * finite intercept; it is left out of the fit, predicted with its training frequency (0 or 1), and named in the details.
 */

import type { Matrix64 } from '../../algebra/linear-algebra.ts';
import type { Matrix, Predictions, Targets } from '../../core/matrix.ts';
import type { ProbeContext } from '../probe.ts';
import type { Link, LogisticProblem } from './logistic-objective.ts';

export interface LabelledProblem {
  readonly problem: LogisticProblem;
  /** From probabilities of the fitted columns to predictions of every class or label. */
  readonly spread: (fitted: Matrix64) => Predictions;
  readonly details: Readonly<Record<string, unknown>>;
}

function checkRows(features: Matrix, targets: Targets): void {
  if (features.rows !== targets.rows) {
    throw new Error(`Training has ${features.rows} rows of features but ${targets.rows} rows of targets.`);
  }
}

/** Class indices checked to be whole numbers below `outputs`. */
function classIndices(targets: Targets, outputs: number): Int32Array {
  return Int32Array.from(targets.values, (value, row) => {
    if (!Number.isInteger(value) || value < 0 || value >= outputs) {
      throw new Error(`Target in row ${row} is ${value}, not a class index from 0 to ${outputs - 1}.`);
    }
    return value;
  });
}

/** Prepares the labels of a task of any kind but regression. Throws when training holds one class only. */
export function logisticProblem(
  features: LogisticProblem['features'],
  targets: Targets,
  { kind, outputs }: Pick<ProbeContext, 'kind' | 'outputs'>,
): LabelledProblem {
  checkRows(features, targets);
  if (kind === 'regression') throw new Error('Logistic regression does not do regression tasks; use ridge.');
  return kind === 'multilabel'
    ? severalLabels(features, targets, outputs)
    : classes(features, classIndices(targets, outputs), kind === 'binary' ? 2 : outputs);
}

function classes(features: LogisticProblem['features'], labels: Int32Array, outputs: number): LabelledProblem {
  const present = [...new Set(labels)].sort((a, b) => a - b);
  if (present.length < 2) {
    throw new Error(
      `All ${labels.length} training rows are of class ${present[0]}; logistic regression needs two classes.`,
    );
  }
  const position = new Int32Array(outputs).fill(-1);
  for (const [i, label] of present.entries()) position[label] = i;
  const link: Link = present.length === 2 ? 'sigmoid' : 'softmax';
  const columns = link === 'sigmoid' ? 1 : present.length;
  const spread = (fitted: Matrix64): Predictions => {
    const values = new Float64Array(fitted.rows * outputs);
    for (let r = 0; r < fitted.rows; r++) {
      if (link === 'sigmoid') {
        values[r * outputs + present[0]] = 1 - fitted.values[r];
        values[r * outputs + present[1]] = fitted.values[r];
      } else for (const [i, label] of present.entries()) values[r * outputs + label] = fitted.values[r * columns + i];
    }
    return { rows: fitted.rows, columns: outputs, values };
  };
  const absent = [...position.keys()].filter((label) => position[label] < 0);
  return {
    problem: { link, features, labels: labels.map((label) => position[label]), columns },
    spread,
    details: absent.length > 0 ? { classesAbsentFromTraining: absent } : {},
  };
}

function severalLabels(features: LogisticProblem['features'], targets: Targets, outputs: number): LabelledProblem {
  if (targets.columns !== outputs) {
    throw new Error(`Targets have ${targets.columns} label columns, but the task has ${outputs}.`);
  }
  const sums = new Float64Array(outputs);
  for (const [i, value] of targets.values.entries()) {
    if (value !== 0 && value !== 1) {
      throw new Error(`Target in row ${Math.floor(i / outputs)}, label ${i % outputs} is ${value}, not 0 or 1.`);
    }
    sums[i % outputs] += value;
  }
  const varying = [...sums.keys()].filter((label) => sums[label] > 0 && sums[label] < targets.rows);
  if (varying.length === 0)
    throw new Error('Every label has the same value in all training rows; nothing can be fitted.');
  const columns = varying.length;
  const labels = Int32Array.from(
    { length: targets.rows * columns },
    (_, i) => targets.values[Math.floor(i / columns) * outputs + varying[i % columns]],
  );
  const spread = (fitted: Matrix64): Predictions => {
    const values = Float64Array.from({ length: fitted.rows * outputs }, (_, i) => sums[i % outputs] / targets.rows);
    for (let r = 0; r < fitted.rows; r++) {
      for (const [i, label] of varying.entries()) values[r * outputs + label] = fitted.values[r * columns + i];
    }
    return { rows: fitted.rows, columns: outputs, values };
  };
  const constant = [...sums.keys()].filter((label) => !varying.includes(label));
  return {
    problem: { link: 'sigmoid', features, labels, columns },
    spread,
    details: constant.length > 0 ? { labelsConstantInTraining: constant } : {},
  };
}
