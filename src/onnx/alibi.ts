/**
 * Attention with linear biases (Press, Smith and Lewis 2022) in the symmetric form of encoders (DNABERT-2): instead of position
 * embeddings, head h adds -slope_h |i - j| to the score of query i and key j. Not the causal form.
 */
import type { Tensor } from './graph.ts';
import * as op from './ops.ts';

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
  const tokens = x.shape[1];
  const slopes = graph.constant(
    Float32Array.from(alibiSlopes(heads), (slope) => -slope),
    [1, heads, 1, 1],
  );
  const positions =
    typeof tokens === 'number'
      ? graph.constant(
          Float32Array.from({ length: tokens }, (_, i) => i),
          [tokens],
        )
      : positionsOf(x);
  const distance = op.abs(op.subtract(op.unsqueeze(positions, [1]), op.unsqueeze(positions, [0]))); // [t, t]
  return op.multiply(slopes, distance);
}

/** 0..t-1 as float32 [t], t read off x [b, t, ...] at run time. */
function positionsOf(x: Tensor): Tensor {
  const graph = x.graph;
  const size = op.squeeze(graph.node('Shape', [x], { start: 1, end: 2 })[0], [0]); // scalar
  return op.cast(graph.node('Range', [graph.scalar(0, 'int64'), size, graph.scalar(1, 'int64')])[0], 'float32');
}
