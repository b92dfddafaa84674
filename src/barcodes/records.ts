/**
 * DNA-barcode records from the files that collections come as: metadata tables (CSV, TSV, JSONL, Parquet; column names in
 * `columns.ts`) and FASTA whose headers are parted by "|". Streams; memory does not grow with the file. A sequence is brought to
 * upper case, its gaps and its trailing N removed (the authors of BarcodeBERT strip the latter too, data/data_split.py). Every row is
 * either a record or counted by the reason why it is none; a record without a species name is counted by the reason as well.
 * Not done: identical barcodes and splits (see `splits.ts`), reading sequences of the other strand.
 */

import { detectFormat, fileStem } from '../sequences/formats/data-files.ts';
import { readFasta } from '../sequences/formats/fasta.ts';
import { openTable } from '../sequences/formats/tables.ts';
import { IdSet } from '../sequences/id-set.ts';
import { type SkippedRow, skippedRow, type TableFault } from '../sequences/row-faults.ts';
import { SequenceError } from '../sequences/sequence-error.ts';
import {
  BARCODE_FIELDS,
  type BarcodeField,
  findBarcodeColumns,
  isGenusName,
  presentText,
  TAXONOMIC_RANKS,
  type TaxonomicRank,
  whyNoSpecies,
} from './columns.ts';

export interface BarcodeRecord extends Readonly<Partial<Record<TaxonomicRank, string>>> {
  /** Unique within what is read with one {@link BarcodeReport}: an id met again has the number of its row added ("ABC01-18#17"). */
  readonly id: string;
  /** Upper case, no gaps, no trailing N. */
  readonly sequence: string;
  readonly marker?: string;
  /** Barcode Index Number, "BOLD:AAA1234". */
  readonly bin?: string;
  readonly identificationRank?: string;
  /** As the collection names it (see `splits.ts`). */
  readonly split?: string;
  readonly source: { readonly file: string; readonly line: number };
}

/** What one part of a FASTA header holds. `name`: "Genus species", or the genus alone. */
export type HeaderPart = 'id' | 'name' | 'marker' | 'other';

export interface BarcodeReadOptions {
  /** Markers kept. Default ["COI-5P"]; files that do not say the marker are taken as they are. "any" keeps all. */
  readonly markers?: readonly string[] | 'any';
  /**
   * `binomial` (default): placeholders such as "Daphnia sp. 2" give a record without species. `given`: names as the collection has
   * them, for collections whose split rests on placeholders (the unseen species of BIOSCAN-5M).
   */
  readonly names?: 'binomial' | 'given';
  /** Columns of a table that has names of its own. */
  readonly columns?: Partial<Record<BarcodeField, string>>;
  /** Fields that must have a column, besides the sequence. */
  readonly required?: readonly BarcodeField[];
  /** Parts of a FASTA header. Default id, name. */
  readonly header?: readonly HeaderPart[];
  /** A table of names by id, for FASTA whose headers lack them; read whole. */
  readonly namesFrom?: string;
  /** The split of every record of this file. */
  readonly split?: string;
}

/** What became of the rows read; counts add up over files read with the same report. */
export interface BarcodeReport {
  rows: number;
  records: number;
  /** Rows that gave no record, by reason. rows = records + the sum of these. */
  readonly removed: Record<string, number>;
  /** Of those removed because they could not be read: where and why. */
  readonly unreadable: SkippedRow[];
  /** Of those removed for their marker: rows by marker. */
  readonly otherMarkers: Record<string, number>;
  /** Records without a species name, by reason. */
  readonly unnamed: Record<string, number>;
  readonly ids: IdSet;
}

export function createBarcodeReport(): BarcodeReport {
  return { rows: 0, records: 0, removed: {}, unreadable: [], otherMarkers: {}, unnamed: {}, ids: new IdSet() };
}

/** Adds one to a count. */
export function countUp(counts: Record<string, number>, reason: string, by = 1): void {
  counts[reason] = (counts[reason] ?? 0) + by;
}

const ABSENT = 'no species given';
const UNREADABLE = 'unreadable (such as a record broken over lines)';
/** The marker of a row whose file says markers, but not this one's. */
const NOT_STATED = 'not stated';

/** A row of any format: its fields as text, not yet judged. */
interface RawBarcode {
  readonly line: number;
  readonly fields: Partial<Record<BarcodeField, string>>;
}

/**
 * Records of one file in its order.
 * @throws SequenceError naming file, line, field and the columns looked for.
 */
export async function* readBarcodes(
  path: string,
  options: BarcodeReadOptions = {},
  report: BarcodeReport = createBarcodeReport(),
): AsyncGenerator<BarcodeRecord> {
  const markers = options.markers ?? ['COI-5P'];
  const table = options.namesFrom === undefined ? undefined : await readNames(options.namesFrom);
  const own = interner();
  const rows = (await detectFormat(path)) === 'fasta' ? fastaRows(path, options) : tableRows(path, options);
  for await (const row of rows) {
    report.rows++;
    if ('fault' in row) {
      countUp(report.removed, UNREADABLE);
      report.unreadable.push(skippedRow(row.fault));
      continue;
    }
    const { line, fields } = row;
    const sequence = barcodeLetters(fields.sequence);
    if (sequence === '') {
      countUp(report.removed, 'no sequence');
      continue;
    }
    const { marker } = fields;
    if (markers !== 'any' && marker !== undefined && !markers.includes(marker)) {
      countUp(report.removed, 'another marker');
      countUp(report.otherMarkers, own(marker));
      continue;
    }
    const written = fields.id?.replace(/^>/, '') ?? `${fileStem(path)}:${line}`;
    const id = report.ids.add(written, line) === undefined ? written : `${written}#${report.rows}`;
    const names = table?.get(written) ?? fields;
    if (table !== undefined && !table.has(written)) countUp(report.removed, 'not in the table of names');
    else {
      report.records++;
      yield {
        id: copied(id),
        sequence,
        ...judgedNames(names, options.names ?? 'binomial', own, report),
        ...optional('marker', marker, own),
        ...optional('bin', fields.bin, own),
        ...optional('identificationRank', fields.identificationRank, own),
        ...optional('split', options.split ?? fields.split, own),
        source: { file: path, line },
      };
    }
  }
}

/** The sequence in upper case, without gaps and without the N at its end; "" where nothing but N is left. A string of its own. */
function barcodeLetters(text: string | undefined): string {
  if (text === undefined) return '';
  const plain = (/[-. a-z]/.test(text) ? text.replace(/[-. ]/g, '') : text).toUpperCase();
  let end = plain.length;
  while (end > 0 && plain[end - 1] === 'N') end--;
  return copied(plain.slice(0, end));
}

/** A copy that does not keep the text it was cut from in memory, as a slice of a line would. */
function copied(text: string): string {
  return Buffer.from(text).toString();
}

/** Gives equal texts as one string, kept apart from the lines that they were read from. */
function interner(): (text: string) => string {
  const kept = new Map<string, string>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const copy = copied(text);
    kept.set(copy, copy);
    return copy;
  };
}

function optional<K extends string>(key: K, value: string | undefined, own: (text: string) => string) {
  return (value === undefined ? {} : { [key]: own(value) }) as Partial<Record<K, string>>;
}

/** Names of every rank that hold; the genus is taken from the species where the table has none. */
function judgedNames(
  fields: RawBarcode['fields'],
  rule: 'binomial' | 'given',
  own: (text: string) => string,
  report: BarcodeReport,
): Partial<Record<TaxonomicRank, string>> {
  const names: Partial<Record<TaxonomicRank, string>> = {};
  for (const rank of TAXONOMIC_RANKS) {
    const value = fields[rank];
    if (value !== undefined) names[rank] = own(value);
  }
  const problem = names.species === undefined ? ABSENT : rule === 'binomial' ? whyNoSpecies(names.species) : undefined;
  if (problem !== undefined) {
    countUp(report.unnamed, problem);
    delete names.species;
  }
  if (rule === 'binomial' && names.genus !== undefined && !isGenusName(names.genus)) delete names.genus;
  if (names.genus === undefined && names.species !== undefined) names.genus = own(names.species.split(/\s/, 1)[0]);
  return names;
}

async function* tableRows(path: string, options: BarcodeReadOptions): AsyncGenerator<RawBarcode | TableFault> {
  yield* rowsOfTable(path, options.columns ?? {}, ['sequence', ...(options.required ?? [])]);
}

async function* rowsOfTable(
  path: string,
  named: Partial<Record<BarcodeField, string>>,
  required: readonly BarcodeField[],
): AsyncGenerator<RawBarcode | TableFault> {
  const format = await detectFormat(path);
  if (format === 'fasta') throw new SequenceError('is FASTA; give a table', { file: path });
  const table = await openTable(path, format);
  const at = findBarcodeColumns(table.columns, path, named, required);
  const present = BARCODE_FIELDS.filter((field) => at[field] !== undefined);
  for await (const row of table.select(present.map((field) => at[field] ?? 0))) {
    if ('fault' in row) {
      yield row;
      continue;
    }
    const { line, values } = row;
    const fields: Partial<Record<BarcodeField, string>> = {};
    for (let i = 0; i < present.length; i++) {
      const value = presentText(values[i]);
      if (value !== undefined) fields[present[i]] = value;
      else if (present[i] === 'marker') fields.marker = NOT_STATED;
    }
    yield { line, fields };
  }
}

async function* fastaRows(path: string, options: BarcodeReadOptions): AsyncGenerator<RawBarcode> {
  const parts = options.header ?? ['id', 'name'];
  for await (const { header, sequence, line } of readFasta(path)) {
    const values = header.split('|').map((part) => presentText(part));
    const of = (part: HeaderPart) => values[parts.indexOf(part)];
    const name = parts.includes('name') ? of('name') : undefined;
    if (parts.includes('name') && values.length <= parts.indexOf('name')) {
      throw new SequenceError(
        `the header ">${header}" has ${values.length} part(s) between "|"; looked for ${parts.join(' | ')}`,
        { file: path, line },
      );
    }
    const fields: Partial<Record<BarcodeField, string>> = { sequence };
    const id = of('id');
    if (id !== undefined) fields.id = id;
    if (parts.includes('marker')) fields.marker = of('marker') ?? NOT_STATED;
    if (name !== undefined) fields.genus = name.split(/\s/, 1)[0];
    if (name !== undefined && /\s/.test(name)) fields.species = name;
    yield { line, fields };
  }
}

/** Names by id. Of an id met twice the first row holds. */
async function readNames(path: string): Promise<Map<string, RawBarcode['fields']>> {
  const names = new Map<string, RawBarcode['fields']>();
  for await (const row of rowsOfTable(path, {}, ['id'])) {
    if ('fault' in row) throw row.fault;
    const { fields, line } = row;
    if (fields.id === undefined) throw new SequenceError('the id is empty; fill it in', { file: path, line });
    if (!names.has(fields.id)) names.set(fields.id, fields);
  }
  return names;
}
