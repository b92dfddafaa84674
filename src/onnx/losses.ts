/** Losses, each a scalar. Weights are per row: a row of weight 0 counts for nothing (padding, unmasked tokens). */
import type { Tensor } from './graph.ts';
import * as op from './ops.ts';

/** 1 / max(sum of weights, tiny), so that a batch without any weight gives 0 rather than NaN. */
function normaliser(weights: Tensor): Tensor {
  return op.reciprocal(op.maximum(op.reduceSum(weights), 1e-12));
}

/**
 * Weighted mean cross-entropy in nats: -sum_i w_i log softmax(logits_i)[label_i] / sum_i w_i.
 * logits [rows, classes], labels int64 [rows] in 0..classes-1 (any valid value where the weight is 0), weights [rows].
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor, weights: Tensor): Tensor {
  const [loss] = logits.graph.composite('softmaxCrossEntropy', [logits, weights], () => {
    const index = op.unsqueeze(labels, [1]); // [rows, 1]
    const logProbabilities = op.logSoftmax(logits); // [rows, classes]
    const picked = op.squeeze(op.gatherElements(logProbabilities, index, 1), [1]); // [rows]
    const scale = normaliser(weights);
    const value = op.negate(op.multiply(op.reduceSum(op.multiply(picked, weights)), scale));
    return {
      outputs: [value],
      adjoint: ([g], needs) => {
        if (!g) return [null, null];
        const perRow = op.unsqueeze(op.multiply(op.multiply(weights, scale), g), [1]); // [rows, 1]
        const minusOne = op.expandLike(logits.graph.scalar(-1, logits.dtype), index);
        // softmax - one-hot
        const toLogits = needs[0]
          ? op.multiply(op.scatterElements(op.exp(logProbabilities), index, minusOne, 1, 'add'), perRow)
          : null;
        // d/dw_i = (CE_i - loss) / sum w
        const toWeights = needs[1] ? op.multiply(op.multiply(op.subtract(op.negate(picked), value), scale), g) : null;
        return [toLogits, toWeights];
      },
    };
  });
  return loss;
}

/**
 * Weighted mean binary cross-entropy of logits, averaged over columns too: logits and targets [rows, labels], weights [rows].
 * CE(x, y) = softplus(x) - x y.
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Tensor {
  const [loss] = logits.graph.composite('binaryCrossEntropy', [logits], () => {
    const perRow = op.reduceMean(op.subtract(op.softplus(logits), op.multiply(logits, targets)), [1]); // [rows]
    const scale = normaliser(weights);
    const columns = Number(logits.shape[1]);
    return {
      outputs: [op.multiply(op.reduceSum(op.multiply(perRow, weights)), scale)],
      adjoint: ([g]) => {
        if (!g) return [null];
        const rowScale = op.unsqueeze(op.multiply(op.multiply(weights, op.divide(scale, columns)), g), [1]);
        return [op.multiply(op.subtract(op.sigmoid(logits), targets), rowScale)];
      },
    };
  });
  return loss;
}

/** Weighted mean squared error, averaged over columns too: predictions and targets [rows, columns], weights [rows]. */
export function meanSquaredError(predictions: Tensor, targets: Tensor, weights: Tensor): Tensor {
  const difference = op.subtract(predictions, targets);
  const perRow = op.reduceMean(op.multiply(difference, difference), [1]); // [rows]
  return op.multiply(op.reduceSum(op.multiply(perRow, weights)), normaliser(weights));
}
