/**
 * Reads the sequences of files for pre-training: one at a time, each once, without excluded ones.
 * Input is any sequence file (FASTA, tables; an unreadable row is an error) or barcode collections
 * (rows that are not barcodes are counted). Two sequences are identical when they are equal in
 * upper case, with U read as T, gaps and trailing N removed; the other strand is not compared.
 * Every row is kept or counted with the reason. Memory: the hashes of `sequence-set.ts` and of the
 * readers.
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
  /**
   * Default: DNA; gaps and unknown letters are errors. Not with `barcodes`, which checks each row.
   */
  readonly alphabet?: AlphabetPolicy;
  /** A row that cannot be read: an error (default), or skipped and counted. */
  readonly onBadRow?: OnBadRow;
  /** Read as barcode collections: gaps and trailing N removed, other markers and rows without a sequence left out. */
  readonly barcodes?: boolean;
  /** Markers to keep from barcode collections that have a marker column. Default COI-5P. */
  readonly markers?: readonly string[] | 'any';
  /**
   * One part of barcode collections with given splits; each barcode counts once in the whole
   * collection. Implies `barcodes`.
   */
  readonly part?: BarcodePart;
  /** Files of sequences to exclude, read with the same column. */
  readonly exclude?: readonly string[];
  /** Keep identical sequences. Default false. Not with `part`. */
  readonly keepDuplicates?: boolean;
}

/** Counts of rows: rows = kept + the sum of `leftOut`. */
export interface PretrainFilesReport {
  readonly files: readonly string[];
  readonly exclude: readonly string[];
  readonly part?: BarcodePart;
  rows: number;
  kept: number;
  readonly leftOut: Record<string, number>;
  /** Number of different sequences in the files to exclude. */
  excludable: number;
}

const SAME = 'identical to one before';
const EXCLUDED = 'in a file to exclude';
const SKIPPED = 'not readable (--on-bad-row skip)';
const GENERAL: AlphabetPolicy = { alphabet: 'dna' };
/** Collections contain a few invalid letters; a k-mer with one is unknown in any case. */
const COLLECTION: AlphabetPolicy = { alphabet: 'dna', unknown: 'n' };

/**
 * The sequences, and a report that is filled while they are read.
 * @throws SequenceError with file and line; Error for `keepDuplicates` with a part.
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
  // For a part, the collection has already removed duplicates.
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

/** Names are not read from headers, so any FASTA is accepted. */
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

/** The form in which sequences are compared for identity. */
function comparable(sequence: string): string {
  let end = sequence.length;
  while (end > 0 && sequence[end - 1] === 'N') end--;
  return end === sequence.length ? sequence : sequence.slice(0, end);
}
