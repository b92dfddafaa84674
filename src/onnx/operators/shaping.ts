/** Operators that move values without changing them, and those that compute shapes. Windows and margins: `slicing.ts`. */
import { type Dim, type DType, GraphError, type Tensor } from '../recording.ts';
import { addDims, axisOf, broadcast, divide, multiply } from '../shapes.ts';
import * as op from './functions.ts';
import {
  type Call,
  type Inferred,
  integerAttribute,
  knownIntegers,
  listAttribute,
  need,
  type Rule,
  type RuleTable,
  unbroadcast,
} from './rule.ts';

function inferReshape(call: Call): Inferred[] {
  const x = need(call, 0);
  const target = need(call, 1);
  if (!target.known)
    throw new GraphError(`Reshape of '${x.name}': the target shape is not known while the graph is built`);
  const allowZero = integerAttribute(call.attributes, 'allowzero', 0) === 1;
  const shape = target.known.map((dim, i) => (dim === 0 && !allowZero ? x.shape[i] : dim));
  const free = shape.indexOf(-1);
  if (free >= 0)
    shape[free] = divide(
      x.shape,
      shape.filter((_, i) => i !== free),
    );
  const [before, after] = [multiply(x.shape), multiply(shape)];
  if (typeof before === 'number' && typeof after === 'number' && before !== after)
    throw new GraphError(`can't reshape '${x.name}' [${x.shape}] (${before} elements) to [${shape}] (${after})`);
  return [{ dtype: x.dtype, shape, known: shape.length <= 1 ? x.known : undefined }];
}

const backToInput: Rule['adjoint'] = ({ inputs, gradient }) => [op.reshapeLike(gradient, inputs[0]), null];

function axesOf(call: Call, what: string): number[] | undefined {
  if (call.inputs[1]) return knownIntegers(call.inputs[1], `${what}'s axes`);
  return call.attributes.axes ? [...listAttribute(call.attributes, 'axes', [])] : undefined;
}

/** Values of a small int64 vector that is one number throughout. */
function filled(value: Call['attributes'][string] | undefined, shape: readonly Dim[]): Dim[] | undefined {
  const [number] = value && typeof value === 'object' && 'known' in value ? ((value as Tensor).known ?? []) : [];
  const [length = 1] = shape;
  if (number === undefined || shape.length > 1 || typeof length !== 'number' || length > 64) return undefined;
  return new Array<Dim>(length).fill(number);
}

export const shaping: RuleTable = {
  Reshape: { infer: inferReshape, adjoint: backToInput },
  Flatten: {
    infer: (call) => {
      const x = need(call, 0);
      const axis = integerAttribute(call.attributes, 'axis', 1);
      const at = axis < 0 ? axis + x.rank : axis;
      return [{ dtype: x.dtype, shape: [multiply(x.shape.slice(0, at)), multiply(x.shape.slice(at))] }];
    },
    adjoint: backToInput,
  },
  Squeeze: {
    infer: (call) => {
      const x = need(call, 0);
      const axes = axesOf(call, 'Squeeze')?.map((axis) => axisOf(axis, x.rank, 'Squeeze'));
      const shape = x.shape.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1));
      return [{ dtype: x.dtype, shape, known: x.known }];
    },
    adjoint: backToInput,
  },
  Unsqueeze: {
    infer: (call) => {
      const x = need(call, 0);
      const given = axesOf(call, 'Unsqueeze') ?? [];
      const rank = x.rank + given.length;
      const axes = given.map((axis) => axisOf(axis, rank, 'Unsqueeze'));
      const rest = [...x.shape];
      const shape = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() as Dim)));
      return [{ dtype: x.dtype, shape, known: rank <= 1 ? x.known : undefined }];
    },
    adjoint: backToInput,
  },
  Transpose: {
    infer: (call) => {
      const x = need(call, 0);
      const permutation = listAttribute(
        call.attributes,
        'perm',
        x.shape.map((_, i) => x.rank - 1 - i),
      );
      if (permutation.length !== x.rank)
        throw new GraphError(`Transpose of '${x.name}': ${permutation.length} axes given for rank ${x.rank}`);
      return [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis]) }];
    },
    adjoint: ({ node, inputs, gradient }) => {
      const rank = inputs[0].rank;
      const permutation = listAttribute(
        node.attributes,
        'perm',
        inputs[0].shape.map((_, i) => rank - 1 - i),
      );
      return [
        op.transpose(
          gradient,
          Array.from({ length: rank }, (_, axis) => permutation.indexOf(axis)),
        ),
      ];
    },
  },
  Concat: {
    infer: (call) => {
      const tensors = call.inputs.map((_, i) => need(call, i));
      const axis = axisOf(integerAttribute(call.attributes, 'axis', 0), tensors[0].rank, 'Concat');
      const shape = tensors[0].shape.map((dim, i) => (i === axis ? addDims(tensors.map((t) => t.shape[axis])) : dim));
      const known = tensors.every((t) => t.known && t.rank === 1)
        ? tensors.flatMap((t) => [...(t.known as Dim[])])
        : undefined;
      return [{ dtype: tensors[0].dtype, shape, known }];
    },
    adjoint: ({ node, inputs, gradient }) => {
      const axis = axisOf(integerAttribute(node.attributes, 'axis', 0), inputs[0].rank, 'Concat');
      const sizes = inputs.map((input) => input.shape[axis]);
      if (!sizes.every((size) => typeof size === 'number'))
        throw new GraphError(`Concat: no adjoint along an axis with symbolic sizes [${sizes}]`);
      return op.split(gradient, axis, sizes as number[]);
    },
  },
  Split: {
    infer: (call) => {
      const x = need(call, 0);
      const axis = axisOf(integerAttribute(call.attributes, 'axis', 0), x.rank, 'Split');
      const total = x.shape[axis];
      let sizes = call.inputs[1] ? knownIntegers(call.inputs[1], "Split's sizes") : undefined;
      if (!sizes) {
        if (typeof total !== 'number') throw new GraphError('Split: sizes must be given for a symbolic dimension');
        const size = Math.ceil(total / call.outputs);
        sizes = Array.from({ length: call.outputs }, (_, i) => Math.min(size, total - i * size));
      }
      return sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.map((dim, i) => (i === axis ? size : dim)) }));
    },
    manyOutputs: true,
    adjoint: ({ node, outputs, gradients }) => {
      const axis = axisOf(integerAttribute(node.attributes, 'axis', 0), outputs[0].rank, 'Split');
      const parts = gradients.map((g, i) => g ?? op.fullLike(outputs[i], 0));
      return [op.concat(parts, axis), null];
    },
  },
  Expand: {
    infer: (call) => {
      const x = need(call, 0);
      const target = need(call, 1).known;
      if (!target)
        throw new GraphError(`Expand of '${x.name}': the target shape is not known while the graph is built`);
      return [{ dtype: x.dtype, shape: broadcast(x.shape, target) }];
    },
    adjoint: ({ inputs, gradient }) => [unbroadcast(gradient, inputs[0]), null],
  },
  Tile: {
    infer: (call) => {
      const x = need(call, 0);
      const repeats = knownIntegers(call.inputs[1], "Tile's repeats");
      return [{ dtype: x.dtype, shape: x.shape.map((dim, axis) => multiply([repeats[axis], dim])) }];
    },
    // Every axis of size r * n is seen as [r, n]; the copies' gradients add up over the r.
    adjoint: ({ node, inputs, gradient }) => {
      const repeats = knownIntegers(node.inputs[1], "Tile's repeats");
      const split = op.reshape(
        gradient,
        inputs[0].shape.flatMap((dim, axis) => [repeats[axis], dim]),
      );
      return [
        op.reduceSum(
          split,
          repeats.map((_, axis) => 2 * axis),
          false,
        ),
        null,
      ];
    },
  },
  Shape: {
    stopsGradient: true,
    infer: (call) => {
      const x = need(call, 0);
      const start = integerAttribute(call.attributes, 'start', 0);
      const end = integerAttribute(call.attributes, 'end', x.rank);
      const known = x.shape.slice(start, end);
      return [{ dtype: 'int64', shape: [known.length], known }];
    },
  },
  Size: {
    stopsGradient: true,
    infer: (call) => {
      const total = multiply(need(call, 0).shape);
      return [{ dtype: 'int64', shape: [], known: [total] }];
    },
  },
  ConstantOfShape: {
    stopsGradient: true,
    infer: (call) => {
      const target = need(call, 0).known;
      if (!target) throw new GraphError('ConstantOfShape: the shape is not known while the graph is built');
      const value = call.attributes.value;
      const dtype: DType = value && typeof value === 'object' && 'dtype' in value ? (value as Tensor).dtype : 'float32';
      return [{ dtype, shape: target, known: filled(value, target) }];
    },
  },
  Range: {
    stopsGradient: true,
    infer: (call) => {
      const limit = call.inputs[1]?.known?.[0];
      const start = call.inputs[0]?.known?.[0];
      const step = call.inputs[2]?.known?.[0];
      const simple = start === 0 && step === 1;
      const size =
        typeof limit === 'number' && typeof start === 'number' && typeof step === 'number'
          ? Math.max(0, Math.ceil((limit - start) / step))
          : simple && limit !== undefined
            ? limit
            : `range(${String(start)},${String(limit)},${String(step)})`;
      return [{ dtype: need(call, 0).dtype, shape: [size] }];
    },
  },
};
