/**
 * The static embeddings of one model: the lengths of its word vectors, how evenly they fill the
 * space, and the similarity of nearest neighbours. Stability over seeds needs several models
 * (`static-embeddings.ts`).
 */

import { denseOf, gram, type Matrix64, squaredLengths, unitRows } from '../../algebra/dense.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { FrozenModel } from '../../models/model.ts';
import { type Geometry, geometry } from './geometry.ts';
import { type Spread, spread } from './spread.ts';

/**
 * Number of tokens used of larger vocabularies, evenly spaced over the ids: the singular values of
 * more tokens take minutes.
 */
const MOST_TOKENS = 512;

export interface WordTableFacts {
  readonly vocabulary: number;
  readonly dimensions: number;
  /** Euclidean lengths of all vectors. */
  readonly norms: Spread & { readonly least: number; readonly most: number };
  /** Of `geometry.rows` tokens. */
  readonly geometry: Geometry;
  /** Cosine of a token with the most similar other token, over the same tokens. */
  readonly nearestCosine: Spread;
}

/**
 * The static embeddings `[vocabulary, width]`; undefined when the model has none, or did not read
 * them from its file.
 */
export function wordTable({ wordTable: name, values, vocabularySize }: FrozenModel): Matrix | undefined {
  const data = name === undefined ? undefined : values.get(name);
  if (!(data instanceof Float32Array) || vocabularySize === undefined) return undefined;
  return { rows: vocabularySize, columns: data.length / vocabularySize, values: data };
}

/** @throws for numbers that are not finite, or fewer than 3 tokens. */
export function wordTableFacts(table: Matrix): WordTableFacts {
  const dense = denseOf(table, 'static embeddings');
  const lengths = Array.from(squaredLengths(dense), Math.sqrt);
  const some = rowsAt(dense, evenlySpaced(dense.rows));
  return {
    vocabulary: table.rows,
    dimensions: table.columns,
    norms: {
      ...spread(lengths),
      least: lengths.reduce((a, b) => Math.min(a, b)),
      most: lengths.reduce((a, b) => Math.max(a, b)),
    },
    geometry: geometry(some),
    nearestCosine: spread(nearestCosines(some)),
  };
}

function nearestCosines(rows: Matrix64): number[] {
  const products = gram(unitRows(rows)); // [tokens, tokens]
  return Array.from({ length: rows.rows }, (_, r) => {
    const row = products.values.subarray(r * rows.rows, (r + 1) * rows.rows);
    return row.reduce((most, value, i) => (i === r ? most : Math.max(most, value)), -1);
  });
}

/** The tokens that are used of a vocabulary of this size. */
export function evenlySpaced(vocabulary: number): number[] {
  const count = Math.min(vocabulary, MOST_TOKENS);
  return Array.from({ length: count }, (_, i) => Math.floor((i * vocabulary) / count));
}

function rowsAt({ columns, values }: Matrix64, rows: readonly number[]): Matrix64 {
  const picked = new Float64Array(rows.length * columns);
  for (const [i, row] of rows.entries()) picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  return { rows: rows.length, columns, values: picked };
}
