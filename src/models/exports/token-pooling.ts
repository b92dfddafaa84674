/** Pooling of one sequence's token vectors outside a graph, under the attention mask: what `src/embeddings` does inside one for our own graphs. */

import type { Pooling } from '../model.ts';
import type { TokenBatch } from '../tokenizers/rows.ts';

export type TokenPooling = Exclude<Pooling, 'frames'>;

/** vectors of one row [tokens, dimension], its mask [tokens] -> target [dimension] */
type Pool = (vectors: Float32Array, mask: BigInt64Array, target: Float32Array) => void;

const POOLINGS: Readonly<Record<TokenPooling, Pool>> = {
  mean(vectors, mask, target) {
    const sums = new Float64Array(target.length);
    let tokens = 0;
    mask.forEach((seen, t) => {
      if (seen === 0n) return;
      tokens += 1;
      for (let d = 0; d < sums.length; d++) sums[d] += vectors[t * sums.length + d];
    });
    for (let d = 0; d < sums.length; d++) target[d] = sums[d] / tokens;
  },
  max(vectors, mask, target) {
    target.fill(Number.NEGATIVE_INFINITY);
    mask.forEach((seen, t) => {
      if (seen === 0n) return;
      for (let d = 0; d < target.length; d++) target[d] = Math.max(target[d], vectors[t * target.length + d]);
    });
  },
  first(vectors, _mask, target) {
    target.set(vectors.subarray(0, target.length));
  },
};

export function isTokenPooling(pooling: Pooling): pooling is TokenPooling {
  return Object.hasOwn(POOLINGS, pooling);
}

/** Pools row `row` of hidden [rows, tokens, dimension] into `target` [dimension]. */
export function poolTokens(
  pooling: TokenPooling,
  hidden: Float32Array,
  { mask, tokens }: TokenBatch,
  row: number,
  target: Float32Array,
): void {
  const width = tokens * target.length;
  POOLINGS[pooling](
    hidden.subarray(row * width, (row + 1) * width),
    mask.subarray(row * tokens, (row + 1) * tokens),
    target,
  );
}
