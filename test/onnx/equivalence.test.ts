/** The same function written in two ways must have the same value and the same gradients. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../src/onnx/graph.ts';
import { attention } from '../../src/onnx/layers/attention.ts';
import { INFERENCE } from '../../src/onnx/layers/dropout.ts';
import * as layers from '../../src/onnx/layers/layers.ts';
import { binaryCrossEntropy, softmaxCrossEntropy } from '../../src/onnx/layers/losses.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { floats, relativeError, runGraph } from './helpers.ts';

const INPUTS = {
  sequence: [3, 4, 11],
  kernel: [5, 4, 3],
  matrix: [6, 5],
  gain: [5],
  shift: [5],
  query: [2, 3, 4],
  key: [2, 3, 4],
  value: [2, 3, 4],
  channelGain: [4],
  channelShift: [4],
} as const;
type Inputs = Readonly<Record<keyof typeof INPUTS, Tensor>>;

const count = (shape: readonly number[]) => shape.reduce((n, dim) => n * dim, 1);
const wave = (size: number, phase: number) =>
  Float32Array.from({ length: size }, (_, i) => 1.3 * Math.sin(2.1 * i + phase) + 0.4 * Math.cos(5.7 * i));
const feeds = Object.fromEntries(
  Object.entries(INPUTS).map(([name, shape], i) => [name, floats(wave(count(shape), i), shape)]),
);

/** Value and gradients with respect to the named inputs of sum(c f), c fixed. */
async function evaluate(build: (inputs: Inputs, graph: Graph) => Tensor, names: readonly (keyof Inputs)[]) {
  const graph = new Graph();
  const inputs = Object.fromEntries(
    Object.entries(INPUTS).map(([name, shape]) => [name, graph.input(name, 'float32', shape)]),
  ) as unknown as Inputs;
  const output = build(inputs, graph);
  const size = output.shape.reduce<number>((n, dim) => n * Number(dim), 1);
  const seed = graph.constant(wave(size, 9), output.shape as readonly number[]);
  graph.output('result', output);
  gradients(
    output,
    names.map((name) => inputs[name]),
    { seed },
  ).forEach((gradient, i) => {
    graph.output(`grad:${names[i]}`, gradient);
  });
  const bound = Object.fromEntries(
    [...graph.parameters.values(), ...graph.buffers.values()].map(({ name, shape }) => [
      name,
      new Float32Array(count(shape)).fill(1),
    ]),
  );
  return runGraph(graph, feeds, bound);
}

type Build = (inputs: Inputs, graph: Graph) => Tensor;
const labels = (graph: Graph) => graph.constant(BigInt64Array.of(0n, 3n, 4n, 1n, 1n, 2n), [6]);
const weights = (graph: Graph) => graph.constant(Float32Array.of(1, 0, 2, 0.5, 1, 1), [6]);

/** x [b, c, t] -> its windows [b, steps, kernel * c], by slicing. */
function unfold(x: Tensor, kernel: number, dilation: number): Tensor {
  const steps = Number(x.shape[2]) - dilation * (kernel - 1);
  const taps = Array.from({ length: kernel }, (_, k) => op.slice(x, 2, k * dilation, k * dilation + steps));
  return op.transpose(op.concat(taps, 1), [0, 2, 1]);
}

const PAIRS: readonly (readonly [string, readonly (keyof Inputs)[], Build, Build])[] = [
  ...[1, 2].map(
    (dilation) =>
      [
        `convolution, dilation ${dilation}, and unfold then matrix product`,
        ['sequence', 'kernel'],
        ({ sequence, kernel }: Inputs, graph: Graph) =>
          graph.node('Conv', [sequence, kernel], { dilations: [dilation], pads: [2, 2] })[0],
        ({ sequence, kernel }: Inputs) => {
          const windows = unfold(op.pad(sequence, [0, 0, 2], [0, 0, 2]), 3, dilation);
          const flat = op.reshape(op.transpose(kernel, [2, 1, 0]), [12, 5]);
          return op.transpose(op.matmul(windows, flat), [0, 2, 1]);
        },
      ] as const,
  ),
  [
    'max-pool over overlapping windows, and maximum of shifted views',
    ['sequence'],
    ({ sequence }, graph) => graph.node('MaxPool', [sequence], { kernel_shape: [3], strides: [2] })[0],
    ({ sequence }) => {
      const [a, b, c] = [0, 1, 2].map((k) => op.slice(sequence, 2, k, k + 9, 2));
      return op.maximum(op.maximum(a, b), c);
    },
  ],
  [
    'average-pool, and mean of windows',
    ['sequence'],
    ({ sequence }) => layers.averagePool1d(sequence, 3),
    ({ sequence }) => op.reduceMean(op.reshape(op.slice(sequence, 2, 0, 9), [3, 4, 3, 3]), [3]),
  ],
  [
    'layer norm as a node, and from primitives',
    ['matrix', 'gain', 'shift'],
    ({ matrix, gain, shift }, graph) =>
      graph.node('LayerNormalization', [matrix, gain, shift], { axis: -1, epsilon: 1e-5 })[0],
    ({ matrix, gain, shift }) => {
      const centred = op.subtract(matrix, op.reduceMean(matrix, [1], true));
      const variance = op.reduceMean(op.multiply(centred, centred), [1], true);
      return op.add(op.multiply(op.divide(centred, op.sqrt(op.add(variance, 1e-5))), gain), shift);
    },
  ],
  [
    'RMS norm as a node, and from primitives',
    ['matrix', 'gain'],
    ({ matrix, gain }, graph) => graph.node('RMSNormalization', [matrix, gain], { axis: -1, epsilon: 1e-5 })[0],
    ({ matrix, gain }) =>
      op.multiply(
        op.divide(matrix, op.sqrt(op.add(op.reduceMean(op.multiply(matrix, matrix), [1], true), 1e-5))),
        gain,
      ),
  ],
  [
    'batch norm as one composite, and from primitives',
    ['sequence'],
    ({ sequence }) => layers.batchNorm(sequence, 'norm', { training: true }),
    ({ sequence }) => {
      const centred = op.subtract(sequence, op.reduceMean(sequence, [0, 2], true));
      const variance = op.reduceMean(op.multiply(centred, centred), [0, 2], true);
      return op.add(op.divide(centred, op.sqrt(op.add(variance, 1e-5))), 1); // gain and shift are bound to 1
    },
  ],
  [
    'cross-entropy as one composite, and log-softmax then gather',
    ['matrix'],
    ({ matrix }, graph) => softmaxCrossEntropy(matrix, labels(graph), weights(graph)),
    ({ matrix }, graph) => {
      const picked = op.gatherElements(op.logSoftmax(matrix), op.unsqueeze(labels(graph), [1]), 1);
      const total = op.reduceSum(op.multiply(op.squeeze(picked, [1]), weights(graph)));
      return op.negate(op.divide(total, op.reduceSum(weights(graph))));
    },
  ],
  [
    'binary cross-entropy as one composite, and by logarithms of probabilities',
    ['matrix', 'gain'],
    ({ matrix, gain }, graph) => binaryCrossEntropy(matrix, op.expand(op.sigmoid(gain), [6, 5]), weights(graph)),
    ({ matrix, gain }, graph) => {
      const [p, y] = [op.sigmoid(matrix), op.sigmoid(gain)];
      const kept = op.add(op.multiply(y, op.log(p)), op.multiply(op.subtract(1, y), op.log(op.subtract(1, p))));
      const rows = op.multiply(op.reduceMean(kept, [1]), weights(graph));
      return op.negate(op.divide(op.reduceSum(rows), op.reduceSum(weights(graph))));
    },
  ],
  [
    'GELU as a node, and by erf',
    ['matrix'],
    ({ matrix }) => op.gelu(matrix),
    ({ matrix }) => op.multiply(op.multiply(matrix, 0.5), op.add(op.erf(op.multiply(matrix, Math.SQRT1_2)), 1)),
  ],
  [
    'GELU (tanh) as a node, and by tanh',
    ['matrix'],
    ({ matrix }) => op.gelu(matrix, 'tanh'),
    ({ matrix }) => {
      const cubic = op.multiply(op.multiply(op.multiply(matrix, matrix), matrix), 0.044715);
      const inner = op.multiply(op.add(matrix, cubic), Math.sqrt(2 / Math.PI));
      return op.multiply(op.multiply(matrix, 0.5), op.add(op.tanh(inner), 1));
    },
  ],
  [
    'softmax, and exponentials divided by their sum',
    ['matrix'],
    ({ matrix }) => op.softmax(matrix),
    ({ matrix }) => op.divide(op.exp(matrix), op.reduceSum(op.exp(matrix), [1], true)),
  ],
  [
    'a matrix product, and a broadcast product summed',
    ['query', 'key'],
    ({ query, key }) => op.matmul(query, op.transpose(key, [0, 2, 1])),
    ({ query, key }) => op.reduceSum(op.multiply(op.unsqueeze(query, [2]), op.unsqueeze(key, [1])), [3]),
  ],
  [
    'attention of two heads, and loops over batch, head and query',
    ['query', 'key', 'value'],
    ({ query, key, value }) => attention(query, key, value, INFERENCE, { heads: 2 }),
    ({ query, key, value }) => {
      const cut = (x: Tensor, b: number, h: number) =>
        op.squeeze(op.slice(op.slice(x, 0, b, b + 1), 2, 2 * h, 2 * h + 2), [0]); // [t, 2]
      const batches = [0, 1].map((b) => {
        const heads = [0, 1].map((h) => {
          const rows = [0, 1, 2].map((t) => {
            const q = op.slice(cut(query, b, h), 0, t, t + 1); // [1, 2]
            const scores = op.reduceSum(op.multiply(q, cut(key, b, h)), [1], true); // [t, 1]
            const share = op.exp(op.multiply(scores, Math.SQRT1_2));
            const mixed = op.reduceSum(op.multiply(share, cut(value, b, h)), [0], true);
            return op.divide(mixed, op.reduceSum(share, [0], true)); // [1, 2]
          });
          return op.concat(rows, 0);
        });
        return op.unsqueeze(op.concat(heads, 1), [0]);
      });
      return op.concat(batches, 0);
    },
  ],
  [
    'x used many times, and its polynomial',
    ['gain'],
    ({ gain }) =>
      op.add(op.multiply(gain, gain), op.subtract(op.add(gain, gain), op.multiply(op.multiply(gain, gain), gain))),
    ({ gain }) => op.add(op.subtract(op.power(gain, 2), op.power(gain, 3)), op.multiply(gain, 2)),
  ],
  [
    'x broadcast against itself, and the outer product',
    ['gain'],
    ({ gain }) => op.multiply(op.unsqueeze(gain, [1]), gain),
    ({ gain }) => op.matmul(op.reshape(gain, [5, 1]), op.reshape(gain, [1, 5])),
  ],
  [
    'x added along new axes, and expanded first',
    ['shift', 'matrix'],
    ({ shift, matrix }) => op.add(op.multiply(matrix, shift), shift),
    ({ shift, matrix }) => {
      const wide = op.expand(shift, [6, 5]);
      return op.add(op.multiply(matrix, wide), wide);
    },
  ],
];

describe('two ways to write one function', () => {
  it.each(PAIRS)('%s', async (_name, names, first, second) => {
    const [a, b] = [await evaluate(first, names), await evaluate(second, names)];
    expect(Object.keys(a)).toHaveLength(1 + names.length);
    for (const [name, { data, dims }] of Object.entries(a)) {
      expect(dims, name).toEqual(b[name].dims);
      expect(relativeError(data, Array.from(b[name].data, Number)), name).toBeLessThan(1e-5);
    }
  });
});
