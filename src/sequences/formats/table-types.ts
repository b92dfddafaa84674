/** What the table formats (CSV, TSV, JSONL, Parquet) have in common: named columns, and rows of values read one at a time. */

export interface TableRow {
  /** 1-based line, or row for Parquet. */
  readonly line: number;
  /** One value per column; null and undefined where the row has none. */
  readonly values: readonly unknown[];
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: AsyncGenerator<TableRow>;
}

export interface OpenTable {
  readonly columns: readonly string[];
  /** Rows with only the columns of these indices, in this order. */
  select(indices: readonly number[]): AsyncGenerator<TableRow>;
}
