/**
 * The sequences of files as pre-training takes them: one at a time, each once, without those that must not be seen. Either any
 * sequences (FASTA, tables; what cannot be read is an error) or barcode collections (rows that are no barcode are counted). Two
 * sequences are the same when they are so in upper case, U read as T, gaps and the N at the end removed; the other strand is not looked at.
 * Of what was read every row is kept or counted by the reason why not. Memory: the hashes of `sequence-set.ts`, and of the readers.
 */

import {
  type BarcodeReadOptions,
  type BarcodeRecord,
  countUp,
  createBarcodeReport,
  readBarcodes,
} from '../barcodes/records.ts';
import { type BarcodePart, BarcodeSet, barcodesOfPart } from '../barcodes/splits.ts';
import { applyAlphabet } from '../sequences/alphabet.ts';
import { readSequences } from '../sequences/formats/readers.ts';
import type { AlphabetPolicy } from '../sequences/labelled-sequence.ts';
import { createReadReport, type OnBadRow } from '../sequences/row-faults.ts';
import { SequenceSet } from '../sequences/sequence-set.ts';

export interface PretrainFiles {
  readonly files: readonly string[];
  /** Column of the sequence in tables. Default: a usual name. */
  readonly column?: string;
  /** Default: DNA, gaps and unknown letters refused. Not with `barcodes`, whose rows are judged one by one. */
  readonly alphabet?: AlphabetPolicy;
  /** A row that cannot be read: refuse (default), or leave out and count. */
  readonly onBadRow?: OnBadRow;
  /** Read as barcode collections: gaps and trailing N removed, other markers and rows without a sequence left out. */
  readonly barcodes?: boolean;
  /** Markers of barcode collections that say them. Default COI-5P. */
  readonly markers?: readonly string[] | 'any';
  /** One part of barcode collections with given splits; each barcode counts once in the whole collection. Implies `barcodes`. */
  readonly part?: BarcodePart;
  /** Files of sequences that are left out, read with the same column. */
  readonly exclude?: readonly string[];
  /** Identical sequences count as often as they are there. Default false. Not with `part`. */
  readonly keepDuplicates?: boolean;
}

/** What was read and what became of it: rows = kept + the sum of `leftOut`. */
export interface PretrainFilesReport {
  readonly files: readonly string[];
  readonly exclude: readonly string[];
  readonly part?: BarcodePart;
  rows: number;
  kept: number;
  readonly leftOut: Record<string, number>;
  /** Different sequences in the files to exclude. */
  excludable: number;
}

const SAME = 'identical to one before';
const EXCLUDED = 'in a file to exclude';
const SKIPPED = 'not readable (--on-bad-row skip)';
const GENERAL: AlphabetPolicy = { alphabet: 'dna' };
/** Collections have a few letters that are none; a k-mer with one is unknown anyway. */
const COLLECTION: AlphabetPolicy = { alphabet: 'dna', unknown: 'n' };

/**
 * The sequences, and the report that fills while they are read.
 * @throws SequenceError naming file and line; Error for `keepDuplicates` with a part.
 */
export function pretrainSequences(options: PretrainFiles): {
  readonly sequences: AsyncIterable<string>;
  readonly report: PretrainFilesReport;
} {
  const { files, exclude = [], part } = options;
  if (part !== undefined && options.keepDuplicates)
    throw new Error('a part of a collection has each barcode once in the whole collection: duplicates cannot be kept');
  const report: PretrainFilesReport = { files, exclude, part, rows: 0, kept: 0, leftOut: {}, excludable: 0 };
  return { sequences: read(options, report), report };
}

const isCollection = ({ barcodes, part }: PretrainFiles) => barcodes === true || part !== undefined;

async function* read(options: PretrainFiles, report: PretrainFilesReport): AsyncGenerator<string> {
  const excluded = await excludedSequences(options);
  report.excludable = excluded.size;
  // Of a part the collection's own de-duplication has left each once.
  const distinct = options.keepDuplicates || options.part !== undefined ? undefined : new SequenceSet();
  const source = isCollection(options) ? collections(options, report) : anySequences(options, report);
  for await (const sequence of source) {
    const same = comparable(sequence);
    if (excluded.has(same)) countUp(report.leftOut, EXCLUDED);
    else if (distinct && !distinct.add(same)) countUp(report.leftOut, SAME);
    else {
      report.kept++;
      yield sequence;
    }
  }
}

async function* anySequences(options: PretrainFiles, report: PretrainFilesReport): AsyncGenerator<string> {
  const { files, column, onBadRow, alphabet = GENERAL } = options;
  for (const file of files) {
    const read = createReadReport();
    const reading = { sequence: column, duplicateIds: 'suffix', onBadRow, alphabet, report: read } as const;
    for await (const { sequence } of readSequences(file, reading)) {
      report.rows++;
      yield sequence;
    }
    const skipped = read.skipped.length;
    report.rows += skipped;
    if (skipped > 0) countUp(report.leftOut, SKIPPED, skipped);
  }
}

async function* collections(options: PretrainFiles, report: PretrainFilesReport): AsyncGenerator<string> {
  const { files, part } = options;
  const read = createBarcodeReport();
  const records = async function* (): AsyncGenerator<BarcodeRecord> {
    for (const file of files) yield* readBarcodes(file, barcodeOptions(options, options.markers), read);
  };
  const distinct = new BarcodeSet();
  let given = 0;
  for await (const { sequence, source } of part === undefined ? records() : barcodesOfPart(records(), part, distinct)) {
    given++;
    yield applyAlphabet(sequence, COLLECTION, `${source.file}:${source.line}`).sequence;
  }
  report.rows = read.rows;
  for (const [reason, count] of Object.entries(read.removed)) countUp(report.leftOut, reason, count);
  if (part === undefined) return;
  const { duplicates } = distinct.counts;
  if (duplicates > 0) countUp(report.leftOut, SAME, duplicates);
  const elsewhere = read.records - duplicates - given;
  if (elsewhere > 0) countUp(report.leftOut, 'of another part', elsewhere);
}

/** Names are not read from headers, so that any FASTA will do. */
function barcodeOptions({ column, part }: PretrainFiles, markers: PretrainFiles['markers']): BarcodeReadOptions {
  const columns = column === undefined ? {} : { sequence: column };
  return { markers, header: ['id'], columns, required: part === undefined ? [] : ['split'] };
}

async function excludedSequences({ exclude = [], ...options }: PretrainFiles): Promise<SequenceSet> {
  const found = new SequenceSet();
  for (const file of exclude) {
    const rows = isCollection(options)
      ? readBarcodes(file, barcodeOptions({ ...options, part: undefined }, 'any'))
      : readSequences(file, { sequence: options.column, duplicateIds: 'suffix' });
    for await (const { sequence, source } of rows) {
      const where = `${source.file}:${source.line}`;
      found.add(comparable(applyAlphabet(sequence, { ...COLLECTION, gaps: 'remove' }, where).sequence));
    }
  }
  return found;
}

/** What identity of sequences is judged by. */
function comparable(sequence: string): string {
  let end = sequence.length;
  while (end > 0 && sequence[end - 1] === 'N') end--;
  return end === sequence.length ? sequence : sequence.slice(0, end);
}
