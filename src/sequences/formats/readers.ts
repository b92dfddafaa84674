/**
 * From files to labelled sequences: FASTA, CSV, TSV, JSONL and Parquet, plain or gzip, one row at a time. Letters are left as
 * written (see `alphabet.ts`); rows are never dropped: what cannot be read is a SequenceError "path:line: what; remedy".
 * Memory does not grow with the file, but for about 24 bytes per row by which duplicate ids are found.
 */
import { basename } from 'node:path';
import { IdSet } from '../id-set.ts';
import type { Label, LabelledSequence, SplitName } from '../labelled-sequence.ts';
import { SequenceError } from '../sequence-error.ts';
import {
  columnIndex,
  guessColumn,
  labelIndices,
  parseLabel,
  parseLabelColumns,
  parseSplit,
  sequenceIndex,
} from './columns.ts';
import { type DataFormat, detectFormat, fileStem, findDataFiles } from './data-files.ts';
import { fastaId, headerValue, readFasta } from './fasta.ts';
import { openTable } from './table.ts';
import type { TableRow } from './table-types.ts';

export { SequenceError } from '../sequence-error.ts';

/** Where labels come from when not from a column: the file's name, a FASTA header, or another table. */
export type LabelSource =
  | { readonly kind: 'file' }
  /** The group named "label", else the first group, of the pattern in the header (the line after ">"). */
  | { readonly kind: 'header'; readonly pattern: RegExp }
  /** The row of a table (CSV, TSV, JSONL, Parquet) with the sequence's id; rows of other ids are allowed. */
  | { readonly kind: 'table'; readonly path: string; readonly id: string; readonly label: string };

export interface ReadOptions {
  /** Default: by the file's ending, .gz stripped; else by its first bytes. */
  readonly format?: DataFormat;
  /** Column of the sequence. Default: a usual name. */
  readonly sequence?: string;
  /**
   * Column of the label; several with commas between are targets of a regression or 0/1 flags of a multilabel task.
   * In FASTA: the key of a "key=value" or "key:value" in the header. Default: a usual name.
   */
  readonly label?: string;
  /** Column of the id. Default: "id" where there is one, else `file:row` is made. In FASTA the header's first word. */
  readonly id?: string;
  /** Column (FASTA: header key) of the group that a group split keeps together. */
  readonly group?: string;
  /** Column (FASTA: header key) of the split: train, valid (validation, val, dev) or test. Read only when named here. */
  readonly split?: string;
  /** Names of the columns of a CSV or TSV file without a header line. */
  readonly columns?: readonly string[];
  /** Labels are numbers (regression); else class names. */
  readonly numericLabels?: boolean;
  /** Several labels in one value, with this between (multilabel; with numericLabels several targets). */
  readonly labelSeparator?: string;
  readonly labelFrom?: LabelSource;
  /** An id met again: refuse (default), or make it unique by its line ("id#17"). */
  readonly duplicateIds?: 'error' | 'suffix';
}

export interface PlainSequence {
  readonly id: string;
  readonly sequence: string;
  readonly source: { readonly file: string; readonly line: number };
}

/** What every format is brought to: a sequence, and how to find its fields by role. */
interface RawRow {
  readonly id: string | undefined;
  readonly sequence: string;
  readonly line: number;
  label(): Label;
  readonly group: unknown;
  readonly split: unknown;
}

/**
 * Rows of one file in its order, each with its label.
 * @throws SequenceError naming file and line.
 */
export async function* readLabelled(path: string, options: ReadOptions = {}): AsyncGenerator<LabelledSequence> {
  const labels = options.labelFrom?.kind === 'table' ? await readLabelTable(options.labelFrom, options) : undefined;
  for await (const { raw, id } of readRows(path, options, true)) {
    const at = { file: path, line: raw.line };
    const label = labels === undefined ? raw.label() : labels.get(raw.id ?? id);
    if (label === undefined) {
      throw new SequenceError(
        `no label for id "${raw.id ?? id}" in the labels table; add it or remove the sequence`,
        at,
      );
    }
    const group = options.group === undefined ? undefined : String(raw.group ?? '').trim();
    if (group === '') throw new SequenceError(`the group "${options.group}" is missing; fill it in`, at);
    const split = options.split === undefined ? undefined : parseSplit(raw.split, at);
    yield {
      id,
      sequence: raw.sequence,
      label,
      ...(group === undefined ? {} : { group }),
      ...(split === undefined ? {} : { split }),
      source: at,
    };
  }
}

/**
 * Rows of one file in its order; labels are not looked for.
 * @throws SequenceError naming file and line.
 */
export async function* readSequences(path: string, options: ReadOptions = {}): AsyncGenerator<PlainSequence> {
  for await (const { raw, id } of readRows(path, options, false)) {
    yield { id, sequence: raw.sequence, source: { file: path, line: raw.line } };
  }
}

/**
 * A whole data set, from one file or a folder (see `data-files.ts` for layouts). Where file names give the split it is set; where
 * they give the class and no other source of labels is named, it is the label. An id met in two files gets the later file's name before it.
 * @throws SequenceError naming file and line.
 */
export async function readDataPath(path: string, options: ReadOptions = {}): Promise<LabelledSequence[]> {
  const ignore = options.labelFrom?.kind === 'table' ? [options.labelFrom.path] : [];
  const files = await findDataFiles(path, ignore);
  const rows: LabelledSequence[] = [];
  const ids = new Set<string>();
  for (const file of files) {
    const ownLabels = options.labelFrom === undefined && options.label === undefined;
    const byClass = file.className !== undefined && ownLabels;
    const fileOptions: ReadOptions = byClass ? { ...options, labelFrom: { kind: 'file' } } : options;
    for await (const row of readLabelled(file.path, fileOptions)) {
      let id = row.id;
      if (ids.has(id)) id = `${fileName(file.path)}:${id}`;
      if (ids.has(id)) throw duplicateId(id, row.source, undefined);
      ids.add(id);
      const label = byClass && file.className !== undefined ? file.className : row.label;
      const split: SplitName | undefined = row.split ?? file.split;
      rows.push({ ...row, id, label, ...(split === undefined ? {} : { split }) });
    }
  }
  return rows;
}

/** Names of the columns that {@link readDataPath} reads sequences and labels from; undefined for FASTA. Reads the first file's header only. */
export async function columnsRead(
  path: string,
  options: ReadOptions = {},
): Promise<{ readonly sequence: string; readonly labels: readonly string[] } | undefined> {
  const ignore = options.labelFrom?.kind === 'table' ? [options.labelFrom.path] : [];
  const [first] = await findDataFiles(path, ignore);
  const format = options.format ?? (await detectFormat(first.path));
  if (format === 'fasta') return undefined;
  const { columns } = await openTable(first.path, format, options.columns);
  const sequenceAt = sequenceIndex(columns, options.sequence, first.path);
  const labelled = options.labelFrom === undefined && (options.label !== undefined || first.className === undefined);
  const labelsAt = labelled ? labelIndices(columns, options.label, sequenceAt, first.path) : [];
  return { sequence: columns[sequenceAt], labels: labelsAt.map((index) => columns[index]) };
}

async function* readRows(
  path: string,
  options: ReadOptions,
  labelled: boolean,
): AsyncGenerator<{ raw: RawRow; id: string }> {
  const format = options.format ?? (await detectFormat(path));
  if (options.columns !== undefined && format !== 'csv' && format !== 'tsv') {
    throw new SequenceError(`\`columns\` names the columns of CSV and TSV files; this is ${format}`, { file: path });
  }
  const rows = format === 'fasta' ? fastaRows(path, options, labelled) : tableRows(path, format, options, labelled);
  const ids = new IdSet();
  let count = 0;
  for await (const raw of rows) {
    count++;
    let id = raw.id ?? `${fileName(path)}:${count}`;
    const at = { file: path, line: raw.line };
    const before = ids.add(id, raw.line);
    if (before !== undefined) {
      if (options.duplicateIds !== 'suffix') throw duplicateId(id, at, before);
      id = `${id}#${raw.line}`;
      if (ids.add(id, raw.line) !== undefined) throw duplicateId(id, at, before);
    }
    yield { raw, id };
  }
  if (count === 0) throw new SequenceError('no rows; give a file with at least one sequence', { file: path });
}

async function* fastaRows(path: string, options: ReadOptions, labelled: boolean): AsyncGenerator<RawRow> {
  const { labelFrom, label, group, split } = options;
  if (labelled && labelFrom === undefined && label === undefined) {
    throw new SequenceError(
      'FASTA has no label column; say where labels come from: `label` (a key in the headers, as in "class=1"), or `labelFrom` the file, a header pattern or a table',
      { file: path },
    );
  }
  const byFile = fileStem(path);
  for await (const { header, sequence, line } of readFasta(path)) {
    const at = { file: path, line };
    yield {
      id: fastaId(header),
      sequence,
      line,
      label: () => {
        if (labelFrom?.kind === 'file') return byFile;
        const value =
          labelFrom?.kind === 'header' ? matched(header, labelFrom.pattern) : headerValue(header, label ?? '');
        if (value !== undefined) return parseLabel(value, options, at);
        const wanted = labelFrom?.kind === 'header' ? `a match of ${labelFrom.pattern}` : `"${label}=..."`;
        throw new SequenceError(
          `no label: the header ">${header}" has not ${wanted}; correct the pattern or the header`,
          at,
        );
      },
      group: group === undefined ? undefined : headerValue(header, group),
      split: split === undefined ? undefined : headerValue(header, split),
    };
  }
}

async function* tableRows(
  path: string,
  format: Exclude<DataFormat, 'fasta'>,
  options: ReadOptions,
  labelled: boolean,
): AsyncGenerator<RawRow> {
  const { columns, select } = await openTable(path, format, options.columns);
  const optional = (name: string | undefined, what: string) =>
    name === undefined ? undefined : columnIndex(columns, name, what, path);
  const sequenceAt = sequenceIndex(columns, options.sequence, path);
  const idAt = optional(options.id, 'id') ?? guessColumn(columns, 'id', path);
  const groupAt = optional(options.group, 'group');
  const splitAt = optional(options.split, 'split');
  const fromColumn = labelled && options.labelFrom === undefined;
  const labelsAt = fromColumn ? labelIndices(columns, options.label, sequenceAt, path) : [];
  if (labelled && options.labelFrom?.kind === 'header') {
    throw new SequenceError('labels from a header pattern are for FASTA; name the label column', { file: path });
  }
  const wanted = [sequenceAt, idAt, groupAt, splitAt, ...labelsAt].filter((index) => index !== undefined);
  const chosen = [...new Set(wanted)];
  const labelNames = labelsAt.map((index) => columns[index]);
  const value = (row: TableRow, index: number | undefined) =>
    index === undefined ? undefined : row.values[chosen.indexOf(index)];

  for await (const row of select(chosen)) {
    const at = { file: path, line: row.line };
    const sequence = value(row, sequenceAt);
    if (typeof sequence !== 'string' || sequence.trim() === '') {
      const found = sequence === '' || sequence === null || sequence === undefined ? 'empty' : 'no text';
      throw new SequenceError(
        `the sequence (column "${columns[sequenceAt]}") is ${found}; fill it in or remove the row`,
        at,
      );
    }
    const id = idAt === undefined ? undefined : String(value(row, idAt) ?? '').trim();
    if (id === '') throw new SequenceError(`the id (column "${columns[idAt ?? 0]}") is empty; fill it in`, at);
    yield {
      id,
      sequence: sequence.trim(),
      line: row.line,
      label: () => {
        if (!fromColumn) return fileStem(path);
        if (labelsAt.length === 1) return parseLabel(value(row, labelsAt[0]), options, at);
        const values = labelsAt.map((index) => value(row, index));
        return parseLabelColumns(values, labelNames, options, at);
      },
      group: value(row, groupAt),
      split: value(row, splitAt),
    };
  }
}

async function readLabelTable(
  source: Extract<LabelSource, { kind: 'table' }>,
  options: ReadOptions,
): Promise<Map<string, Label | undefined>> {
  const format = await detectFormat(source.path);
  if (format === 'fasta') throw new SequenceError('is FASTA; give a table with ids and labels', { file: source.path });
  const table = await openTable(source.path, format, undefined);
  const idAt = columnIndex(table.columns, source.id, 'id', source.path);
  const labelAt = columnIndex(table.columns, source.label, 'label', source.path);
  const labels = new Map<string, Label | undefined>();
  for await (const { line, values } of table.select([idAt, labelAt])) {
    const at = { file: source.path, line };
    const id = String(values[0] ?? '').trim();
    if (labels.has(id)) throw duplicateId(id, at, undefined);
    const missing = values[1] === undefined || values[1] === null || values[1] === '';
    labels.set(id, missing ? undefined : parseLabel(values[1], options, at)); // matters only if a sequence asks for it
  }
  return labels;
}

function matched(header: string, pattern: RegExp): string | undefined {
  const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(header);
  return match?.groups?.label ?? match?.[1] ?? match?.[0];
}

/** The name that made ids start with: the same whether or not the file is gzip'd, and wherever it lies. */
function fileName(path: string): string {
  return basename(path).replace(/\.b?gz$/i, '');
}

function duplicateId(
  id: string,
  at: { file: string; line: number } | undefined,
  before: number | undefined,
): SequenceError {
  const first = before === undefined ? '' : ` (first on line ${before})`;
  return new SequenceError(
    `duplicate id "${id}"${first}; make ids unique, read another column as \`id\`, or set duplicateIds: "suffix"`,
    at,
  );
}
