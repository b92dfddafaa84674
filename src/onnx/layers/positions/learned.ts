/** Where tokens stand: 0..t-1, read off a tensor whose second axis counts tokens, so that t may be known only at run time. */
import type { Tensor } from '../../graph.ts';
import * as op from '../../operators/functions.ts';

/** 0..t-1, int64 [t], for x [b, t, ...]. */
export function tokenPositions(x: Tensor): Tensor {
  const graph = x.graph;
  const tokens = x.shape[1];
  const end =
    typeof tokens === 'number'
      ? graph.scalar(tokens, 'int64')
      : op.squeeze(graph.node('Shape', [x], { start: 1, end: 2 })[0], [0]); // scalar
  const range = [graph.scalar(0, 'int64'), end, graph.scalar(1, 'int64')];
  return graph.node('Range', range, {}, { inferred: [{ dtype: 'int64', shape: [tokens] }] })[0];
}

/** |i - j| between all tokens of x [b, t, ...]: float32 [t, t]. */
export function tokenDistances(x: Tensor): Tensor {
  const positions = op.cast(tokenPositions(x), 'float32'); // [t]
  return op.abs(op.subtract(op.unsqueeze(positions, [1]), op.unsqueeze(positions, [0])));
}
