/** Rows of FASTA and of tables brought to one form: a sequence, and how to find its label, group and split. A row that cannot be read is a fault. */
import type { Label } from '../labelled-sequence.ts';
import type { OnBadRow, ReadReport, TableValues } from '../row-faults.ts';
import { SequenceError } from '../sequence-error.ts';
import { columnIndex, guessColumn, labelIndices, parseLabel, parseLabelColumns, sequenceIndex } from './columns.ts';
import { type DataFormat, fileStem } from './data-files.ts';
import { fastaId, headerValue, readFasta } from './fasta.ts';
import { openTable } from './tables.ts';

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
  /** A row that cannot be read: refuse (default), or skip it and list it in `report`. */
  readonly onBadRow?: OnBadRow;
  /** Counts of what is read; one for several files adds them up. */
  readonly report?: ReadReport;
}

/** What every format is brought to: a sequence, and how to find its fields by role. */
export interface RawRow {
  readonly id: string | undefined;
  readonly sequence: string;
  readonly line: number;
  label(): Label;
  readonly group: unknown;
  readonly split: unknown;
}

/** A row, or why it cannot be read. */
export type RawOrFault = RawRow | { readonly fault: SequenceError };

export async function* fastaRows(path: string, options: ReadOptions, labelled: boolean): AsyncGenerator<RawOrFault> {
  const { labelFrom, label, group, split } = options;
  if (labelled && labelFrom === undefined && label === undefined) {
    throw new SequenceError(
      'FASTA has no label column; say where labels come from: `label` (a key in the headers, as in "class=1"), or `labelFrom` the file, a header pattern or a table',
      { file: path },
    );
  }
  const byFile = fileStem(path);
  const faults: SequenceError[] = [];
  for await (const { header, sequence, line } of readFasta(path, (fault) => faults.push(fault))) {
    for (const fault of faults.splice(0)) yield { fault };
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
  for (const fault of faults) yield { fault };
}

export async function* tableRows(
  path: string,
  options: ReadOptions & { readonly format: Exclude<DataFormat, 'fasta'>; readonly report: ReadReport },
  labelled: boolean,
): AsyncGenerator<RawOrFault> {
  const { columns, select, joinedLines } = await openTable(path, options.format, options.columns);
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
  const value = (row: TableValues, index: number | undefined) =>
    index === undefined ? undefined : row.values[chosen.indexOf(index)];

  for await (const row of select(chosen)) {
    options.report.joinedLines = joinedLines();
    if ('fault' in row) {
      yield row;
      continue;
    }
    const at = { file: path, line: row.line };
    const sequence = value(row, sequenceAt);
    if (typeof sequence !== 'string' || sequence.trim() === '') {
      const isEmpty = sequence === null || sequence === undefined || typeof sequence === 'string';
      const what = `the sequence (column "${columns[sequenceAt]}") is ${isEmpty ? 'empty' : 'no text'}; fill it in or remove the row`;
      yield { fault: new SequenceError(what, at) };
      continue;
    }
    const id = idAt === undefined ? undefined : String(value(row, idAt) ?? '').trim();
    if (id === '') {
      const what = `the id (column "${columns[idAt ?? 0]}") is empty; fill it in`;
      yield { fault: new SequenceError(what, at) };
      continue;
    }
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

function matched(header: string, pattern: RegExp): string | undefined {
  const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(header);
  return match?.groups?.label ?? match?.[1] ?? match?.[0];
}
