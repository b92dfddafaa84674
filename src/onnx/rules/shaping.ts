/** Operators that move values without changing them, and those that compute shapes. */
import { type Dim, type DType, GraphError, type Tensor } from '../graph.ts';
import * as op from '../ops.ts';
import { addDims, axisOf, broadcast, divide, multiply } from '../shapes.ts';
import {
  type Call,
  type Inferred,
  integerAttribute,
  knownIntegers,
  listAttribute,
  need,
  type Rule,
  type RuleTable,
  stringAttribute,
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

/** start, end, axis, step of a Slice, resolved against known sizes. */
interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

function cutsOf(inputs: readonly (Tensor | null)[], rank: number): Cut[] {
  const starts = knownIntegers(inputs[1], "Slice's starts");
  const ends = knownIntegers(inputs[2], "Slice's ends");
  const axes = inputs[3] ? knownIntegers(inputs[3], "Slice's axes") : starts.map((_, i) => i);
  const steps = inputs[4] ? knownIntegers(inputs[4], "Slice's steps") : starts.map(() => 1);
  return starts.map((start, i) => ({
    axis: axisOf(axes[i], rank, 'Slice'),
    start,
    end: ends[i],
    step: steps[i],
  }));
}

/** First index taken and how many, for a dimension of known size. */
function resolveCut(cut: Cut, size: number): { first: number; count: number } {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  const index = (value: number) => (value < 0 ? value + size : value);
  if (cut.step > 0) {
    const first = clamp(index(cut.start), 0, size);
    const last = clamp(index(cut.end), 0, size);
    return { first, count: Math.max(0, Math.ceil((last - first) / cut.step)) };
  }
  const first = clamp(index(cut.start), -1, size - 1);
  const last = clamp(index(cut.end), -1, size - 1);
  return { first, count: Math.max(0, Math.ceil((last - first) / cut.step)) };
}

function cutDim(cut: Cut, dim: Dim): Dim {
  if (typeof dim === 'number') return resolveCut(cut, dim).count;
  if (cut.step === 1 && cut.start === 0 && cut.end < 0) return addDims([dim, cut.end]);
  if (cut.step === 1 && cut.start >= 0 && cut.end >= 2 ** 31 - 1)
    return cut.start === 0 ? dim : addDims([dim, -cut.start]);
  if (cut.step === -1 && cut.start === -1 && cut.end <= -(2 ** 31 - 1)) return dim;
  return `slice(${dim},${cut.start}:${cut.end}:${cut.step})`;
}

const slicing: Rule = {
  infer: (call) => {
    const x = need(call, 0);
    const starts = call.inputs[1];
    const shape = [...x.shape];
    if (!starts?.known) throw new GraphError(`Slice of '${x.name}': starts must be known while the graph is built`);
    const cuts = cutsOf(call.inputs, x.rank);
    for (const cut of cuts) shape[cut.axis] = cutDim(cut, shape[cut.axis]);
    let known: Dim[] | undefined;
    if (x.known && x.rank === 1) {
      const { first, count } = resolveCut(cuts[0], x.known.length);
      known = Array.from({ length: count }, (_, i) => (x.known as readonly Dim[])[first + i * cuts[0].step]);
    }
    return [{ dtype: x.dtype, shape, known }];
  },
  adjoint: ({ inputs, node, gradient }) => {
    const x = inputs[0];
    let result = gradient;
    for (const cut of cutsOf(node.inputs, x.rank)) {
      const dim = x.shape[cut.axis];
      const size = result.shape[cut.axis];
      const full = cut.step === 1 && dim === size;
      if (full) continue;
      if (cut.step === -1 && dim === size) {
        result = op.flip(result, cut.axis);
        continue;
      }
      if (typeof dim === 'number' && cut.step === 1) {
        const { first, count } = resolveCut(cut, dim);
        const before = Array.from({ length: x.rank }, (_, axis) => (axis === cut.axis ? first : 0));
        const after = Array.from({ length: x.rank }, (_, axis) => (axis === cut.axis ? dim - first - count : 0));
        result = op.pad(result, before, after);
        continue;
      }
      if (typeof dim !== 'number') {
        // A window of an axis of symbolic length that leaves a known number of elements out at each end.
        if (cut.step === 1 && cut.start >= 0 && (cut.end < 0 || cut.end >= 2 ** 31 - 1)) {
          const at = (value: number) => Array.from({ length: x.rank }, (_, axis) => (axis === cut.axis ? value : 0));
          result = op.pad(result, at(cut.start), at(cut.end < 0 ? -cut.end : 0));
          continue;
        }
        throw new GraphError(
          `Slice: no adjoint for [${cut.start}:${cut.end}:${cut.step}] of a symbolic dimension '${dim}'`,
        );
      }
      // Strided: scatter the rows back to where they came from.
      const { first, count } = resolveCut(cut, dim);
      const positions = Array.from({ length: count }, (_, i) => first + i * cut.step);
      const inverse = Array.from({ length: dim }, (_, i) => positions.indexOf(i));
      const padded = op.pad(
        result,
        result.shape.map(() => 0),
        result.shape.map((_, axis) => (axis === cut.axis ? 1 : 0)),
      );
      result = op.gather(padded, x.graph.integers(inverse.map((at) => (at < 0 ? count : at))), cut.axis);
    }
    return [result, null, null, null, null];
  },
};

/** Zeros before and after, per axis; negative numbers crop. */
function padsOf(inputs: readonly (Tensor | null)[], rank: number): { before: number[]; after: number[] } {
  const pads = knownIntegers(inputs[1], "Pad's pads");
  const axes = inputs[3]
    ? knownIntegers(inputs[3], "Pad's axes").map((axis) => axisOf(axis, rank, 'Pad'))
    : Array.from({ length: rank }, (_, axis) => axis);
  const before = new Array<number>(rank).fill(0);
  const after = new Array<number>(rank).fill(0);
  axes.forEach((axis, i) => {
    before[axis] = pads[i];
    after[axis] = pads[i + axes.length];
  });
  return { before, after };
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
  Slice: slicing,
  Pad: {
    infer: (call) => {
      const x = need(call, 0);
      if (stringAttribute(call.attributes, 'mode', 'constant') !== 'constant')
        throw new GraphError("Pad: only mode 'constant' is supported");
      const { before, after } = padsOf(call.inputs, x.rank);
      return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => addDims([dim, before[i] + after[i]])) }];
    },
    // Padding with the signs turned: what was added is cut off, what was cut off gets zeros.
    adjoint: ({ node, inputs, gradient }) => {
      const { before, after } = padsOf(node.inputs, inputs[0].rank);
      const back = op.pad(
        gradient,
        before.map((p) => -p),
        after.map((p) => -p),
      );
      return [op.reshapeLike(back, inputs[0]), null, null, null];
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
      return [{ dtype, shape: target }];
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
