/**
 * From labels as written to the numeric targets of `src/core/matrix.ts`, `[rows, columns]` float64. Class indices follow
 * `classes` where the task declares them, otherwise the sorted labels of the training rows. A label that has no index, or is
 * of the wrong sort for the kind of task, is an error naming its row; nothing is dropped.
 */

import { UsageError } from '../../core/errors.ts';
import type { Targets, TaskKind } from '../../core/matrix.ts';
import type { Label, LabelledSequence } from '../../sequences/labelled-sequence.ts';
import { didYouMean } from '../../sequences/sequence-error.ts';
import { isMissingWord } from './label-spellings.ts';

/** A row as an error message names it: `file:line` where known, else its id. */
export function placeOf(row: LabelledSequence): string {
  return row.source ? `${row.source.file}:${row.source.line}` : `row "${row.id}"`;
}

/** The labels of one multilabel row: a list, or one text with labels separated by ";" ("" = none). */
function labelSet(label: Label, row: LabelledSequence): string[] {
  if (typeof label === 'string')
    return label
      .split(';')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  if (typeof label === 'number') return [String(label)];
  const names = label.map(String);
  if (new Set(names).size !== names.length)
    throw new UsageError(`${placeOf(row)}: a label is given twice: ${names.join(';')}`);
  return names;
}

function className(label: Label, row: LabelledSequence): string {
  if (typeof label === 'object') {
    throw new UsageError(`${placeOf(row)}: several labels in a task with one class per row`, 'Use kind "multilabel".');
  }
  const name = String(label).trim();
  if (name === '') throw new UsageError(`${placeOf(row)}: the label is empty`);
  return name;
}

function numbers(label: Label, row: LabelledSequence): number[] {
  const values = (typeof label === 'object' ? [...label] : [label]).map((value) =>
    typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value),
  );
  if (values.every(Number.isFinite)) return values;
  throw new UsageError(
    `${placeOf(row)}: label ${JSON.stringify(label)} is not a finite number`,
    'Regression needs numbers.',
  );
}

/** Sorts names as numbers where all are numbers ("2" before "10"), otherwise as text; the order given does not matter. */
export function sortClasses(names: Iterable<string>): string[] {
  const list = [...new Set(names)];
  const numeric = list.every((name) => name !== '' && Number.isFinite(Number(name)));
  const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return list.sort((a, b) => (numeric && Number(a) - Number(b)) || byText(a, b));
}

/** Whether labels are 0/1 vectors of one length, as multilabel targets are often stored: one label per place. */
export function areVectors(labels: readonly Label[]): labels is readonly (readonly number[])[] {
  const width = widthOf(labels);
  return (
    width !== undefined &&
    labels.every((label) => (label as readonly unknown[]).every((item) => item === 0 || item === 1))
  );
}

/** Length of labels that are all lists of numbers of one length of at least 1. */
function widthOf(labels: readonly Label[]): number | undefined {
  const [first] = labels;
  if (typeof first !== 'object' || first.length === 0) return undefined;
  const fits = (label: Label) =>
    typeof label === 'object' && label.length === first.length && label.every((item) => typeof item === 'number');
  return labels.every(fits) ? first.length : undefined;
}

/** 0/1 vectors as sets of labels, named by `names` or by their place from 1. Other labels are returned as they are. */
export function vectorsAsSets(
  rows: readonly LabelledSequence[],
  names: readonly string[] | undefined,
  note?: (line: string) => void,
): readonly LabelledSequence[] {
  const labels: readonly Label[] = rows.map(({ label }) => label);
  if (!areVectors(labels)) return rows;
  const width = labels[0].length;
  if (names && names.length !== width) return rows;
  const nameOf = (place: number) => names?.[place] ?? String(place + 1);
  const never = Array.from({ length: width }, (_, place) => place).filter((place) =>
    labels.every((label) => label[place] === 0),
  );
  note?.(`labels are vectors of ${width} zeros and ones: label ${nameOf(0)} is true where place 1 is 1, and so on`);
  if (never.length > 0) note?.(`labels true in no row, and left out: ${never.slice(0, 10).map(nameOf).join(', ')}`);
  return rows.map((row, i) => ({
    ...row,
    label: labels[i].flatMap((value, place) => (value === 1 ? [nameOf(place)] : [])),
  }));
}

/**
 * Class or label names in index order; for regression, one name per target.
 * Throws when the training rows hold one class only, or other than two in a binary task.
 */
export function classesOf(kind: TaskKind, train: readonly LabelledSequence[], declared?: readonly string[]): string[] {
  if (kind === 'regression') {
    const width = numbers(train[0].label, train[0]).length;
    if (declared && declared.length !== width) {
      throw new UsageError(`classes names ${declared.length} targets, rows have ${width}`);
    }
    return declared
      ? [...declared]
      : Array.from({ length: width }, (_, i) => (width === 1 ? 'target' : `target ${i + 1}`));
  }
  if (declared) {
    if (kind === 'binary' && declared.length !== 2) {
      throw new UsageError(`a binary task has two classes, not ${declared.length}: ${declared.join(', ')}`);
    }
    return [...declared];
  }
  const found =
    kind === 'multilabel'
      ? train.flatMap((row) => labelSet(row.label, row))
      : train.map((row) => className(row.label, row));
  const classes = sortClasses(found);
  if (kind === 'binary' && classes.length !== 2) {
    const shown = classes.slice(0, 6).join(', ') + (classes.length > 6 ? ', ...' : '');
    const hint =
      classes.length > 2 ? 'Use kind "multiclass", or check the label column.' : 'A classifier needs both classes.';
    throw new UsageError(`the training rows of a binary task hold ${classes.length} classes (${shown})`, hint);
  }
  if (classes.length < (kind === 'multilabel' ? 1 : 2)) {
    throw new UsageError(
      `the training rows hold ${classes.length} class(es): ${classes.join(', ')}; nothing can be learned`,
    );
  }
  return classes;
}

/** Encodes rows. Throws for the first label without an index and says how many there are. */
export function encodeLabels(kind: TaskKind, rows: readonly LabelledSequence[], classes: readonly string[]): Targets {
  const columns = kind === 'multilabel' || kind === 'regression' ? classes.length : 1;
  const values = new Float64Array(rows.length * columns); // [rows, columns]
  const index = new Map(classes.map((name, i) => [name, i]));
  const at = (name: string, row: LabelledSequence): number => {
    const found = index.get(name);
    if (found !== undefined) return found;
    const names = (other: LabelledSequence) =>
      kind === 'multilabel' ? labelSet(other.label, other) : [className(other.label, other)];
    const unseen = rows.filter((other) => names(other).some((label) => !index.has(label)));
    throw new UsageError(
      `${placeOf(row)}: label "${name}" is not among the ${classes.length} classes of the training rows` +
        `${didYouMean(name, classes)}; ${unseen.length} of these ${rows.length} rows have such labels`,
      'Correct or remove these rows, or declare every class in `classes` of a task plugin.',
    );
  };
  for (const [r, row] of rows.entries()) {
    if (kind === 'regression') {
      const targets = numbers(row.label, row);
      if (targets.length !== columns) {
        throw new UsageError(`${placeOf(row)}: ${targets.length} targets, the first training row has ${columns}`);
      }
      values.set(targets, r * columns);
    } else if (kind === 'multilabel') {
      for (const name of labelSet(row.label, row)) values[r * columns + at(name, row)] = 1;
    } else {
      values[r] = at(className(row.label, row), row);
    }
  }
  return { rows: rows.length, columns, values };
}

/** Above this, whole numbers may as well be measurements as classes, and the guess says so. */
const MANY_NUMBERS = 10;

/** Refuses labels that are numbers but for a word such as NaN or NA, which no one means as a class. For labels without a declared kind. */
export function refuseMissingLabels(rows: readonly LabelledSequence[]): void {
  const isWord = ({ label }: LabelledSequence) =>
    typeof label === 'string' && (isMissingWord(label) || /^[+-]?inf(inity)?$/i.test(label.trim()));
  const word = rows.find(isWord);
  if (word === undefined) return;
  const others = rows.filter((row) => !isWord(row));
  if (others.length === 0 || others.some(({ label }) => !Number.isFinite(Number(label)))) return;
  throw new UsageError(
    `${placeOf(word)}: label "${String(word.label)}" among numbers (${rows.length - others.length} of ${rows.length} rows have no finite number)`,
    'Fill in or remove these rows; if it is a class, say --kind multiclass.',
  );
}

/** What labels look like, for data that come without a declared kind: a guess, and the reason for it in words. */
export function guessKind(labels: readonly Label[]): { kind: TaskKind; reason: string } {
  if (labels.some((label) => typeof label === 'object')) {
    if (areVectors(labels)) {
      return {
        kind: 'multilabel',
        reason: 'every label is a list of zeros and ones of one length, one label per place',
      };
    }
    const items = labels.flatMap((label): readonly unknown[] => (typeof label === 'object' ? label : [label]));
    const numeric = items.every((item) => typeof item === 'number');
    const targets = numeric && (widthOf(labels) !== undefined || !items.every(Number.isInteger));
    return targets
      ? { kind: 'regression', reason: 'every label is a list of numbers' }
      : { kind: 'multilabel', reason: 'labels are lists' };
  }
  const names = sortClasses(labels.map((label) => String(label).trim()));
  if (names.length === 2) return { kind: 'binary', reason: `two distinct labels (${names.join(', ')})` };
  const numeric = names.every((name) => name !== '' && Number.isFinite(Number(name)));
  if (numeric && (names.some((name) => !Number.isInteger(Number(name))) || names.length > 50)) {
    return { kind: 'regression', reason: `${names.length} distinct numbers` };
  }
  if (numeric && names.length > MANY_NUMBERS) {
    const remedy = 'if they are measurements, say --kind regression';
    return { kind: 'multiclass', reason: `${names.length} distinct whole numbers, taken for classes; ${remedy}` };
  }
  return { kind: 'multiclass', reason: `${names.length} distinct labels` };
}
