/**
 * Rows as every table format gives them, and what is done about rows that cannot be used: refused (the default), or skipped and
 * counted on request. What is skipped is kept with its reason, and every reader checks that rows in = rows out + rows skipped.
 */
import { SequenceError } from './sequence-error.ts';

export interface TableValues {
  /** 1-based line, the first one of a row that spans several; the row for Parquet. */
  readonly line: number;
  /** One value per column chosen; null and undefined where the row has none. */
  readonly values: readonly unknown[];
}

/** A row that cannot be read, in its place. */
export interface TableFault {
  readonly line: number;
  readonly fault: SequenceError;
}

export type TableRow = TableValues | TableFault;

export interface OpenTable {
  readonly columns: readonly string[];
  /** Rows with only the columns of these indices, in this order. Called once. */
  select(indices: readonly number[]): AsyncGenerator<TableRow>;
  /** Lines so far that went on with the row before them, because of a line break inside quotes. */
  joinedLines(): number;
}

export const ON_BAD_ROW = ['error', 'skip'] as const;
export type OnBadRow = (typeof ON_BAD_ROW)[number];

/** A row that was left out. */
export interface SkippedRow {
  readonly file?: string;
  /** 1-based line; the row for columnar formats. */
  readonly line?: number;
  readonly reason: string;
}

/** Counts of one reading; they add up over files read with the same one. */
export interface ReadReport {
  /** Rows met: rows = kept + skipped. */
  rows: number;
  kept: number;
  readonly skipped: SkippedRow[];
  /** Lines that went on with the row before them, because of a line break inside quotes. */
  joinedLines: number;
}

export function createReadReport(): ReadReport {
  return { rows: 0, kept: 0, skipped: [], joinedLines: 0 };
}

/** Counts a bad row as skipped; throws it where bad rows are not to be skipped, or the error is no fault of a row. */
export function skipOrThrow(error: unknown, policy: OnBadRow | undefined, report: Pick<ReadReport, 'skipped'>): void {
  if (policy !== 'skip' || !(error instanceof SequenceError)) throw error;
  report.skipped.push(skippedRow(error));
}

export function skippedRow({ file, line, what }: SequenceError): SkippedRow {
  return { file, line, reason: what };
}

/** @throws Error when rows were lost or made up on the way; that is a fault of the program. */
export function checkRowCount({ rows, kept, skipped }: Omit<ReadReport, 'joinedLines'>, where: string): void {
  if (rows === kept + skipped.length) return;
  throw new Error(`${where}: ${rows} rows were read, but ${kept} kept and ${skipped.length} skipped`);
}

const LISTED = 5;

/** What was skipped, in one sentence with the first rows; undefined where nothing was. */
export function describeSkipped(skipped: readonly SkippedRow[], rows: number): string | undefined {
  if (skipped.length === 0) return undefined;
  const shown = skipped.slice(0, LISTED).map(({ file, line, reason }) => {
    const place = file === undefined ? '' : `${file.split('/').at(-1)}${line === undefined ? '' : `:${line}`}: `;
    return `${place}${reason}`;
  });
  const more = skipped.length > LISTED ? `; and ${skipped.length - LISTED} more (all with --json)` : '';
  return `${skipped.length} of ${rows} rows skipped (--on-bad-row skip): ${shown.join('; ')}${more}`;
}
