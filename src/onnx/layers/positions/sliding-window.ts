/**
 * Sliding-window attention (Beltagy et al. 2020, as ModernBERT's local layers have it): a token attends to those at most `reach` away on either side. A bias on
 * the scores, so the scores are still computed for all pairs: it gives the values of local attention, not its savings.
 */
import { GraphError, type Tensor } from '../../graph.ts';
import * as op from '../../operators/functions.ts';
import { tokenDistances } from './learned.ts';

/** The bias for the scores of x [b, t, ...]: 0 where |i - j| <= reach, a large negative number elsewhere. [1, 1, t, t]; t may be a symbol. */
export function slidingWindowBias(x: Tensor, reach: number): Tensor {
  if (!Number.isInteger(reach) || reach < 0)
    throw new GraphError(`a sliding window reaches a whole number of tokens to either side, not ${reach}`);
  const beyond = op.cast(op.greater(tokenDistances(x), reach), 'float32'); // [t, t]
  return op.unsqueeze(op.multiply(beyond, -1e9), [0, 1]);
}
