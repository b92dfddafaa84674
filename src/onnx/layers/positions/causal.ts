/** Attention that reads from left to right. The bias is to be added to scores, with a padding bias where there is padding. */

import type { Tensor } from '../../graph.ts';
import * as op from '../../operators/functions.ts';
import { tokenPositions } from './learned.ts';

/** 0 where a key stands at or before its query, a large negative number after it. x [b, t, ...] -> [1, 1, t, t] */
export function causalBias(x: Tensor): Tensor {
  const position = tokenPositions(x); // [t]
  const later = op.cast(op.less(op.unsqueeze(position, [1]), op.unsqueeze(position, [0])), 'float32'); // [query, key]
  return op.unsqueeze(op.multiply(later, -1e9), [0, 1]);
}
