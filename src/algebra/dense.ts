/**
 * Dense float64 matrices in plain loops: the same numbers on every machine, without opening the
 * engine. The product A B' is blocked for the cache and computed in tiles of 2 x 4 sums held in
 * registers (1.7e9 multiply-adds per second); all heavy operations use it. Meant for a few products
 * of up to a few thousand rows. Fits that multiply many times use the engine (`linear-algebra.ts`).
 */
import type { Matrix } from '../core/matrix.ts';
import { requireFinite } from './finite.ts';

/** A dense row-major float64 matrix: element (r, c) is `values[r * columns + c]`. */
export interface Matrix64 extends Matrix {
  readonly values: Float64Array;
}

/** Rows and columns of a tile of sums: as many as the registers hold. */
const TILE_ROWS = 2;
const TILE_COLUMNS = 4;
/**
 * Columns of both factors that are processed at a time, so that the rows of a tile stay in the
 * first-level cache.
 */
const BLOCK = 384;

/**
 * A float64 copy of `matrix`.
 * @throws when it is empty, its length is not rows x columns, or a number is not finite; `name`
 *   names the matrix in the message.
 */
export function denseOf(matrix: Matrix, name: string): Matrix64 {
  const { rows, columns, values } = matrix;
  if (!(rows > 0 && columns > 0)) throw new Error(`${name}: the matrix is empty (${rows} rows x ${columns} columns)`);
  requireFinite(matrix, name);
  return { rows, columns, values: Float64Array.from(values) };
}

/** @throws when two matrices that are compared row by row have different numbers of rows. */
export function requireSameRows(measure: string, a: Pick<Matrix, 'rows'>, b: Pick<Matrix, 'rows'>): void {
  if (a.rows !== b.rows)
    throw new Error(`${measure}: ${a.rows} and ${b.rows} rows; row i of both must be the same token or sequence`);
}

export function transposed({ rows, columns, values }: Matrix64): Matrix64 {
  const turned = new Float64Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) turned[c * rows + r] = values[r * columns + c];
  return { rows: columns, columns: rows, values: turned };
}

/** `[columns]` */
export function columnMeans({ rows, columns, values }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) means[c] += values[r * columns + c];
  return means.map((sum) => sum / rows);
}

/** Subtracts the same vector from every row; default: the mean of every column. */
export function centredColumns(matrix: Matrix, means = columnMeans(matrix)): Matrix64 {
  const { rows, columns, values } = matrix;
  const centred = new Float64Array(values.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) centred[r * columns + c] = values[r * columns + c] - means[c];
  return { rows, columns, values: centred };
}

/** `[rows]` squared Euclidean length of every row. */
export function squaredLengths({ rows, columns, values }: Matrix64): Float64Array {
  const lengths = new Float64Array(rows);
  for (let r = 0; r < rows; r++)
    for (let i = r * columns; i < (r + 1) * columns; i++) lengths[r] += values[i] * values[i];
  return lengths;
}

/** Scales every row to length 1; a row of zeros stays zero, so its cosine with any row is 0. */
export function unitRows(matrix: Matrix64): Matrix64 {
  const { rows, columns, values } = matrix;
  const lengths = squaredLengths(matrix).map(Math.sqrt);
  return {
    rows,
    columns,
    values: values.map((value, i) => {
      const length = lengths[Math.floor(i / columns)];
      return length > 0 ? value / length : 0;
    }),
  };
}

/** Frobenius norm. */
export function frobeniusNorm({ values }: Matrix64): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/** `a b'`: `[a.rows, k]` times `[b.rows, k]` gives `[a.rows, b.rows]`, every element a dot product of two rows. */
export function multiplyTransposed(a: Matrix64, b: Matrix64): Matrix64 {
  if (a.columns !== b.columns) throw new Error(`product of rows of ${a.columns} and ${b.columns} numbers`);
  const into = new Float64Array(a.rows * b.rows);
  for (let start = 0; start < a.columns; start += BLOCK) {
    const end = Math.min(start + BLOCK, a.columns);
    for (let r = 0; r < a.rows; r += TILE_ROWS)
      for (let c = 0; c < b.rows; c += TILE_COLUMNS)
        if (r + TILE_ROWS <= a.rows && c + TILE_COLUMNS <= b.rows) addTile(a, b, into, r, c, start, end);
        else addEdge(a, b, into, r, c, start, end);
  }
  return { rows: a.rows, columns: b.rows, values: into };
}

/** `a a'`, symmetric: only tiles on or above the diagonal are computed. */
export function gram(a: Matrix64): Matrix64 {
  const n = a.rows;
  const into = new Float64Array(n * n);
  for (let start = 0; start < a.columns; start += BLOCK) {
    const end = Math.min(start + BLOCK, a.columns);
    for (let r = 0; r < n; r += TILE_ROWS)
      for (let c = r - (r % TILE_COLUMNS); c < n; c += TILE_COLUMNS)
        if (r + TILE_ROWS <= n && c + TILE_COLUMNS <= n) addTile(a, a, into, r, c, start, end);
        else addEdge(a, a, into, r, c, start, end);
  }
  for (let r = 0; r < n; r++) for (let c = 0; c < r; c++) into[r * n + c] = into[c * n + r];
  return { rows: n, columns: n, values: into };
}

/** Adds the products of columns start..end to the 2 x 4 elements from (r, c). */
function addTile(a: Matrix64, b: Matrix64, into: Float64Array, r: number, c: number, start: number, end: number): void {
  const k = a.columns;
  const left = a.values;
  const right = b.values;
  const a0 = r * k;
  const a1 = a0 + k;
  const b0 = c * k;
  const b1 = b0 + k;
  const b2 = b1 + k;
  const b3 = b2 + k;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let i = start; i < end; i++) {
    const x0 = left[a0 + i];
    const x1 = left[a1 + i];
    const y0 = right[b0 + i];
    const y1 = right[b1 + i];
    const y2 = right[b2 + i];
    const y3 = right[b3 + i];
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
  }
  const first = r * b.rows + c;
  const second = first + b.rows;
  into[first] += s00;
  into[first + 1] += s01;
  into[first + 2] += s02;
  into[first + 3] += s03;
  into[second] += s10;
  into[second + 1] += s11;
  into[second + 2] += s12;
  into[second + 3] += s13;
}

/** The same for the rows or columns that do not fill a tile. */
function addEdge(a: Matrix64, b: Matrix64, into: Float64Array, r: number, c: number, start: number, end: number): void {
  const k = a.columns;
  for (let i = r; i < Math.min(r + TILE_ROWS, a.rows); i++)
    for (let j = c; j < Math.min(c + TILE_COLUMNS, b.rows); j++) {
      let sum = 0;
      for (let t = start; t < end; t++) sum += a.values[i * k + t] * b.values[j * k + t];
      into[i * b.rows + j] += sum;
    }
}
