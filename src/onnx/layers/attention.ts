/**
 * Multi-head attention between given queries, keys and values, and its padding bias. Projections, other biases (`alibi.ts`) and rotary
 * positions (`rotary.ts`) are the caller's. b = batch, t = tokens, d = model width, h = heads.
 */

import { type DType, GraphError, type Tensor } from '../graph.ts';
import * as op from '../operators/functions.ts';
import { dropout, type Mode } from './dropout.ts';

/** Additive attention bias: 0 where the mask (int64 or float [b, t]) is 1, a large negative number where it is 0. -> [b, 1, 1, t] */
export function paddingBias(mask: Tensor, dtype: DType = 'float32'): Tensor {
  const kept = op.cast(mask, dtype);
  return op.unsqueeze(op.multiply(op.subtract(1, kept), -1e9), [1, 2]);
}

export interface AttentionOptions {
  readonly heads: number;
  /** Added to the scores: [b, 1, 1, t] padding, [1, h, t, t] ALiBi or causal, or their sum. */
  readonly bias?: Tensor | null;
  readonly dropoutRate?: number;
  /** Applied to queries and keys [b, h, t, d / h] before the product: rotary positions. */
  readonly rotate?: (x: Tensor) => Tensor;
}

/** Softmax(q k^T / sqrt(d / h) + bias) v per head (Vaswani et al. 2017). q, k, v [b, t, d] -> [b, t, d]. */
export function attention(q: Tensor, k: Tensor, v: Tensor, mode: Mode, options: AttentionOptions): Tensor {
  const [batch, tokens, width] = q.shape;
  const { heads } = options;
  if (typeof width !== 'number' || width % heads !== 0)
    throw new GraphError(`attention: a width of ${width} does not divide into ${heads} heads`);
  const perHead = width / heads;
  const split = (x: Tensor) => op.transpose(op.reshape(x, [batch, x.shape[1], heads, perHead]), [0, 2, 1, 3]); // [b, h, t, d/h]
  let queries = split(op.multiply(q, 1 / Math.sqrt(perHead)));
  let keys = split(k);
  if (options.rotate) {
    queries = options.rotate(queries);
    keys = options.rotate(keys);
  }
  let scores = op.matmul(queries, op.transpose(keys, [0, 1, 3, 2])); // [b, h, t, t]
  if (options.bias) scores = op.add(scores, options.bias);
  const weights = dropout(op.softmax(scores), options.dropoutRate ?? 0, mode);
  const mixed = op.matmul(weights, split(v)); // [b, h, t, d/h]
  return op.reshape(op.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, width]);
}
