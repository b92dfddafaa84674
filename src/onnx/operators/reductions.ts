/** Reductions and the softmax family. */
import type { Dim, Tensor } from '../recording.ts';
import { axisOf } from '../shapes.ts';
import * as op from './functions.ts';
import {
  type AdjointCall,
  type Call,
  type Inferred,
  integerAttribute,
  knownIntegers,
  need,
  type Rule,
  type RuleTable,
} from './rule.ts';

function reducedAxes(inputs: readonly (Tensor | null)[], attributes: Call['attributes'], what: string): number[] {
  const x = inputs[0] as Tensor;
  const all = Array.from({ length: x.rank }, (_, axis) => axis);
  const given = inputs[1]
    ? knownIntegers(inputs[1], `${what}'s axes`)
    : (attributes.axes as readonly number[] | undefined);
  if (!given || given.length === 0) return integerAttribute(attributes, 'noop_with_empty_axes', 0) === 1 ? [] : all;
  return given.map((axis) => axisOf(axis, x.rank, what));
}

function inferReduction(call: Call): Inferred[] {
  const x = need(call, 0);
  const axes = reducedAxes(call.inputs, call.attributes, call.op);
  const keep = integerAttribute(call.attributes, 'keepdims', 1) === 1;
  const shape: Dim[] = [];
  x.shape.forEach((dim, axis) => {
    if (!axes.includes(axis)) shape.push(dim);
    else if (keep) shape.push(1);
  });
  return [{ dtype: x.dtype, shape }];
}

/** Puts reduced axes back as size 1, so that the tensor broadcasts against the reduction's input. */
function restoreAxes(reduced: Tensor, { node, inputs }: AdjointCall): Tensor {
  if (integerAttribute(node.attributes, 'keepdims', 1) === 1) return reduced;
  const axes = reducedAxes(node.inputs, node.attributes, node.op);
  return axes.length === 0
    ? reduced
    : op.reshape(
        reduced,
        inputs[0].shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
      );
}

function reduction(derivative: (x: Tensor, y: Tensor, g: Tensor, call: AdjointCall) => Tensor): Rule {
  return {
    infer: inferReduction,
    adjoint: (call) => {
      const g = restoreAxes(call.gradient, call);
      const y = restoreAxes(call.outputs[0], call);
      return [derivative(call.inputs[0], y, g, call), null];
    },
  };
}

/** How many elements each output of a reduction takes in, as a scalar tensor. */
function reducedCount(x: Tensor, axes: readonly number[]): Tensor {
  let fixed = 1;
  let count: Tensor | undefined;
  for (const axis of axes) {
    const dim = x.shape[axis];
    if (typeof dim === 'number') fixed *= dim;
    else {
      const size = op.cast(op.squeeze(x.graph.node('Shape', [x], { start: axis, end: axis + 1 })[0], [0]), x.dtype);
      count = count ? op.multiply(count, size) : size;
    }
  }
  return count ? op.multiply(count, fixed) : x.graph.scalar(fixed, x.dtype);
}

/** Ties share the gradient equally (PyTorch's amax). */
const extremum = reduction((x, y, g, { node }) => {
  const hit = op.cast(op.equal(x, y), x.dtype);
  const axes = reducedAxes(node.inputs, node.attributes, node.op);
  return op.multiply(hit, op.divide(g, op.reduceSum(hit, axes, true)));
});

const inferSame = (call: Call): Inferred[] => [{ dtype: need(call, 0).dtype, shape: need(call, 0).shape }];

export const reductions: RuleTable = {
  ReduceSum: reduction((x, _y, g) => op.expandLike(g, x)),
  ReduceMean: reduction((x, _y, g, { node }) =>
    op.expandLike(op.divide(g, reducedCount(x, reducedAxes(node.inputs, node.attributes, node.op))), x),
  ),
  ReduceSumSquare: reduction((x, _y, g) => op.multiply(op.multiply(x, 2), g)),
  ReduceL1: reduction((x, _y, g) => op.multiply(op.sign(x), g)),
  // The norm has no derivative at 0; like PyTorch, give 0 there.
  ReduceL2: reduction((x, y, g) => op.multiply(x, op.where(op.greater(y, 0), op.divide(g, y), 0))),
  ReduceLogSumExp: reduction((x, y, g) => op.multiply(g, op.exp(op.subtract(x, y)))),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ArgMax: {
    stopsGradient: true,
    infer: (call) => {
      const x = need(call, 0);
      const axis = axisOf(integerAttribute(call.attributes, 'axis', 0), x.rank, 'ArgMax');
      const keep = integerAttribute(call.attributes, 'keepdims', 1) === 1;
      const shape = keep ? x.shape.map((dim, i) => (i === axis ? 1 : dim)) : x.shape.filter((_, i) => i !== axis);
      return [{ dtype: 'int64', shape }];
    },
  },
  Softmax: {
    infer: inferSame,
    // dx = y (g - sum(g y))
    adjoint: ({ node, outputs, gradient }) => {
      const axis = axisOf(integerAttribute(node.attributes, 'axis', -1), outputs[0].rank, 'Softmax');
      const weighted = op.multiply(gradient, outputs[0]);
      return [op.subtract(weighted, op.multiply(outputs[0], op.reduceSum(weighted, [axis], true)))];
    },
  },
  LogSoftmax: {
    infer: inferSame,
    // dx = g - softmax sum(g)
    adjoint: ({ node, outputs, gradient }) => {
      const axis = axisOf(integerAttribute(node.attributes, 'axis', -1), outputs[0].rank, 'LogSoftmax');
      return [op.subtract(gradient, op.multiply(op.exp(outputs[0]), op.reduceSum(gradient, [axis], true)))];
    },
  },
};
