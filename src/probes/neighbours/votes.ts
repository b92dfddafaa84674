/** How the neighbours found for a row vote, or are averaged: all alike, or the more similar the more (`knn.ts`). */
import type { Matrix, Predictions, Targets } from '../../core/matrix.ts';
import type { ProbeContext } from '../probe.ts';

/** `[queries, found]` cosine similarity of each query to the rows found for it, in float64; 0 for a zero vector. */
export function cosines(train: Matrix, queries: Matrix, nearest: Int32Array, found: number): Float64Array {
  const { columns } = train;
  const lengths = (m: Matrix) =>
    Float64Array.from({ length: m.rows }, (_, r) => {
      let squares = 0;
      for (let i = r * columns; i < (r + 1) * columns; i++) squares += m.values[i] ** 2;
      return Math.sqrt(squares);
    });
  const [ofTrain, ofQueries] = [lengths(train), lengths(queries)];
  return Float64Array.from(nearest, (row, i) => {
    const query = Math.floor(i / found);
    let product = 0;
    for (let c = 0; c < columns; c++) product += train.values[row * columns + c] * queries.values[query * columns + c];
    return product / (ofTrain[row] * ofQueries[query] || 1);
  });
}

/** What a neighbour weighs among the first `k`, by its place `[queries, found]`: a k-th, or by its similarity. */
export type Weigh = (query: number, place: number, k: number) => number;

/** One vote each. */
export function evenly(_query: number, _place: number, k: number): number {
  return 1 / k;
}

/**
 * exp(s / T) over the sum of it over the first k.
 * @param similarities `[queries, found]`
 */
export function softly(similarities: Float64Array, found: number, temperature: number): Weigh {
  // Relative to the first, which is the largest but for rounding, so that nothing overflows.
  const powers = similarities.map((s, i) => Math.exp((s - similarities[i - (i % found)]) / temperature));
  return (query, place, k) => {
    let sum = 0;
    for (let i = query * found; i < query * found + k; i++) sum += powers[i];
    return powers[query * found + place] / sum;
  };
}

/** Votes or means of the first `k` of `found` neighbours per row. */
export function combine(
  nearest: Int32Array,
  found: number,
  k: number,
  weigh: Weigh,
  targets: Targets,
  { kind, outputs }: Pick<ProbeContext, 'kind' | 'outputs'>,
): Predictions {
  const rows = nearest.length / found;
  const classes = kind === 'binary' || kind === 'multiclass';
  const values = new Float64Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < k; i++) {
      const neighbour = nearest[r * found + i];
      const weight = weigh(r, i, k);
      if (classes) values[r * outputs + targets.values[neighbour]] += weight;
      else
        for (let c = 0; c < outputs; c++) values[r * outputs + c] += weight * targets.values[neighbour * outputs + c];
    }
  }
  return { rows, columns: outputs, values };
}
