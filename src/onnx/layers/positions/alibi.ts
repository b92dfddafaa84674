/**
 * Attention with linear biases (Press, Smith and Lewis 2022) in the symmetric form of encoders (DNABERT-2): instead of position
 * embeddings, head h adds -slope_h |i - j| to the score of query i and key j. Not the causal form.
 */
import type { Tensor } from '../../graph.ts';
import * as op from '../../operators/functions.ts';
import { tokenDistances } from './learned.ts';

/** 2^(-8 h / heads), h = 1..heads; for heads that are no power of two, those of the power below, then every second of twice it. */
export function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const slopes = Array.from({ length: power }, (_, h) => 2 ** ((-8 * (h + 1)) / power));
  if (power === heads) return slopes;
  const between = alibiSlopes(2 * power).filter((_, i) => i % 2 === 0);
  return [...slopes, ...between.slice(0, heads - power)];
}

/** The bias for the scores of x [b, t, ...], to be added to them: [1, heads, t, t]. t may be a symbol. */
export function alibiBias(x: Tensor, heads: number): Tensor {
  const graph = x.graph;
  const slopes = graph.constant(
    Float32Array.from(alibiSlopes(heads), (slope) => -slope),
    [1, heads, 1, 1],
  );
  return op.multiply(slopes, tokenDistances(x));
}
