/**
 * A task without a plugin: `--data PATH --sequence COL --label COL --kind KIND`. The kind is guessed from the labels where it
 * is not given, and the guess is stated in the task's description, so that nobody need wonder what was measured.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { isMissing } from '../../core/files.ts';
import type { TaskKind } from '../../core/matrix.ts';
import type { MetricName } from '../../metrics/metric.ts';
import { USUAL_COLUMNS } from '../../sequences/formats/columns.ts';
import { DATA_FORMATS, type DataFormat, fileStem } from '../../sequences/formats/data-files.ts';
import { columnsRead, type ReadOptions, readDataPath, SequenceError } from '../../sequences/formats/readers.ts';
import type { AlphabetPolicy, LabelledSequence, SplitPolicy } from '../../sequences/labelled-sequence.ts';
import { createReadReport, type OnBadRow, type ReadReport } from '../../sequences/row-faults.ts';
import { defineTask, type TaskDefinition } from '../contracts.ts';
import { unifySpellings } from './label-spellings.ts';
import { guessKind, refuseMissingLabels, sortClasses } from './labels.ts';

/** What the command line says about the data. Plain JSON: it travels to child processes. */
export interface AdhocOptions {
  readonly data: string;
  /** Name of the task on the board. Default: see {@link adhocTaskId}. */
  readonly taskId?: string;
  readonly sequence?: string;
  readonly label?: string;
  readonly id?: string;
  /** Names, with commas between, of the columns of a CSV or TSV file without a header line. */
  readonly columns?: string;
  readonly format?: string;
  readonly kind?: TaskKind;
  readonly metric?: MetricName;
  /** `stratified`, `random`, `cluster`, `group:COLUMN`, or `column:COLUMN` for a column that holds the split itself. */
  readonly split?: string;
  /** Binary: the label that counts as positive. */
  readonly positive?: string;
  /** Multilabel: what stands between labels in one value. */
  readonly separator?: string;
  /** FASTA: a pattern whose first group, found in the header, is the label. */
  readonly labelPattern?: string;
  /** FASTA: a table with the columns `id` and `label` (or those named by --id and --label). */
  readonly labelTable?: string;
  readonly alphabet?: AlphabetPolicy;
  /** A row that cannot be used: refuse (default), or skip and list it. */
  readonly onBadRow?: OnBadRow;
  /** With `split: group:COLUMN`: the groups of the test and validation rows; the others are drawn. */
  readonly testGroups?: readonly string[];
  readonly validGroups?: readonly string[];
}

const DEFAULT_METRIC: Record<TaskKind, MetricName> = {
  binary: 'mcc',
  multiclass: 'mcc',
  multilabel: 'macroF1',
  regression: 'pearson',
  clustering: 'ami',
};

/** `METHOD[:COLUMN]` -> a policy, and the columns that the reader must fetch for it. */
export function parseSplitOption(text: string): { policy?: SplitPolicy; group?: string; split?: string } {
  const [method, ...rest] = text.split(':');
  const column = rest.join(':');
  const wrong = (why: string) =>
    new UsageError(`--split ${text}: ${why}`, 'Use stratified, random, cluster, group:COLUMN or column:COLUMN.');
  if (method === 'group' || method === 'column') {
    if (column === '') throw wrong(`"${method}" needs the name of a column`);
    return method === 'group' ? { policy: { method }, group: column } : { split: column };
  }
  if (method !== 'stratified' && method !== 'random' && method !== 'cluster') throw wrong('there is no such method');
  if (column !== '') throw wrong(`"${method}" takes no column`);
  return { policy: { method } };
}

/** The split policy, named groups included. */
function policyOf({ split, testGroups, validGroups }: AdhocOptions): SplitPolicy | undefined {
  const policy = split === undefined ? undefined : parseSplitOption(split).policy;
  if (testGroups === undefined && validGroups === undefined) return policy;
  if (policy?.method === 'group') return { ...policy, testGroups, validGroups };
  const flag = testGroups === undefined ? '--valid-groups' : '--test-groups';
  throw new UsageError(`${flag} names groups, but the split is not by group`, 'Add --split group:COLUMN.');
}

function readOptions(options: AdhocOptions): ReadOptions {
  const { sequence, label, id, format, labelPattern, labelTable } = options;
  if (format !== undefined && !(DATA_FORMATS as readonly string[]).includes(format)) {
    throw new UsageError(`--format ${format}: there is no such format`, `Use one of: ${DATA_FORMATS.join(', ')}.`);
  }
  const { group, split } = options.split === undefined ? {} : parseSplitOption(options.split);
  const common = {
    columns: options.columns?.split(',').map((name) => name.trim()),
    sequence,
    id,
    format: format as DataFormat | undefined,
    group,
    split,
    duplicateIds: 'suffix' as const,
    onBadRow: options.onBadRow,
  };
  const reading = {
    ...common,
    numericLabels: options.kind === 'regression',
    labelSeparator: options.separator ?? (options.kind === 'multilabel' ? ';' : undefined),
  };
  if (labelPattern !== undefined) return { ...reading, labelFrom: { kind: 'header', pattern: pattern(labelPattern) } };
  if (labelTable !== undefined) {
    return {
      ...reading,
      labelFrom: { kind: 'table', path: resolve(labelTable), id: id ?? 'id', label: label ?? 'label' },
    };
  }
  return { ...reading, label };
}

function pattern(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new UsageError(`--label-pattern ${source}: ${(error as Error).message}`);
  }
}

/** Reads as the options say. Errors name flags where the reader's name options of the same name. */
async function inFlags<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SequenceError)) throw error;
    const said = error.message
      .replace('`labelFrom` the file, a header pattern or a table', '--label-pattern REGEX, or --label-table FILE')
      .replace(/`(sequence|label|id|format)`/g, '--$1')
      .replace('`columns`', '--columns (such as --columns sequence,label)')
      .replace('`numericLabels`', '--kind regression');
    const usage = new UsageError(said);
    usage.cause = error;
    throw usage;
  }
}

/** Where sequences and labels are read from, in words. */
async function stateColumns(path: string, options: ReadOptions): Promise<string> {
  const columns = await columnsRead(path, options);
  if (columns === undefined) return '';
  const labels =
    columns.labels.length === 0 ? '' : `, labels from ${columns.labels.map((name) => `"${name}"`).join(', ')}`;
  return ` Sequences are read from column "${columns.sequence}"${labels}.`;
}

const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/**
 * The task's name: as given; else that of the file or folder, with the label column behind it where that was chosen and is not
 * one of the usual names, so that two label columns of one table are two tasks.
 */
export function adhocTaskId({ data, taskId, label }: AdhocOptions): string {
  if (taskId !== undefined) {
    if (TASK_ID.test(taskId)) return taskId;
    throw new UsageError(
      `--task-id ${taskId}: must begin with a letter or digit and hold only letters, digits, ".", "_", "+" and "-"`,
    );
  }
  const isUsual = label === undefined || (USUAL_COLUMNS.label as readonly string[]).includes(label.toLowerCase());
  const words = [fileStem(resolve(data)), ...(isUsual ? [] : [label])].map((text) =>
    text.replace(/[^A-Za-z0-9._+-]+/g, '-').replace(/^[^A-Za-z0-9]+|-+$/g, ''),
  );
  return words.filter((text) => text !== '').join('-') || 'data';
}

interface ReadRows {
  readonly rows: readonly LabelledSequence[];
  readonly report: ReadReport;
}

async function readRows(path: string, options: AdhocOptions): Promise<ReadRows> {
  const report = createReadReport();
  const rows = await inFlags(() => readDataPath(path, { ...readOptions(options), report }));
  return { rows, report };
}

/** The task that `options` describe. Reads the data once when the kind has to be guessed. */
export async function adhocTask(options: AdhocOptions): Promise<TaskDefinition> {
  const path = resolve(options.data);
  await stat(path).catch((error: unknown) => {
    throw isMissing(error) ? new UsageError(`--data ${options.data}: there is no such file or folder`) : error;
  });
  const split = policyOf(options);
  let firstRead: ReadRows | undefined;
  let kind = options.kind;
  let description = await inFlags(() => stateColumns(path, readOptions(options)));
  if (kind === undefined) {
    firstRead = await readRows(path, options);
    refuseMissingLabels(firstRead.rows);
    const guess = guessKind(unifySpellings(firstRead.rows).map((row) => row.label));
    kind = guess.kind;
    if (kind === 'regression' || kind === 'multilabel') firstRead = undefined; // their labels are read in another way
    description += ` The kind, ${kind}, was guessed: ${guess.reason}; --kind says otherwise.`;
  }
  const settled: AdhocOptions = { ...options, kind };
  const id = adhocTaskId(options);
  return defineTask({
    id,
    title: id,
    description: `Rows of ${fileStem(path)}, given on the command line.${description}`,
    kind,
    metric: options.metric ?? DEFAULT_METRIC[kind],
    classes: await binaryClasses(settled, path, firstRead),
    citation: 'given on the command line',
    licence: 'not stated',
    split,
    alphabet: options.alphabet,
    onBadRow: options.onBadRow,
    async load({ note, skip }) {
      const { rows, report } = firstRead ?? (await readRows(path, settled));
      firstRead = undefined; // rows are kept once, by the caller
      for (const row of report.skipped) skip?.(row);
      if (report.joinedLines > 0)
        note?.(`${report.joinedLines} lines belong to the row before them: a line break inside quotes`);
      return kind === 'regression' ? rows : unifySpellings(rows, note);
    },
  });
}

/** With --positive, the classes in the order negative, positive. */
async function binaryClasses(
  { positive, kind, ...options }: AdhocOptions,
  path: string,
  read: ReadRows | undefined,
): Promise<string[] | undefined> {
  if (positive === undefined) return undefined;
  if (kind !== 'binary')
    throw new UsageError(`--positive ${positive}: this is a ${kind} task`, 'It needs --kind binary.');
  const { rows } = read ?? (await readRows(path, { ...options, kind }));
  const names = sortClasses(unifySpellings(rows).map((row) => String(row.label).trim()));
  if (!names.includes(positive)) {
    throw new UsageError(`--positive ${positive}: no row has this label`, `Labels: ${names.slice(0, 10).join(', ')}.`);
  }
  return [...names.filter((name) => name !== positive), positive];
}
