/**
 * From a task definition to data a contender can be fitted on: rows are loaded, brought into the alphabet (changes counted),
 * split where the data do not fix it, their labels encoded, and everything hashed. Every row that is loaded lands in exactly
 * one split; what cannot be used is an error naming the row. The split depends on the task alone, so that every contender
 * and every seed sees the same one.
 */
import { createHash } from 'node:crypto';
import { UsageError } from '../../core/errors.ts';
import type { Targets } from '../../core/matrix.ts';
import { metricsFor } from '../../metrics/metric-table.ts';
import { auditSplits } from '../../quality/audit.ts';
import { auditTask } from '../../quality/audit-task.ts';
import { applyAlphabet, LOWER_CASE } from '../../sequences/alphabet.ts';
import { type LabelledSequence, SPLIT_NAMES, type SplitName } from '../../sequences/labelled-sequence.ts';
import { checkRowCount, describeSkipped, type SkippedRow, skipOrThrow } from '../../sequences/row-faults.ts';
import { SequenceError } from '../../sequences/sequence-error.ts';
import { assignSplits } from '../../sequences/splits.ts';
import type { PreparedTask, SplitData, TaskContext, TaskDefinition } from '../contracts.ts';
import { TASK_RECORD_SCHEMA, type TaskRecord } from '../store/result.ts';
import { refuseDegenerate } from './degenerate.ts';
import { describeOddNames, unifySpellings } from './label-spellings.ts';
import { classesOf, encodeLabels, placeOf, sortClasses, vectorsAsSets } from './labels.ts';

/** A prepared task and what its record says about how it was prepared. */
export interface PreparedRows extends PreparedTask {
  /** The rows themselves, in the alphabet and with their split, in the order loaded. */
  readonly rows: readonly (LabelledSequence & { readonly split: SplitName })[];
  /** How rows were divided, in words. */
  readonly splitDescription: string;
  /** Letters changed by the alphabet policy, by what was done. */
  readonly alphabetChanges: Readonly<Record<string, number>>;
  /** `[rows]` share of lower-case letters as loaded; absent where there was none. */
  readonly lowerCase?: Float64Array;
  /** What the task told while it was read, in its own sentences. */
  readonly notes: readonly string[];
  /** Rows of the files that were left out, with place and reason. */
  readonly skipped: readonly SkippedRow[];
  /** Files that rows were read from. */
  readonly files: readonly string[];
}

/** Prepares a task. Throws a {@link UsageError} that begins with the task's id. */
export async function prepareTask(definition: TaskDefinition, context: TaskContext): Promise<PreparedRows> {
  try {
    return await prepare(definition, context);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof SequenceError)) throw error;
    const hint = error instanceof UsageError ? error.hint : undefined;
    const own = `${definition.id}: `; // a task that names itself is not named twice
    const what = error.message.startsWith(own) ? error.message.slice(own.length) : error.message;
    const usage = new UsageError(`task ${own}${what}`, hint);
    usage.cause = error;
    throw usage;
  }
}

async function prepare(definition: TaskDefinition, context: TaskContext): Promise<PreparedRows> {
  const { kind, metric } = definition;
  if (!metricsFor(kind).some(({ name }) => name === metric)) {
    const names = metricsFor(kind).map(({ name }) => name);
    throw new UsageError(`metric ${metric} does not apply to a ${kind} task`, `Use one of: ${names.join(', ')}.`);
  }
  const { loaded, notes, skipped } = await loadRows(definition, context);
  const note = (line: string) => {
    if (!notes.includes(line)) notes.push(line);
  };
  if (loaded.length === 0) throw new UsageError('no rows were loaded');
  checkIds(loaded);
  const before = skipped.length;
  const { rows: letters, changes, lowerCase } = inAlphabet(loaded, definition, skipped);
  checkRowCount({ rows: loaded.length, kept: letters.length, skipped: skipped.slice(before) }, 'alphabet policy');
  const skippedNote = describeSkipped(skipped, letters.length + skipped.length);
  if (skippedNote !== undefined) note(skippedNote);
  if (letters.length === 0) throw new UsageError(`every row was skipped: ${skipped[0].reason}`);
  const { rows, description } = assignSplits(labelled(letters, definition, note), definition.split, kind);
  const bySplit = Object.fromEntries(
    SPLIT_NAMES.map((name) => [name, rows.filter((row) => row.split === name)]),
  ) as Record<SplitName, LabelledSequence[]>;
  for (const name of SPLIT_NAMES) {
    if (bySplit[name].length === 0) {
      throw new UsageError(
        `the ${name} split is empty (${rows.length} rows in all; ${description})`,
        'Give more rows or another split.',
      );
    }
  }
  // A clustering is judged on the test rows' own labels; other splits are clusterings of their own.
  const classes = classesOf(kind, kind === 'clustering' ? bySplit.test : bySplit.train, definition.classes);
  const encoded = (name: SplitName): SplitData => ({
    ids: bySplit[name].map((row) => row.id),
    places: bySplit[name].map(placeOf),
    sequences: bySplit[name].map((row) => row.sequence),
    targets:
      kind === 'clustering' && name !== 'test' ? ownTargets(bySplit[name]) : encodeLabels(kind, bySplit[name], classes),
    groups: bySplit[name].map((row) => row.group ?? String(row.label)),
  });
  const splits = { train: encoded('train'), valid: encoded('valid'), test: encoded('test') };
  const targets = { train: splits.train.targets, valid: splits.valid.targets, test: splits.test.targets };
  for (const line of refuseDegenerate({ kind, metric, classes, targets })) note(line);
  return {
    definition,
    classes,
    outputs: classes.length,
    splits,
    hash: hashTask(definition, classes, rows),
    rows,
    splitDescription: description,
    alphabetChanges: changes,
    ...(lowerCase.size === 0 ? {} : { lowerCase: Float64Array.from(rows, ({ id }) => lowerCase.get(id) ?? 0) }),
    notes,
    skipped,
    files: [...new Set(rows.flatMap((row) => (row.source ? [row.source.file] : [])))].sort(),
  };
}

/** The rows, and what the task tells of them while it reads; a listener of the caller hears it too. */
async function loadRows(definition: TaskDefinition, context: TaskContext) {
  const notes: string[] = [];
  const note = (line: string) => {
    notes.push(line);
    context.note?.(line);
  };
  const skipped: SkippedRow[] = [];
  const skip = (row: SkippedRow) => {
    skipped.push(row);
    context.skip?.(row);
  };
  const loaded = await definition.load({ ...context, note, skip });
  return { loaded, notes, skipped };
}

/** Labels with one spelling per class, and what is odd about them as notes; 0/1 vectors as sets of labels. */
function labelled(
  rows: readonly LabelledSequence[],
  { kind, classes }: TaskDefinition,
  note: (line: string) => void,
): readonly LabelledSequence[] {
  if (kind === 'regression') return rows;
  if (kind === 'multilabel') return vectorsAsSets(rows, classes, note);
  if (classes !== undefined) return rows;
  const unified = unifySpellings(rows, note);
  for (const line of describeOddNames(kind, unified)) note(line);
  return unified;
}

/** Class indices among the rows' own labels; an empty label is one like any other. `[rows, 1]` */
function ownTargets(rows: readonly LabelledSequence[]): Targets {
  const names = sortClasses(rows.map((row) => String(row.label)));
  const index = new Map(names.map((name, i) => [name, i]));
  return { rows: rows.length, columns: 1, values: Float64Array.from(rows, (row) => index.get(String(row.label))!) };
}

function checkIds(rows: readonly LabelledSequence[]): void {
  const seen = new Map<string, LabelledSequence>();
  for (const row of rows) {
    const first = seen.get(row.id);
    if (first)
      throw new UsageError(`${placeOf(row)}: the id "${row.id}" is taken by ${placeOf(first)}`, 'Ids must be unique.');
    seen.set(row.id, row);
  }
}

/** Rows in the alphabet of the task. Those that it refuses are added to `skipped` where the task says so. */
function inAlphabet(rows: readonly LabelledSequence[], { alphabet, onBadRow }: TaskDefinition, skipped: SkippedRow[]) {
  const changes: Record<string, number> = {};
  const lowerCase = new Map<string, number>(); // share by id
  const changed = rows.flatMap((row) => {
    try {
      const result = applyAlphabet(row.sequence, alphabet ?? { alphabet: 'dna' }, row.source ?? placeOf(row));
      for (const [what, count] of Object.entries(result.changes)) changes[what] = (changes[what] ?? 0) + count;
      const lower = result.changes[LOWER_CASE];
      if (lower !== undefined) lowerCase.set(row.id, lower / row.sequence.length);
      return [{ ...row, sequence: result.sequence }];
    } catch (error) {
      skipOrThrow(error, onBadRow, { skipped });
      return [];
    }
  });
  return { rows: changed, changes, lowerCase };
}

/** sha256 over name, kind, metrics, classes and rows: two tasks of one name or of the same rows are told apart by it. */
function hashTask(
  { id: name, kind, metric, metrics = [] }: TaskDefinition,
  classes: readonly string[],
  rows: readonly LabelledSequence[],
): string {
  const hash = createHash('sha256').update(`${JSON.stringify([name, kind, metric, metrics, classes])}\n`);
  for (const { id, sequence, label, split: name, group } of rows)
    hash.update(`${JSON.stringify([id, sequence, label, name, ...(group === undefined ? [] : [group])])}\n`);
  return hash.digest('hex');
}

/** What a report needs to know of a task, its audit included; the true answers of the test rows go beside it. */
export function taskRecord(task: PreparedRows): Omit<TaskRecord, 'targets'> {
  const { id, title, description, kind, metric, citation, licence, url, harmonicWith } = task.definition;
  return {
    schema: TASK_RECORD_SCHEMA,
    ...{ id, title, description, kind, metric, citation, licence, url, harmonicWith },
    hash: task.hash,
    classes: [...task.classes],
    sizes: sizesOf(task),
    split: task.splitDescription,
    notes: [...task.notes],
    ...(task.skipped.length === 0 ? {} : { skippedRows: [...task.skipped] }),
    alphabetChanges: { ...task.alphabetChanges },
    audit: { ...auditSplits(task.rows, kind) },
    quality: auditTask({ kind, rows: task.rows, lowerCase: task.lowerCase }),
    testGroups: testGroups(task.rows),
  };
}

/**
 * `[testSize]` group of each test row as a number, when the rows declare groups: rows of one group
 * (a species, a gene) are not independent. A row without a group is a group of its own.
 */
function testGroups(rows: PreparedRows['rows']): number[] | undefined {
  const test = rows.filter(({ split }) => split === 'test');
  if (test.every(({ group }) => group === undefined)) return undefined;
  const numbers = new Map<string, number>();
  return test.map(({ group }, i) => {
    const name = group === undefined ? `row ${i}` : `group ${group}`;
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name)!;
  });
}

/** Rows per split. */
export function sizesOf({ splits }: PreparedTask): Record<SplitName, number> {
  const { train, valid, test } = splits;
  return { train: train.ids.length, valid: valid.ids.length, test: test.ids.length };
}
