/**
 * Singular values, and the orthogonal polar factor of a square matrix, by one-sided Jacobi rotations of rows (Hestenes 1958, J. SIAM 6:51; the
 * order of pivots is de Rijk's 1989, SIAM J. Sci. Stat. Comput. 10:359): pairs of rows are rotated until all are orthogonal; their lengths are
 * then the singular values, the small ones as accurate as the large. A matrix with more rows than columns is made triangular first (Householder).
 * About n^3 multiply-adds for each of some ten sweeps.
 */
import { type Dense, transposed } from './dense.ts';

const MAXIMUM_SWEEPS = 60;

/** Singular values of `[rows, columns]`, largest first; as many as the shorter side is long. */
export function singularValues(matrix: Dense): Float64Array {
  const tall = matrix.rows >= matrix.columns ? matrix : transposed(matrix);
  const { rows, columns, values } = triangular(tall);
  return orthogonaliseRows(values, rows, columns, columns).sort().reverse();
}

export interface PolarDecomposition {
  /** U V' where M = U S V': the orthogonal matrix nearest to M; on the null space of M it is zero instead. */
  readonly factor: Dense;
  /** Sum of the singular values. */
  readonly nuclearNorm: number;
  /** How many singular values are not zero to working precision. */
  readonly rank: number;
}

/** Polar decomposition of a square matrix, singular ones too. */
export function polarDecomposition({ rows: n, columns, values }: Dense): PolarDecomposition {
  if (n !== columns) throw new Error(`polar decomposition of a square matrix, not [${n}, ${columns}]`);
  const width = 2 * n;
  const joined = new Float64Array(n * width); // [n, 2n] the matrix beside the identity: after rotation, S V' beside U'
  for (let r = 0; r < n; r++) {
    joined.set(values.subarray(r * n, (r + 1) * n), r * width);
    joined[r * width + n + r] = 1;
  }
  const lengths = orthogonaliseRows(joined, n, width, n);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const factor = new Float64Array(n * n);
  let nuclearNorm = 0;
  let rank = 0;
  for (let s = 0; s < n; s++) {
    nuclearNorm += lengths[s];
    if (lengths[s] <= longest * n * Number.EPSILON) continue;
    rank += 1;
    const at = s * width;
    for (let r = 0; r < n; r++) {
      const u = joined[at + n + r] / lengths[s];
      for (let c = 0; c < n; c++) factor[r * n + c] += u * joined[at + c];
    }
  }
  return { factor: { rows: n, columns: n, values: factor }, nuclearNorm, rank };
}

/**
 * Rotates the rows of `[count, width]` in place until their first `measured` columns are orthogonal to working precision; returns the lengths
 * of these parts, row by row.
 */
function orthogonaliseRows(values: Float64Array, count: number, width: number, measured: number): Float64Array {
  const tolerance = Math.sqrt(measured) * Number.EPSILON;
  const squares = new Float64Array(count);
  for (let sweep = 0; ; sweep++) {
    for (let r = 0; r < count; r++) squares[r] = dotRows(values, r * width, r * width, measured);
    const negligible = squares.reduce((most, square) => Math.max(most, square), 0) * (count * Number.EPSILON) ** 2;
    let rotated = 0;
    for (let p = 0; p < count - 1; p++) {
      promoteLongest(values, squares, p, count, width);
      for (let q = p + 1; q < count; q++) {
        if (squares[q] <= negligible) continue;
        const inner = dotRows(values, p * width, q * width, measured);
        if (Math.abs(inner) <= tolerance * Math.sqrt(squares[p] * squares[q])) continue;
        rotated += 1;
        const cotangent = (squares[q] - squares[p]) / (2 * inner);
        const tangent = Math.sign(cotangent || 1) / (Math.abs(cotangent) + Math.sqrt(1 + cotangent * cotangent));
        rotateRows(values, p * width, q * width, width, tangent);
        squares[p] -= tangent * inner;
        squares[q] = Math.max(0, squares[q] + tangent * inner);
      }
    }
    if (rotated === 0) return squares.map(Math.sqrt);
    if (sweep === MAXIMUM_SWEEPS) throw new Error(`singular values did not settle in ${MAXIMUM_SWEEPS} sweeps`);
  }
}

/** Row p swapped with the longest of the rows from p on. */
function promoteLongest(values: Float64Array, squares: Float64Array, p: number, count: number, width: number): void {
  let longest = p;
  for (let q = p + 1; q < count; q++) if (squares[q] > squares[longest]) longest = q;
  if (longest === p) return;
  const held = values.slice(p * width, (p + 1) * width);
  values.copyWithin(p * width, longest * width, (longest + 1) * width);
  values.set(held, longest * width);
  [squares[p], squares[longest]] = [squares[longest], squares[p]];
}

function dotRows(values: Float64Array, a: number, b: number, length: number): number {
  let [even, odd] = [0, 0];
  let i = 0;
  for (; i + 1 < length; i += 2) {
    even += values[a + i] * values[b + i];
    odd += values[a + i + 1] * values[b + i + 1];
  }
  return i < length ? even + odd + values[a + i] * values[b + i] : even + odd;
}

/** x, y <- c x - s y, s x + c y with s / c = tangent. */
function rotateRows(values: Float64Array, a: number, b: number, width: number, tangent: number): void {
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  const sine = cosine * tangent;
  for (let i = 0; i < width; i++) {
    const x = values[a + i];
    const y = values[b + i];
    values[a + i] = cosine * x - sine * y;
    values[b + i] = sine * x + cosine * y;
  }
}

/** R of a Householder QR of `[rows, columns]`, rows >= columns: `[columns, columns]`, zeros below the diagonal. */
function triangular(matrix: Dense): Dense {
  const { rows, columns } = matrix;
  const work = transposed(matrix).values; // [columns, rows]: every column of the matrix contiguous
  const result = new Float64Array(columns * columns);
  for (let c = 0; c < columns; c++) {
    const at = c * rows;
    const length = Math.sqrt(dotRows(work, at + c, at + c, rows - c));
    const pivot = work[at + c] > 0 ? -length : length;
    for (let j = 0; j < c; j++) result[j * columns + c] = work[at + j];
    result[c * columns + c] = pivot;
    if (length === 0) continue;
    work[at + c] -= pivot;
    const scale = -1 / (pivot * work[at + c]); // 2 / |v|^2
    for (let k = c + 1; k < columns; k++) {
      const factor = scale * dotRows(work, at + c, k * rows + c, rows - c);
      for (let i = c; i < rows; i++) work[k * rows + i] -= factor * work[at + i];
    }
  }
  return { rows: columns, columns, values: result };
}
