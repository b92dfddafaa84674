/** Normalisations that are operators of their own. Batch norm over the batch's own statistics is in `layers.ts`. */
import { GraphError, type Tensor } from '../recording.ts';
import { axisOf } from '../shapes.ts';
import * as op from './functions.ts';
import { type Call, type Inferred, integerAttribute, need, type RuleTable, unbroadcast } from './rule.ts';

const sameAsInput = (call: Call): Inferred[] => [{ dtype: need(call, 0).dtype, shape: need(call, 0).shape }];

function tail(from: number, rank: number): number[] {
  return Array.from({ length: rank - from }, (_, i) => from + i);
}

/** dx of y = x_hat * scale where x_hat = centred * inverse and g is already multiplied by scale. */
function normalisedGradient(g: Tensor, xHat: Tensor, inverse: Tensor, axes: number[], centred: boolean): Tensor {
  const projection = op.multiply(xHat, op.reduceMean(op.multiply(g, xHat), axes, true));
  const rest = centred ? op.subtract(g, op.reduceMean(g, axes, true)) : g;
  return op.multiply(op.subtract(rest, projection), inverse);
}

function epsilonOf(attributes: Call['attributes']): number {
  return typeof attributes.epsilon === 'number' ? attributes.epsilon : 1e-5;
}

export const normalisation: RuleTable = {
  LayerNormalization: {
    // y, and on demand the mean and the inverse standard deviation, which the operator keeps in float32 whatever x is.
    infer: (call) => {
      const x = need(call, 0);
      const from = axisOf(integerAttribute(call.attributes, 'axis', -1), x.rank, 'LayerNormalization');
      const saved: Inferred = { dtype: 'float32', shape: x.shape.map((dim, axis) => (axis < from ? dim : 1)) };
      return [...sameAsInput(call), saved, saved].slice(0, call.outputs);
    },
    adjoint: ({ graph, node, inputs, gradient, needs }) => {
      const [x, scale, bias] = inputs;
      const from = axisOf(integerAttribute(node.attributes, 'axis', -1), x.rank, 'LayerNormalization');
      const axes = tail(from, x.rank);
      const saved = x.shape.map((dim, axis) => (axis < from ? dim : 1));
      const mean = op.cast(node.outputs[1] ?? graph.extraOutput(node, 'float32', saved), x.dtype);
      const inverse = op.cast(node.outputs[2] ?? graph.extraOutput(node, 'float32', saved), x.dtype);
      const xHat = op.multiply(op.subtract(x, mean), inverse);
      return [
        needs[0] ? normalisedGradient(op.multiply(gradient, scale), xHat, inverse, axes, true) : null,
        needs[1] ? unbroadcast(op.multiply(gradient, xHat), scale) : null,
        bias && needs[2] ? unbroadcast(gradient, bias) : null,
      ];
    },
  },
  RMSNormalization: {
    infer: sameAsInput,
    adjoint: ({ node, inputs, gradient, needs }) => {
      const [x, scale] = inputs;
      const axes = tail(axisOf(integerAttribute(node.attributes, 'axis', -1), x.rank, 'RMSNormalization'), x.rank);
      const square = op.reduceMean(op.multiply(x, x), axes, true);
      const inverse = op.reciprocal(op.sqrt(op.add(square, epsilonOf(node.attributes))));
      const xHat = op.multiply(x, inverse);
      return [
        needs[0] ? normalisedGradient(op.multiply(gradient, scale), xHat, inverse, axes, false) : null,
        needs[1] ? unbroadcast(op.multiply(gradient, xHat), scale) : null,
      ];
    },
  },
  BatchNormalization: {
    infer: sameAsInput,
    // Frozen statistics: y = (x - mean) / sqrt(var + eps) * scale + bias, all [channels] but x.
    adjoint: ({ node, inputs, gradient, needs }) => {
      const [x, scale, , mean, variance] = inputs;
      if (integerAttribute(node.attributes, 'training_mode', 0) === 1)
        throw new GraphError(
          'BatchNormalization: training_mode has no adjoint here; build batchNorm from layers.ts instead',
        );
      const perChannel = (t: Tensor) => op.reshape(t, [1, -1, ...x.shape.slice(2).map(() => 1)]);
      const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
      const inverse = op.reciprocal(op.sqrt(op.add(variance, epsilonOf(node.attributes))));
      const gain = op.multiply(scale, inverse);
      const total = op.reduceSum(gradient, others, false);
      const wantsMoments = needs[1] || needs[4];
      const moment = wantsMoments
        ? op.reduceSum(op.multiply(gradient, op.subtract(x, perChannel(mean))), others, false)
        : null;
      return [
        needs[0] ? op.multiply(gradient, perChannel(gain)) : null,
        needs[1] && moment ? op.multiply(moment, inverse) : null,
        needs[2] ? total : null,
        needs[3] ? op.negate(op.multiply(total, gain)) : null,
        needs[4] && moment
          ? op.multiply(op.multiply(moment, gain), op.multiply(op.multiply(inverse, inverse), -0.5))
          : null,
      ];
    },
  },
};
