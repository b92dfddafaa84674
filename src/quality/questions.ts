/**
 * The questions that a task asks of a row: one with class answers for binary and multiclass tasks, one yes/no question per label for
 * multilabel tasks, one with a number for each regression target. Every rule answers one question.
 */
import type { Targets, TaskKind } from '../core/matrix.ts';

export interface Question {
  readonly name: string;
  /** Classes of the answers; 0 for numbers. */
  readonly classes: number;
  /** `[rows]` class indices, or numbers. */
  readonly values: Float64Array;
}

/** The questions of a matrix of targets. @param names one per class, label or target. */
export function questionsOf(kind: TaskKind, targets: Targets, names: readonly string[]): Question[] {
  const { rows, columns, values } = targets;
  if (kind === 'binary' || kind === 'multiclass' || kind === 'clustering') {
    return [{ name: 'class', classes: names.length, values }];
  }
  return Array.from({ length: columns }, (_, c) => ({
    name: names[c] ?? `target ${c + 1}`,
    classes: kind === 'multilabel' ? 2 : 0,
    values: Float64Array.from({ length: rows }, (_, r) => values[r * columns + c]),
  }));
}

/** Width of a rule's answers: probabilities of each class, or one number. */
export function widthOf({ classes }: Question): number {
  return classes === 0 ? 1 : classes;
}

/** The same question on some of its rows. */
export function pickRows(question: Question, rows: ArrayLike<number>): Question {
  return { ...question, values: Float64Array.from({ length: rows.length }, (_, i) => question.values[rows[i]]) };
}

/** `[width]` mean answer of the rows: class frequencies, or the mean number. */
export function meanAnswer(question: Question, rows: ArrayLike<number>): Float64Array {
  const mean = new Float64Array(widthOf(question));
  for (let i = 0; i < rows.length; i++) {
    if (question.classes === 0) mean[0] += question.values[rows[i]] / rows.length;
    else mean[question.values[rows[i]]] += 1 / rows.length;
  }
  return mean;
}
