/**
 * From files to labelled sequences: FASTA, CSV, TSV, JSONL and Parquet, plain or gzip, one row at a time. Letters are left as
 * written (see `alphabet.ts`). A row that cannot be read is a SequenceError "path:line: what; remedy", or, on request, skipped and
 * listed; rows in = rows out + rows skipped is checked. Memory does not grow with the file, but for about 24 bytes per row by
 * which duplicate ids are found.
 */
import { basename } from 'node:path';
import { applyAlphabet } from '../alphabet.ts';
import { IdSet } from '../id-set.ts';
import type { AlphabetPolicy, Label, LabelledSequence, SplitName } from '../labelled-sequence.ts';
import { checkRowCount, createReadReport, skipOrThrow } from '../row-faults.ts';
import { SequenceError } from '../sequence-error.ts';
import { columnIndex, labelIndices, parseLabel, parseSplit, sequenceIndex } from './columns.ts';
import { detectFormat, findDataFiles } from './data-files.ts';
import { fastaRows, type LabelSource, type RawRow, type ReadOptions, tableRows } from './raw-rows.ts';
import { openTable } from './tables.ts';

export { SequenceError } from '../sequence-error.ts';
export type { LabelSource, ReadOptions } from './raw-rows.ts';

export interface PlainSequence {
  readonly id: string;
  readonly sequence: string;
  readonly source: { readonly file: string; readonly line: number };
}

/**
 * Rows of one file in its order, each with its label.
 * @throws SequenceError naming file and line.
 */
export async function* readLabelled(path: string, options: ReadOptions = {}): AsyncGenerator<LabelledSequence> {
  const labels = options.labelFrom?.kind === 'table' ? await readLabelTable(options.labelFrom, options) : undefined;
  const finish = (raw: RawRow, id: string): LabelledSequence => {
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
    return {
      id,
      sequence: raw.sequence,
      label,
      ...(group === undefined ? {} : { group }),
      ...(split === undefined ? {} : { split }),
      source: at,
    };
  };
  yield* readRows(path, options, true, finish);
}

/**
 * Rows of one file in its order; labels are not looked for. Letters are left as written unless an alphabet is given.
 * @throws SequenceError naming file and line.
 */
export async function* readSequences(
  path: string,
  options: ReadOptions & { readonly alphabet?: AlphabetPolicy } = {},
): AsyncGenerator<PlainSequence> {
  const { alphabet } = options;
  yield* readRows(path, options, false, ({ sequence, line }, id) => {
    const source = { file: path, line };
    return { id, sequence: alphabet ? applyAlphabet(sequence, alphabet, source).sequence : sequence, source };
  });
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

/** Rows of one file, each brought to its final form by `finish`, which throws for a row that cannot be used. */
async function* readRows<T>(
  path: string,
  options: ReadOptions,
  labelled: boolean,
  finish: (raw: RawRow, id: string) => T,
): AsyncGenerator<T> {
  const format = options.format ?? (await detectFormat(path));
  if (options.columns !== undefined && format !== 'csv' && format !== 'tsv') {
    throw new SequenceError(`\`columns\` names the columns of CSV and TSV files; this is ${format}`, { file: path });
  }
  const total = options.report ?? createReadReport();
  const report = createReadReport();
  const rows =
    format === 'fasta' ? fastaRows(path, options, labelled) : tableRows(path, { ...options, format, report }, labelled);
  const ids = new IdSet();
  for await (const raw of rows) {
    report.rows++;
    let row: T;
    try {
      if ('fault' in raw) throw raw.fault;
      row = finish(raw, uniqueId(raw, { path, row: report.rows, ids }, options.duplicateIds));
    } catch (error) {
      skipOrThrow(error, options.onBadRow, report);
      continue;
    }
    report.kept++;
    yield row;
  }
  checkRowCount(report, path);
  if (report.kept === 0) {
    const [first] = report.skipped;
    const skipped = first === undefined ? '' : ` (${report.rows} skipped, the first for: ${first.reason})`;
    throw new SequenceError(`no rows${skipped}; give a file with at least one sequence`, { file: path });
  }
  total.rows += report.rows;
  total.kept += report.kept;
  for (const row of report.skipped) total.skipped.push(row);
  total.joinedLines += report.joinedLines;
}

/** The row's id, or `file:row` where it has none; an id met before is refused or made unique by its line. */
function uniqueId(
  raw: RawRow,
  { path, row, ids }: { path: string; row: number; ids: IdSet },
  duplicates: ReadOptions['duplicateIds'],
): string {
  const id = raw.id ?? `${fileName(path)}:${row}`;
  const at = { file: path, line: raw.line };
  const before = ids.add(id, raw.line);
  if (before === undefined) return id;
  const suffixed = `${id}#${raw.line}`;
  if (duplicates === 'suffix' && ids.add(suffixed, raw.line) === undefined) return suffixed;
  throw duplicateId(id, at, before);
}

async function readLabelTable(
  source: Extract<LabelSource, { kind: 'table' }>,
  options: ReadOptions,
): Promise<Map<string, Label | undefined>> {
  const format = await detectFormat(source.path);
  if (format === 'fasta') throw new SequenceError('is FASTA; give a table with ids and labels', { file: source.path });
  const table = await openTable(source.path, format);
  const idAt = columnIndex(table.columns, source.id, 'id', source.path);
  const labelAt = columnIndex(table.columns, source.label, 'label', source.path);
  const labels = new Map<string, Label | undefined>();
  for await (const row of table.select([idAt, labelAt])) {
    if ('fault' in row) throw row.fault;
    const { line, values } = row;
    const at = { file: source.path, line };
    const id = String(values[0] ?? '').trim();
    if (labels.has(id)) throw duplicateId(id, at, undefined);
    const missing = values[1] === undefined || values[1] === null || values[1] === '';
    labels.set(id, missing ? undefined : parseLabel(values[1], options, at)); // matters only if a sequence asks for it
  }
  return labels;
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
