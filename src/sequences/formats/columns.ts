/** Which column holds what: as named by the caller, or guessed among the usual names; and class names, split names, labels. */

import type { Label, SplitName } from '../labelled-sequence.ts';
import { didYouMean, SequenceError } from '../sequence-error.ts';

/** Usual names, the most telling first; compared without case. */
export const USUAL_COLUMNS = {
  sequence: ['sequence', 'seq', 'dna_sequence', 'dna', 'rna', 'nucleotides', 'nucraw', 'nuc', 'text', 'read'],
  label: ['label', 'labels', 'class', 'target', 'targets', 'y', 'category', 'expression', 'score', 'activity', 'value'],
  id: ['id', 'seq_id', 'sequence_id'],
} as const;

/**
 * Index of the column `name`, exactly or else without case.
 * @throws SequenceError when it is absent or there are two of it.
 */
export function columnIndex(columns: readonly string[], name: string, what: string, file: string): number {
  const exact = columns.indexOf(name);
  if (exact >= 0 && columns.lastIndexOf(name) === exact) return exact;
  const loose = columns.flatMap((column, i) => (column.toLowerCase() === name.toLowerCase() ? [i] : []));
  if (exact < 0 && loose.length === 1) return loose[0];
  const problem =
    loose.length > 1
      ? `several columns "${name}" to read the ${what} from; give them names of their own`
      : `no column "${name}" to read the ${what} from${didYouMean(name, columns)}`;
  throw new SequenceError(`${problem}; the columns are ${listed(columns)}`, { file, line: 1 });
}

/** The column of a usual name, or undefined. @throws SequenceError when two columns have that name. */
export function guessColumn(
  columns: readonly string[],
  what: keyof typeof USUAL_COLUMNS,
  file: string,
): number | undefined {
  for (const name of USUAL_COLUMNS[what]) {
    const found = columns.flatMap((column, i) => (column.trim().toLowerCase() === name ? [i] : []));
    if (found.length > 1) return columnIndex(columns, columns[found[0]], what, file); // refuses
    if (found.length === 1) return found[0];
  }
  return undefined;
}

/** Indices of the label columns: one, or several written with commas between ("dev,hk"). */
export function labelColumns(columns: readonly string[], name: string, file: string): number[] {
  if (columns.includes(name) || !name.includes(',')) return [columnIndex(columns, name, 'label', file)];
  return name.split(',').map((part) => columnIndex(columns, part.trim(), 'label', file));
}

/** Indices of the columns that hold the label: as named, a usual name, or the other one of two. */
export function labelIndices(
  columns: readonly string[],
  label: string | undefined,
  sequenceAt: number,
  file: string,
): number[] {
  if (label !== undefined) return labelColumns(columns, label, file);
  const guessed = guessColumn(columns, 'label', file) ?? (columns.length === 2 ? 1 - sequenceAt : undefined);
  if (guessed === undefined) throw unguessable(columns, 'label', file);
  return [guessed];
}

/** Index of the column that holds the sequence: as named, or a usual name. */
export function sequenceIndex(columns: readonly string[], sequence: string | undefined, file: string): number {
  if (sequence !== undefined) return columnIndex(columns, sequence, 'sequence', file);
  const guessed = guessColumn(columns, 'sequence', file);
  if (guessed === undefined) throw unguessable(columns, 'sequence', file);
  return guessed;
}

/** An error for a column that was not named and could not be guessed. */
export function unguessable(columns: readonly string[], what: 'sequence' | 'label', file: string): SequenceError {
  return new SequenceError(
    `which column holds the ${what}? None has a usual name (${USUAL_COLUMNS[what].join(', ')}); name it with \`${what}\`. The columns are ${listed(columns)}`,
    { file, line: 1 },
  );
}

export function listed(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

export interface LabelFormat {
  /** Labels are numbers (regression). */
  readonly numericLabels?: boolean;
  /** Several labels in one value, with this between. An empty value then means no label at all. */
  readonly labelSeparator?: string;
}

/**
 * A label as read from a cell, a header or a table.
 * @throws SequenceError when it is missing, or not a number where numbers are asked for.
 */
export function parseLabel(value: unknown, format: LabelFormat, at: { file: string; line: number }): Label {
  const text = typeof value === 'string' ? value.trim() : value;
  const { labelSeparator } = format;
  if (typeof text === 'string' && labelSeparator !== undefined) {
    const parts = text.split(labelSeparator).flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
    return format.numericLabels ? parts.map((part) => parseNumber(part, at)) : parts;
  }
  if (text === undefined || text === null || text === '') {
    throw new SequenceError('the label is missing; fill it in or remove the row', at);
  }
  if (Array.isArray(text) || ArrayBuffer.isView(text)) {
    const parts = Array.from(text as ArrayLike<unknown>);
    if (parts.some((part) => part === null || part === undefined)) {
      throw new SequenceError('the label is a list with a missing value; fill it in or remove the row', at);
    }
    const numeric = parts.length > 0 && parts.every((part) => ['number', 'bigint', 'boolean'].includes(typeof part));
    return format.numericLabels || numeric ? parts.map((part) => parseNumber(part, at)) : parts.map(String);
  }
  return format.numericLabels ? parseNumber(text, at) : className(text, at);
}

/** Several label columns: numbers (multi-target regression), or 0/1 flags whose column names are the labels. */
export function parseLabelColumns(
  values: readonly unknown[],
  names: readonly string[],
  format: LabelFormat,
  at: { file: string; line: number },
): Label {
  if (format.numericLabels) return values.map((value) => parseNumber(value, at));
  return names.filter((name, i) => {
    const flag = String(values[i] ?? '')
      .trim()
      .toLowerCase();
    if (flag === '1' || flag === '1.0' || flag === 'true') return true;
    if (flag === '0' || flag === '0.0' || flag === 'false') return false;
    throw new SequenceError(
      `"${flag}" in label column "${name}" is neither 0 nor 1; correct it, or read the columns as numbers (\`numericLabels\`)`,
      at,
    );
  });
}

function className(value: unknown, at: { file: string; line: number }): string {
  if (typeof value === 'object') {
    throw new SequenceError(`the label ${JSON.stringify(value)} is no text, number or list; name another column`, at);
  }
  return String(value);
}

function parseNumber(value: unknown, at: { file: string; line: number }): number {
  const plain = typeof value === 'string' ? /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(value) : true;
  const number = plain && value !== null && typeof value !== 'object' ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  const shown = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'a missing value');
  throw new SequenceError(`the label ${shown} is not a finite number; correct it, or read the labels as classes`, at);
}

const SPLIT_ALIASES: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  valid: 'valid',
  validation: 'valid',
  val: 'valid',
  dev: 'valid',
  test: 'test',
  testing: 'test',
};

/** The split that a word names (train, training, valid, validation, val, dev, test, testing; any case), or undefined. */
export function splitNamed(word: string): SplitName | undefined {
  return Object.hasOwn(SPLIT_ALIASES, word.toLowerCase()) ? SPLIT_ALIASES[word.toLowerCase()] : undefined;
}

/** @throws SequenceError for a word that names no split. */
export function parseSplit(value: unknown, at: { file: string; line: number }): SplitName {
  const split = splitNamed(String(value ?? '').trim());
  if (split !== undefined) return split;
  throw new SequenceError(
    `split ${JSON.stringify(value ?? '')} is none of ${Object.keys(SPLIT_ALIASES).join(', ')}; correct it, or do not read the split column`,
    at,
  );
}
