/**
 * Precomputed vectors in a Parquet file: a column `sequence` (or `sha256`), and the values as one column of lists or as numbered columns (`0`, `1`, ...;
 * `e0`, `e1`, ...). Columns of other names are passed over, so that no label or split can end up among the features. Held in memory.
 */
import { UsageError } from '../../core/errors.ts';
import { sha256File } from '../../core/files.ts';
import { openParquet } from '../../sequences/formats/parquet.ts';
import type { PrecomputedVectors, RowKey } from './vectors.ts';

const LIST_COLUMNS = ['embedding', 'embeddings', 'vector', 'values'];

/** The columns with values: one with lists, or 0..n-1 behind one common beginning, in the order of their numbers. */
function valueColumns(columns: readonly string[], path: string): readonly string[] {
  const lists = columns.filter((column) => LIST_COLUMNS.includes(column));
  if (lists.length === 1) return lists;
  const families = new Map<string, string[]>();
  for (const column of columns) {
    const [, stem, number] = /^(.*?)(0|[1-9]\d*)$/.exec(column) ?? [];
    if (number === undefined || column === 'sha256' || Number(number) >= columns.length) continue;
    const family = families.get(stem) ?? [];
    family[Number(number)] = column;
    families.set(stem, family);
  }
  const whole = [...families.values()].filter((family) => Array.from(family).every((column) => column !== undefined));
  if (lists.length === 0 && whole.length === 1) return whole[0];
  throw new UsageError(
    `${path}: the values must be one column 'embedding' of lists, or columns numbered from 0 (e0, e1, ...); its columns are ${columns.slice(0, 8).join(', ')}`,
  );
}

/** Reads the file. Throws, naming file and row, where a row lacks its sequence or values, or has more or fewer than the others. */
export async function readParquetVectors(path: string): Promise<PrecomputedVectors> {
  const table = await openParquet(path);
  const keyedBy = (['sequence', 'sha256'] as const).find((name): name is RowKey => table.columns.includes(name));
  if (!keyedBy)
    throw new UsageError(
      `${path}: neither a column 'sequence' nor 'sha256' says what sequences the rows are of; its columns are ${table.columns.slice(0, 8).join(', ')}`,
    );
  const chosen = valueColumns(table.columns, path);
  const keys: string[] = [];
  const vectors: Float32Array[] = [];
  const indices = [keyedBy, ...chosen].map((name) => table.columns.indexOf(name));
  for await (const row of table.select(indices)) {
    if ('fault' in row) throw row.fault;
    const { line, values } = row;
    const [key, ...rest] = values;
    const where = `${path}, row ${line}`;
    if (typeof key !== 'string') throw new UsageError(`${where}: '${keyedBy}' holds no text`);
    keys.push(keyedBy === 'sequence' ? key.toUpperCase() : key.toLowerCase());
    const vector = numbersOf(LIST_COLUMNS.includes(chosen[0]) ? rest[0] : rest, where);
    if (vectors.length > 0 && vector.length !== vectors[0].length)
      throw new UsageError(`${where}: ${vector.length} values, the rows before it have ${vectors[0].length}`);
    vectors.push(vector);
  }
  return {
    rows: vectors.length,
    dimension: vectors[0]?.length ?? 0,
    keyedBy,
    keys,
    stated: {},
    hashes: [await sha256File(path)],
    withRows: (use) => use((row, target, offset) => target.set(vectors[row], offset)),
  };
}

function numbersOf(value: unknown, where: string): Float32Array {
  const list =
    Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array ? value : undefined;
  if (!list) throw new UsageError(`${where}: its values are no list of numbers`);
  const bad = (list as unknown[]).findIndex((entry) => typeof entry !== 'number');
  if (bad >= 0) throw new UsageError(`${where}: value ${bad + 1} is no floating-point number`);
  return Float32Array.from(list as number[]);
}
