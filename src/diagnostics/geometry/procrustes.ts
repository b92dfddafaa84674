/**
 * Procrustes disparity: the difference that remains between two embeddings of the same rows after
 * the second is translated, scaled and rotated (reflections included) onto the first (Gower 1975,
 * Psychometrika 40:33), as defined by `scipy.spatial.procrustes`; and the mean cosine of the
 * aligned rows (`src/analyze/static/static.py` of lbcb-sci/GFMs).
 */

import {
  centredColumns,
  denseOf,
  frobeniusNorm,
  type Matrix64,
  multiplyTransposed,
  requireSameRows,
  transposed,
} from '../../algebra/dense.ts';
import { polarDecomposition } from '../../algebra/singular-values.ts';
import type { Matrix } from '../../core/matrix.ts';

export interface Alignment {
  /**
   * 1 - s^2, where s is the sum of the singular values of A'B, both centred and of Frobenius norm
   * 1: 0 for equal up to the transformation, 1 for unrelated.
   */
  readonly disparity: number;
  /**
   * Mean over rows of the cosine between a row of A and the aligned row of B, both centred: 1 for
   * equal. A row of zeros counts as 0.
   */
  readonly alignedCosine: number;
}

/** Centred, of Frobenius norm 1. @throws when all rows are equal. */
export function standardForm(matrix: Matrix64, name: string): Matrix64 {
  const centred = centredColumns(matrix);
  const norm = frobeniusNorm(centred);
  if (!(norm > 0))
    throw new Error(`${name}: all rows are equal; Procrustes analysis needs at least two different rows`);
  return { ...centred, values: centred.values.map((value) => value / norm) };
}

/**
 * Aligns b to a, both `[rows, columns]`. @throws when shapes differ, or all rows of one are equal.
 */
export function procrustes(a: Matrix, b: Matrix): Alignment {
  requireSameRows('Procrustes', a, b);
  if (a.columns !== b.columns)
    throw new Error(`Procrustes: the embeddings have ${a.columns} and ${b.columns} columns; the widths must be equal`);
  const first = standardForm(denseOf(a, 'first embedding'), 'first embedding');
  const second = standardForm(denseOf(b, 'second embedding'), 'second embedding');
  return alignStandardForms(first, second, multiplyTransposed(transposed(first), transposed(second)));
}

/**
 * As {@link procrustes}, for two {@link standardForm}s and their product `first' second`,
 * `[columns, columns]`.
 */
export function alignStandardForms(first: Matrix64, second: Matrix64, cross: Matrix64): Alignment {
  const { factor, nuclearNorm } = polarDecomposition(cross);
  const rotated = multiplyTransposed(second, factor); // [rows, columns]
  return { disparity: 1 - nuclearNorm * nuclearNorm, alignedCosine: meanRowCosine(first, rotated) };
}

/** Mean over rows of the cosine of row i of both embeddings. */
function meanRowCosine(a: Matrix64, b: Matrix64): number {
  let sum = 0;
  for (let start = 0; start < a.values.length; start += a.columns) {
    let [xx, xy, yy] = [0, 0, 0];
    for (let i = start; i < start + a.columns; i++) {
      xx += a.values[i] * a.values[i];
      xy += a.values[i] * b.values[i];
      yy += b.values[i] * b.values[i];
    }
    if (xx > 0 && yy > 0) sum += xy / Math.sqrt(xx * yy);
  }
  return sum / a.rows;
}
