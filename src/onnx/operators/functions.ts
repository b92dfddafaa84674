/**
 * The operators as functions: `matmul(a, b)` appends a MatMul node to a's graph. Names and meanings are ONNX's; numbers given in
 * place of tensors become constants of the other operand's type.
 */
import type { Recording, Tensor } from '../recording.ts';
import { axisOf, isStatic, sameShape } from '../shapes.ts';
import { type Dim, DTYPE_CODES, type DType, type Shape } from '../tensor-type.ts';

export type Operand = Tensor | number;

function lift(graph: Recording, value: Operand, dtype: DType): Tensor {
  return typeof value === 'number' ? graph.scalar(value, dtype) : value;
}

function binary(op: string) {
  return (a: Operand, b: Operand): Tensor => {
    const reference = typeof a === 'number' ? (b as Tensor) : a;
    const graph = reference.graph;
    return graph.node(op, [lift(graph, a, reference.dtype), lift(graph, b, reference.dtype)])[0];
  };
}

function unary(op: string) {
  return (x: Tensor): Tensor => x.graph.node(op, [x])[0];
}

export const add = binary('Add');
export const subtract = binary('Sub');
export const multiply = binary('Mul');
export const divide = binary('Div');
export const power = binary('Pow');
export const minimum = binary('Min');
export const maximum = binary('Max');
export const equal = binary('Equal');
export const less = binary('Less');
export const lessOrEqual = binary('LessOrEqual');
export const greater = binary('Greater');
export const greaterOrEqual = binary('GreaterOrEqual');
export const and = binary('And');
export const or = binary('Or');

export const negate = unary('Neg');
export const exp = unary('Exp');
export const log = unary('Log');
export const sqrt = unary('Sqrt');
export const abs = unary('Abs');
export const sin = unary('Sin');
export const cos = unary('Cos');
export const erf = unary('Erf');
export const tanh = unary('Tanh');
export const sigmoid = unary('Sigmoid');
export const relu = unary('Relu');
export const softplus = unary('Softplus');
export const reciprocal = unary('Reciprocal');
export const sign = unary('Sign');
export const not = unary('Not');
export const identity = unary('Identity');
export const floor = unary('Floor');

/** x * Phi(x) with the exact normal distribution function, or its tanh approximation (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor {
  return x.graph.node('Gelu', [x], { approximate })[0];
}

export function cast(x: Tensor, to: DType): Tensor {
  return x.dtype === to ? x : x.graph.node('Cast', [x], { to: DTYPE_CODES[to] })[0];
}

export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32';
  const graph = condition.graph;
  return graph.node('Where', [condition, lift(graph, a, dtype), lift(graph, b, dtype)])[0];
}

export function matmul(a: Tensor, b: Tensor): Tensor {
  return a.graph.node('MatMul', [a, b])[0];
}

/** alpha * op(a) op(b) + beta * c for matrices. */
export function gemm(
  a: Tensor,
  b: Tensor,
  c: Tensor | null = null,
  options: { transA?: boolean; transB?: boolean; alpha?: number; beta?: number } = {},
): Tensor {
  const attributes = {
    transA: options.transA ? 1 : 0,
    transB: options.transB ? 1 : 0,
    alpha: options.alpha ?? 1,
    beta: options.beta ?? 1,
  };
  return a.graph.node('Gemm', c ? [a, b, c] : [a, b], attributes)[0];
}

export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  if (permutation.every((axis, i) => axis === i)) return x;
  return x.graph.node('Transpose', [x], { perm: permutation })[0];
}

/** A shape as an int64 tensor: constants where numbers are known, sizes read off the inputs where symbols stand. */
export function shapeTensor(graph: Recording, shape: Shape): Tensor {
  if (isStatic(shape)) return graph.integers(shape);
  const parts: Tensor[] = [];
  let run: number[] = [];
  const flush = () => {
    if (run.length > 0) parts.push(graph.integers(run));
    run = [];
  };
  for (const dim of shape) {
    if (typeof dim === 'number') run.push(dim);
    else {
      flush();
      parts.push(graph.dimension(dim));
    }
  }
  flush();
  return parts.length === 1 ? parts[0] : concat(parts, 0);
}

/** Reshape. One dimension may be -1; symbols are resolved against the input's own dimensions or the graph's inputs. */
export function reshape(x: Tensor, shape: readonly Dim[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const graph = x.graph;
  const symbols = shape.filter((dim) => typeof dim === 'string');
  let target: Tensor;
  if (symbols.length === 0) target = graph.integers(shape as readonly number[]);
  else if (symbols.length === 1 && !shape.includes(-1))
    target = graph.targetShape(
      shape.map((dim) => (typeof dim === 'string' ? -1 : dim)),
      shape,
    );
  else if (shape.every((dim, i) => typeof dim === 'number' || dim === x.shape[i]))
    // 0 copies the input's dimension of the same position.
    target = graph.targetShape(
      shape.map((dim) => (typeof dim === 'string' ? 0 : dim)),
      shape,
    );
  else target = shapeTensor(graph, shape);
  return graph.node('Reshape', [x, target])[0];
}

/** Reshape to the shape of another tensor. */
export function reshapeLike(x: Tensor, like: Tensor): Tensor {
  if (sameShape(x.shape, like.shape)) return x;
  return isStatic(like.shape) ? reshape(x, like.shape) : x.graph.node('Reshape', [x, shapeOf(like)])[0];
}

export function shapeOf(x: Tensor): Tensor {
  return x.graph.node('Shape', [x])[0];
}

export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  if (tensors.length === 1) return tensors[0];
  return tensors[0].graph.node('Concat', tensors, { axis })[0];
}

export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  return x.graph.node('Split', [x, x.graph.integers(sizes)], { axis }, { outputs: sizes.length });
}

/** x[..., start:end:step, ...] along one axis. `end` may be Infinity. */
export function slice(x: Tensor, axis: number, start: number, end: number, step = 1): Tensor {
  const graph = x.graph;
  const bound = Number.isFinite(end) ? end : end > 0 ? 2 ** 31 - 1 : -(2 ** 31);
  const inputs = [x, graph.integers([start]), graph.integers([bound]), graph.integers([axis]), graph.integers([step])];
  return graph.node('Slice', inputs)[0];
}

/** Reverses one axis. */
export function flip(x: Tensor, axis: number): Tensor {
  return slice(x, axis, -1, Number.NEGATIVE_INFINITY, -1);
}

/** Reverses the first `lengths[b]` steps of each row and leaves the rest: x [t, b, ...], lengths int64 [b]. */
export function reverseSequence(x: Tensor, lengths: Tensor): Tensor {
  return x.graph.node('ReverseSequence', [x, lengths], { time_axis: 0, batch_axis: 1 })[0];
}

/** Pads with a constant; `before` and `after` per axis. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[], value = 0): Tensor {
  if (before.every((p) => p === 0) && after.every((p) => p === 0)) return x;
  const graph = x.graph;
  return graph.node('Pad', [x, graph.integers([...before, ...after]), graph.scalar(value, x.dtype)], {
    mode: 'constant',
  })[0];
}

export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  return x.graph.node('Expand', [x, shapeTensor(x.graph, shape)])[0];
}

export function expandLike(x: Tensor, like: Tensor): Tensor {
  if (sameShape(x.shape, like.shape)) return x;
  return isStatic(like.shape) ? expand(x, like.shape) : x.graph.node('Expand', [x, shapeOf(like)])[0];
}

export function squeeze(x: Tensor, axes: readonly number[]): Tensor {
  return x.graph.node('Squeeze', [x, x.graph.integers(axes)])[0];
}

export function unsqueeze(x: Tensor, axes: readonly number[]): Tensor {
  return x.graph.node('Unsqueeze', [x, x.graph.integers(axes)])[0];
}

/** A tensor filled with one value, of the shape another has at run time. */
export function fullLike(x: Tensor, value: number): Tensor {
  return expandLike(x.graph.scalar(value, x.dtype), x);
}

export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return x.graph.node('Gather', [x, indices], { axis })[0];
}

/** Places of the values that are not 0, row-major: [rank, n]. */
export function nonZero(x: Tensor): Tensor {
  return x.graph.node('NonZero', [x])[0];
}

export function gatherElements(x: Tensor, indices: Tensor, axis: number): Tensor {
  return x.graph.node('GatherElements', [x, indices], { axis })[0];
}

export function scatterElements(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  axis: number,
  reduction: 'none' | 'add' = 'none',
): Tensor {
  return x.graph.node('ScatterElements', [x, indices, updates], { axis, reduction })[0];
}

export function gatherND(x: Tensor, indices: Tensor): Tensor {
  return x.graph.node('GatherND', [x, indices])[0];
}

export function scatterND(x: Tensor, indices: Tensor, updates: Tensor, reduction: 'none' | 'add' = 'none'): Tensor {
  return x.graph.node('ScatterND', [x, indices, updates], { reduction })[0];
}

function reduction(op: string) {
  return (x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor => {
    const inputs = axes ? [x, x.graph.integers(axes.map((axis) => axisOf(axis, x.rank, op)))] : [x];
    return x.graph.node(op, inputs, { keepdims: keepDims ? 1 : 0 })[0];
  };
}

export const reduceSum = reduction('ReduceSum');
export const reduceMean = reduction('ReduceMean');
export const reduceMax = reduction('ReduceMax');
export const reduceMin = reduction('ReduceMin');
export const reduceSumSquare = reduction('ReduceSumSquare');
export const reduceL2 = reduction('ReduceL2');
export const reduceLogSumExp = reduction('ReduceLogSumExp');

export function softmax(x: Tensor, axis = -1): Tensor {
  return x.graph.node('Softmax', [x], { axis })[0];
}

export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return x.graph.node('LogSoftmax', [x], { axis })[0];
}

export function argMax(x: Tensor, axis: number, keepDims = false): Tensor {
  return x.graph.node('ArgMax', [x], { axis, keepdims: keepDims ? 1 : 0 })[0];
}
