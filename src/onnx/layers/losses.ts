/** Losses, each a scalar. Weights are per row: a row of weight 0 counts for nothing (padding, unmasked tokens). */
import type { Tensor } from '../graph.ts';
import * as op from '../operators/functions.ts';

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
 * Cross-entropy against smoothed labels (Szegedy et al. 2016), with class weights c as PyTorch has them. With m_i = w_i c[label_i]:
 * ((1 - s) sum_i m_i CE_i + s / K sum_i w_i sum_k c_k (-log softmax(logits_i)[k])) / sum_i m_i.
 * logits [rows, classes], labels int64 [rows], weights [rows], classWeights [classes].
 */
export function smoothedCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor,
  options: { smoothing?: number; classWeights?: Tensor } = {},
): Tensor {
  const { smoothing = 0, classWeights } = options;
  const rowWeights = classWeights ? op.multiply(weights, op.gather(classWeights, labels)) : weights;
  const plain = softmaxCrossEntropy(logits, labels, rowWeights);
  if (smoothing === 0) return plain;
  const surprise = op.negate(op.logSoftmax(logits)); // [rows, classes]
  const spread = op.reduceMean(classWeights ? op.multiply(surprise, classWeights) : surprise, [1]); // [rows]
  const uniform = op.multiply(op.reduceSum(op.multiply(spread, weights)), normaliser(rowWeights));
  return op.add(op.multiply(plain, 1 - smoothing), op.multiply(uniform, smoothing));
}

/**
 * Weighted mean binary cross-entropy of logits, averaged over columns too: logits and targets [rows, labels], weights [rows].
 * CE(x, y) = (1 - y) x + (1 + (p - 1) y) softplus(-x), where p [labels] are the positives' weights (default 1, as PyTorch's pos_weight).
 */
export function binaryCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  weights: Tensor,
  options: { positiveWeights?: Tensor } = {},
): Tensor {
  const { positiveWeights } = options;
  const [loss] = logits.graph.composite('binaryCrossEntropy', [logits, targets, weights], () => {
    const surplus = positiveWeights && op.subtract(positiveWeights, 1); // [labels]
    const factor = surplus && op.add(op.multiply(targets, surplus), 1); // [rows, labels]
    const tail = op.softplus(op.negate(logits));
    const entries = op.add(op.multiply(op.subtract(1, targets), logits), factor ? op.multiply(factor, tail) : tail);
    const perRow = op.reduceMean(entries, [1]); // [rows]
    const scale = normaliser(weights);
    const columns = Number(logits.shape[1]);
    const value = op.multiply(op.reduceSum(op.multiply(perRow, weights)), scale);
    return {
      outputs: [value],
      adjoint: ([g], needs) => {
        if (!g) return [null, null, null];
        const rowScale = op.unsqueeze(op.multiply(op.multiply(weights, op.divide(scale, columns)), g), [1]);
        // d/dx = sigmoid(x) - y, or (1 - y) - (1 + (p - 1) y) sigmoid(-x)
        const slope = factor
          ? op.subtract(op.subtract(1, targets), op.multiply(factor, op.sigmoid(op.negate(logits))))
          : op.subtract(op.sigmoid(logits), targets);
        // d/dy = (p - 1) softplus(-x) - x
        const byTarget = () => op.subtract(surplus ? op.multiply(surplus, tail) : 0, logits);
        return [
          needs[0] ? op.multiply(slope, rowScale) : null,
          needs[1] ? op.multiply(byTarget(), rowScale) : null,
          needs[2] ? op.multiply(op.multiply(op.subtract(perRow, value), scale), g) : null,
        ];
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
