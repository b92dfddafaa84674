/** Operators that pick or place values by index. Adjoint of a pick is an adding placement, and the other way round. */
import { type Dim, GraphError } from '../recording.ts';
import { axisOf, isStatic } from '../shapes.ts';
import * as op from './functions.ts';
import { type Call, type Inferred, integerAttribute, need, type RuleTable, stringAttribute } from './rule.ts';

const likeFirst = (call: Call): Inferred[] => [{ dtype: need(call, 0).dtype, shape: need(call, 0).shape }];

export const indexing: RuleTable = {
  Gather: {
    infer: (call) => {
      const [x, indices] = [need(call, 0), need(call, 1)];
      const axis = axisOf(integerAttribute(call.attributes, 'axis', 0), x.rank, 'Gather');
      const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
      const picked =
        x.known && indices.known?.every((i) => typeof i === 'number')
          ? indices.known.map(
              (i) =>
                (x.known as readonly Dim[])[
                  (i as number) < 0 ? (i as number) + (x.known as readonly Dim[]).length : (i as number)
                ],
            )
          : undefined;
      return [{ dtype: x.dtype, shape, known: picked }];
    },
    adjoint: ({ node, inputs, gradient }) => {
      const [x, indices] = inputs;
      const axis = axisOf(integerAttribute(node.attributes, 'axis', 0), x.rank, 'Gather');
      // Rows to the front: [indices..., rest...] added into zeros of [axis, rest...].
      const k = indices.rank;
      const order = Array.from({ length: gradient.rank }, (_, i) => i);
      const front = [...order.slice(axis, axis + k), ...order.slice(0, axis), ...order.slice(axis + k)];
      const updates = op.transpose(gradient, front);
      const moved = [axis, ...Array.from({ length: x.rank }, (_, i) => i).filter((i) => i !== axis)];
      const zero = x.graph.scalar(0, x.dtype);
      const zeros = isStatic(x.shape)
        ? op.expand(
            zero,
            moved.map((i) => x.shape[i]),
          )
        : x.graph.node('Expand', [zero, op.gather(op.shapeOf(x), x.graph.integers(moved))])[0];
      const wrapped = nonNegative(op.cast(indices, 'int64'), x.shape[axis]); // placing takes int64
      const scattered = op.scatterND(zeros, op.unsqueeze(wrapped, [k]), updates, 'add');
      return [
        op.transpose(
          scattered,
          Array.from({ length: x.rank }, (_, i) => moved.indexOf(i)),
        ),
        null,
      ];
    },
  },
  GatherElements: {
    infer: (call) => [{ dtype: need(call, 0).dtype, shape: need(call, 1).shape }],
    adjoint: ({ node, inputs, gradient }) => {
      const axis = integerAttribute(node.attributes, 'axis', 0);
      return [op.scatterElements(op.fullLike(inputs[0], 0), inputs[1], gradient, axis, 'add'), null];
    },
  },
  ScatterElements: {
    infer: likeFirst,
    adjoint: ({ node, inputs, gradient, needs }) => {
      const axis = integerAttribute(node.attributes, 'axis', 0);
      const reduction = stringAttribute(node.attributes, 'reduction', 'none');
      const [, indices, updates] = inputs;
      const toUpdates = needs[2] ? op.gatherElements(gradient, indices, axis) : null;
      if (reduction === 'add') return [gradient, null, toUpdates];
      if (reduction !== 'none') throw new GraphError(`ScatterElements: no adjoint for reduction '${reduction}'`);
      // Overwritten positions pass nothing back to the base.
      const base = needs[0] ? op.scatterElements(gradient, indices, op.fullLike(updates, 0), axis) : null;
      return [base, null, toUpdates];
    },
  },
  GatherND: {
    infer: (call) => {
      const [x, indices] = [need(call, 0), need(call, 1)];
      if (integerAttribute(call.attributes, 'batch_dims', 0) !== 0)
        throw new GraphError('GatherND: batch_dims is not supported');
      const depth = indices.shape[indices.rank - 1];
      if (typeof depth !== 'number') throw new GraphError('GatherND: the index depth must be a number');
      return [{ dtype: x.dtype, shape: [...indices.shape.slice(0, -1), ...x.shape.slice(depth)] }];
    },
    adjoint: ({ inputs, gradient }) => [op.scatterND(op.fullLike(inputs[0], 0), inputs[1], gradient, 'add'), null],
  },
  ScatterND: {
    infer: likeFirst,
    adjoint: ({ node, inputs, gradient, needs }) => {
      const reduction = stringAttribute(node.attributes, 'reduction', 'none');
      const [, indices, updates] = inputs;
      const toUpdates = needs[2] ? op.gatherND(gradient, indices) : null;
      if (reduction === 'add') return [gradient, null, toUpdates];
      if (reduction !== 'none') throw new GraphError(`ScatterND: no adjoint for reduction '${reduction}'`);
      return [needs[0] ? op.scatterND(gradient, indices, op.fullLike(updates, 0)) : null, null, toUpdates];
    },
  },
  NonZero: {
    stopsGradient: true,
    infer: (call) => [{ dtype: 'int64', shape: [need(call, 0).rank, `nonzero(${need(call, 0).name})`] }],
  },
  CumSum: {
    infer: likeFirst,
    adjoint: ({ graph, node, inputs, gradient }) => {
      const reverse = integerAttribute(node.attributes, 'reverse', 0);
      const exclusive = integerAttribute(node.attributes, 'exclusive', 0);
      return [graph.node('CumSum', [gradient, inputs[1]], { reverse: 1 - reverse, exclusive })[0], null];
    },
  },
};

/** Indices counted from the end become positive, which placing operators need. */
function nonNegative(indices: Parameters<typeof op.where>[0], size: Dim) {
  if (indices.known?.every((i) => typeof i === 'number' && i >= 0)) return indices;
  if (typeof size !== 'number') return indices;
  const zero = indices.graph.scalar(0, indices.dtype);
  return op.where(op.less(indices, zero), op.add(indices, size), indices);
}
