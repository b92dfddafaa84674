/** Pooling over one spatial axis. x: [batch, channels, length]. */
import { type Attributes, type Dim, GraphError, type Tensor } from '../recording.ts';
import { windowOutput } from '../shapes.ts';
import * as op from './functions.ts';
import {
  type Call,
  type Inferred,
  integerAttribute,
  listAttribute,
  need,
  type RuleTable,
  stringAttribute,
} from './rule.ts';

interface PoolWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly ceil: boolean;
}

function poolWindows(attributes: Attributes, what: string): PoolWindow[] {
  if (stringAttribute(attributes, 'auto_pad', 'NOTSET') !== 'NOTSET')
    throw new GraphError(`${what}: auto_pad is not supported; export with explicit pads`);
  const kernels = listAttribute(attributes, 'kernel_shape', []);
  const ones = kernels.map(() => 1);
  const strides = listAttribute(attributes, 'strides', ones);
  const dilations = listAttribute(attributes, 'dilations', ones);
  const pads = listAttribute(
    attributes,
    'pads',
    [...kernels, ...kernels].map(() => 0),
  );
  const ceil = integerAttribute(attributes, 'ceil_mode', 0) === 1;
  return kernels.map((kernel, i) => ({
    kernel,
    stride: strides[i],
    dilation: dilations[i],
    before: pads[i],
    after: pads[i + kernels.length],
    ceil,
  }));
}

function inferPool(call: Call): Inferred[] {
  const x = need(call, 0);
  const spatial = poolWindows(call.attributes, call.op);
  if (spatial.length !== x.rank - 2)
    throw new GraphError(`${call.op}: kernel_shape has ${spatial.length} axes, '${x.name}' is [${x.shape}]`);
  const shape: Dim[] = [...x.shape.slice(0, 2), ...spatial.map((window, i) => windowOutput(x.shape[i + 2], window))];
  const pooled: Inferred = { dtype: x.dtype, shape };
  return call.outputs > 1 ? [pooled, { dtype: 'int64', shape }] : [pooled];
}

/** Spreads each step of [rows, 1, steps] evenly over the positions its window covered: [rows, 1, length]. */
function spread(rows: Tensor, window: PoolWindow, length: Dim): Tensor {
  const graph = rows.graph;
  const ones = graph.constant(new Float32Array(window.kernel).fill(1), [1, 1, window.kernel]);
  const full = graph.node('ConvTranspose', [rows, ones], { strides: [window.stride] })[0];
  const have = full.shape[2];
  if (typeof have !== 'number' || typeof length !== 'number')
    throw new GraphError('AveragePool: a numeric length is needed to differentiate it');
  const missing = Math.max(0, window.before + length - have);
  return op.slice(op.pad(full, [0, 0, 0], [0, 0, missing]), 2, window.before, window.before + length);
}

export const pooling: RuleTable = {
  MaxPool: {
    infer: inferPool,
    adjoint: ({ graph, node, inputs, gradient }) => {
      const [x] = inputs;
      if (x.rank !== 3)
        throw new GraphError(`MaxPool: the adjoint covers one spatial axis; '${x.name}' is [${x.shape}]`);
      // The operator tells where each maximum stood, as an index into the flattened input.
      const indices = node.outputs[1] ?? graph.extraOutput(node, 'int64', node.outputs[0].shape);
      const zeros = op.reshape(op.fullLike(x, 0), [-1]);
      const scattered = op.scatterElements(zeros, op.reshape(indices, [-1]), op.reshape(gradient, [-1]), 0, 'add');
      return [op.reshapeLike(scattered, x)];
    },
  },
  AveragePool: {
    infer: inferPool,
    adjoint: ({ graph, node, inputs, gradient }) => {
      const [x] = inputs;
      if (x.rank !== 3)
        throw new GraphError(`AveragePool: the adjoint covers one spatial axis; '${x.name}' is [${x.shape}]`);
      const [window] = poolWindows(node.attributes, 'AveragePool');
      const [length, steps] = [x.shape[2], gradient.shape[2]];
      if (typeof length !== 'number' || typeof steps !== 'number')
        throw new GraphError('AveragePool: a numeric length is needed to differentiate it');
      const includePad = integerAttribute(node.attributes, 'count_include_pad', 0) === 1;
      // How many positions each window averaged over.
      const counts = Float32Array.from({ length: steps }, (_, i) => {
        const start = i * window.stride - window.before;
        const [low, high] = includePad ? [-window.before, length + window.after] : [0, length];
        return Math.min(start + window.kernel, high) - Math.max(start, low);
      });
      const scaled = op.divide(gradient, graph.constant(counts, [steps]));
      return [op.reshapeLike(spread(op.reshape(scaled, [-1, 1, steps]), window, length), x)];
    },
  },
  GlobalAveragePool: {
    infer: (call) => [{ dtype: need(call, 0).dtype, shape: need(call, 0).shape.map((dim, i) => (i < 2 ? dim : 1)) }],
    adjoint: ({ inputs, gradient }) => {
      const [x] = inputs;
      const count = x.shape.slice(2).reduce<number>((product, dim) => {
        if (typeof dim !== 'number') throw new GraphError('GlobalAveragePool: use reduceMean for a symbolic length');
        return product * dim;
      }, 1);
      return [op.expandLike(op.divide(gradient, count), x)];
    },
  },
  GlobalMaxPool: {
    infer: (call) => [{ dtype: need(call, 0).dtype, shape: need(call, 0).shape.map((dim, i) => (i < 2 ? dim : 1)) }],
    adjoint: ({ inputs, outputs, gradient }) => {
      const [x] = inputs;
      const hit = op.cast(op.equal(x, outputs[0]), x.dtype);
      const axes = x.shape.map((_, i) => i).slice(2);
      return [op.multiply(hit, op.divide(gradient, op.reduceSum(hit, axes, true)))];
    },
  },
};
