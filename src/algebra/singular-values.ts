/**
 * Singular values, and the orthogonal polar factor of a square matrix (Golub & Reinsch 1970, Numer.
 * Math. 14:403; Golub & Van Loan 2013, 8.6). Householder reflections from both sides give a
 * bidiagonal matrix; implicit QR steps give its singular values. When a diagonal entry is zero, a
 * step without shift is used (Demmel & Kahan 1990, SIAM J. Sci. Stat. Comput. 11:873), which
 * deflates it. As accurate as LAPACK: up to rounding of the largest value. About 8/3 n^3 operations
 * for the values of n columns, all along rows of a row-major matrix; about 18 n^3 for the polar
 * factor.
 */
import { type Matrix64, multiplyTransposed, transposed } from './dense.ts';

/** Maximum number of QR steps per singular value; two or three are usual. */
const MOST_STEPS = 60;

/** Singular values of `[rows, columns]`, largest first; min(rows, columns) of them. */
export function singularValues(matrix: Matrix64): Float64Array {
  const tall = matrix.rows >= matrix.columns ? matrix : transposed(matrix);
  const { diagonal, above } = bidiagonalise(tall);
  return diagonalise(diagonal, above).map(Math.abs).sort().reverse();
}

export interface PolarDecomposition {
  /** U V' where M = U S V': the orthogonal matrix nearest to M; zero on the null space of M. */
  readonly factor: Matrix64;
  /** Sum of the singular values. */
  readonly nuclearNorm: number;
  /** Number of singular values that are not zero to working precision. */
  readonly rank: number;
}

/** Polar decomposition of a square matrix, also of a singular one. */
export function polarDecomposition(matrix: Matrix64): PolarDecomposition {
  const n = matrix.rows;
  if (n !== matrix.columns)
    throw new Error(`the polar decomposition needs a square matrix, not [${n}, ${matrix.columns}]`);
  const { diagonal, above, left, right } = bidiagonalise(matrix); // M = L B R'
  const [x, y] = [identity(n), identity(n)]; // rows: singular vectors of B = X' S Y
  const values = diagonalise(diagonal, above, x, y);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let nuclearNorm = 0;
  let rank = 0;
  values.forEach((value, s) => {
    nuclearNorm += Math.abs(value);
    const isZero = Math.abs(value) <= largest * n * Number.EPSILON;
    rank += Number(!isZero);
    const sign = isZero ? 0 : Math.sign(value);
    for (let i = s * n; i < (s + 1) * n; i++) x.values[i] *= sign;
  });
  let factor = multiplyTransposed(transposed(x), transposed(y)); // of B
  for (const reflector of left.reverse()) reflectRows(factor, reflector);
  factor = transposed(factor);
  for (const reflector of right.reverse()) reflectRows(factor, reflector);
  return { factor: transposed(factor), nuclearNorm, rank };
}

function identity(n: number): Matrix64 {
  const values = new Float64Array(n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return { rows: n, columns: n, values };
}

/** I - scale v v', where v is zero before index `from`. */
interface Reflector {
  readonly from: number;
  readonly vector: Float64Array;
  readonly scale: number;
}

/** The reflector that maps a vector to a multiple of the first unit vector, and that multiple. */
function reflectorOf(vector: Float64Array, from: number): { reflector: Reflector; turned: number } {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i] * vector[i];
  const length = Math.sqrt(squares);
  const turned = vector[0] > 0 ? -length : length;
  vector[0] -= turned;
  return { reflector: { from, vector, scale: length > 0 ? -1 / (turned * vector[0]) : 0 }, turned };
}

/** Applies a reflector from the left. */
function reflectRows({ columns, values }: Matrix64, { from, vector, scale }: Reflector): void {
  const sums = new Float64Array(columns);
  vector.forEach((weight, i) => {
    addMultiple(sums, 0, values, (from + i) * columns, weight, columns);
  });
  vector.forEach((weight, i) => {
    addMultiple(values, (from + i) * columns, sums, 0, -scale * weight, columns);
  });
}

/** into[a..] += factor from[b..] */
function addMultiple(into: Float64Array, a: number, from: Float64Array, b: number, factor: number, length: number) {
  for (let i = 0; i < length; i++) into[a + i] += factor * from[b + i];
}

/** Two sums at a time: a single sum would wait for every addition. */
function dotAt(x: Float64Array, a: number, y: Float64Array, b: number, length: number): number {
  let [even, odd] = [0, 0];
  let i = 0;
  for (; i + 1 < length; i += 2) {
    even += x[a + i] * y[b + i];
    odd += x[a + i + 1] * y[b + i + 1];
  }
  return i < length ? even + odd + x[a + i] * y[b + i] : even + odd;
}

/**
 * M = L B R' of `[rows, columns]`, rows >= columns: the diagonal of B, the entries above it, and
 * the reflectors whose products are L and R.
 */
function bidiagonalise({ rows, columns: n, values }: Matrix64) {
  const work = values.slice();
  const diagonal = new Float64Array(n);
  const above = new Float64Array(Math.max(0, n - 1));
  const [left, right]: [Reflector[], Reflector[]] = [[], []];
  const sums = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const column = Float64Array.from({ length: rows - k }, (_, i) => work[(k + i) * n + k]);
    const { reflector, turned } = reflectorOf(column, k);
    left.push(reflector);
    diagonal[k] = turned;
    const rest = n - k - 1;
    if (rest === 0) break;
    sums.fill(0);
    for (let i = 0; i < column.length; i++) addMultiple(sums, 0, work, (k + i) * n + k + 1, column[i], rest);
    // Each row is read once for both sides: the first row, after the left reflector, gives the
    // right one.
    const reflect = (i: number) => addMultiple(work, (k + i) * n + k + 1, sums, 0, -reflector.scale * column[i], rest);
    reflect(0);
    const row = reflectorOf(work.slice(k * n + k + 1, (k + 1) * n), k + 1);
    right.push(row.reflector);
    above[k] = row.turned;
    const { vector, scale } = row.reflector;
    for (let i = 1; i < column.length; i++) {
      reflect(i);
      const at = (k + i) * n + k + 1;
      addMultiple(work, at, vector, 0, -scale * dotAt(work, at, vector, 0, rest), rest);
    }
  }
  return { diagonal, above, left, right };
}

/**
 * Singular values, unordered and of either sign, of the bidiagonal matrix, which is overwritten.
 * The rotations are also applied to the rows of `x` and `y`: from identities these become the left
 * and right singular vectors.
 */
function diagonalise(d: Float64Array, e: Float64Array, x?: Matrix64, y?: Matrix64): Float64Array {
  const largest = [...d, ...e].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const nothing = largest * Number.EPSILON * Number.EPSILON;
  const isSmall = (k: number) => Math.abs(e[k]) <= Number.EPSILON * (Math.abs(d[k]) + Math.abs(d[k + 1])) + nothing;
  let steps = 0;
  for (let end = d.length - 1; end > 0; ) {
    if (isSmall(end - 1)) {
      e[end - 1] = 0;
      end -= 1;
      steps = 0;
      continue;
    }
    steps += 1;
    if (steps > MOST_STEPS) throw new Error(`singular values did not converge in ${MOST_STEPS} steps`);
    let start = end - 1;
    while (start > 0 && !isSmall(start - 1)) start -= 1;
    step(d, e, start, end, x, y);
  }
  return d;
}

/** An implicit QR step on rows and columns start..end. */
function step(d: Float64Array, e: Float64Array, start: number, end: number, x?: Matrix64, y?: Matrix64): void {
  const shift = shiftOf(d, e, start, end);
  let [f, g] = shift === 0 ? [d[start], e[start]] : [d[start] - shift / d[start], e[start]];
  for (let k = start; k < end; k++) {
    // From the right: columns k and k + 1.
    let length = Math.hypot(f, g);
    let [cosine, sine] = length > 0 ? [f / length, g / length] : [1, 0];
    if (k > start) e[k - 1] = length;
    f = cosine * d[k] + sine * e[k];
    e[k] = cosine * e[k] - sine * d[k];
    g = sine * d[k + 1];
    d[k + 1] *= cosine;
    if (y) turnRows(y, k, cosine, sine);
    // From the left: rows k and k + 1.
    length = Math.hypot(f, g);
    [cosine, sine] = length > 0 ? [f / length, g / length] : [1, 0];
    d[k] = length;
    f = cosine * e[k] + sine * d[k + 1];
    d[k + 1] = cosine * d[k + 1] - sine * e[k];
    if (k + 1 < end) {
      g = sine * e[k + 1];
      e[k + 1] *= cosine;
    }
    if (x) turnRows(x, k, cosine, sine);
  }
  e[end - 1] = f;
}

/**
 * The eigenvalue of the last two rows of B'B that is nearer to its last entry (Wilkinson's shift);
 * 0 when a diagonal entry is 0.
 */
function shiftOf(d: Float64Array, e: Float64Array, start: number, end: number): number {
  let largest = 0;
  for (let k = start; k <= end; k++) largest = Math.max(largest, Math.abs(d[k]), k < end ? Math.abs(e[k]) : 0);
  for (let k = start; k <= end; k++) if (Math.abs(d[k]) <= largest * Number.EPSILON) return 0;
  const before = end - 1 > start ? e[end - 2] : 0;
  const first = d[end - 1] ** 2 + before ** 2;
  const last = d[end] ** 2 + e[end - 1] ** 2;
  const off = d[end - 1] * e[end - 1];
  const half = (first - last) / 2;
  const root = Math.hypot(half, off);
  return last - (off * off) / (half + (half < 0 ? -root : root));
}

/** Rows k and k + 1: x, y <- c x + s y, c y - s x. */
function turnRows({ columns, values }: Matrix64, k: number, cosine: number, sine: number): void {
  const [a, b] = [k * columns, (k + 1) * columns];
  for (let i = 0; i < columns; i++) {
    const x = values[a + i];
    const y = values[b + i];
    values[a + i] = cosine * x + sine * y;
    values[b + i] = cosine * y - sine * x;
  }
}
