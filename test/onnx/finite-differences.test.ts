/**
 * Every adjoint against central differences over random shapes, in float64: for loss(x) = sum c f(x) and a random direction v,
 * (loss(x + h v) - loss(x - h v)) / 2h = <gradient, v>. Operators without a double kernel on the CPU are tried in float32.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { type Attributes, type DType, Graph, type Shape, type Tensor, type TypedArray } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { attention } from '../../src/onnx/layers/attention.ts';
import * as layers from '../../src/onnx/layers/layers.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { RULES } from '../../src/onnx/operators/index.ts';
import { openSession, type TensorValue } from '../../src/runtime/session.ts';

type Random = ReturnType<typeof randomSource>;

/** mulberry32, so that every case draws the same shapes and values each time. */
function randomSource(seed: number) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number) => low + Math.floor(uniform() * (high - low + 1));
  const shape = (least: number, most: number) => Array.from({ length: between(least, most) }, () => between(1, 4));
  return {
    uniform,
    between,
    shape,
    pick: <T>(items: readonly T[]): T => items[between(0, items.length - 1)],
    /** Replaces some axes by 1 and drops some leading ones: what broadcasts to `to`. */
    broadcastable: (to: readonly number[]) =>
      to.map((dim) => (uniform() < 0.3 ? 1 : dim)).slice(uniform() < 0.3 ? between(0, to.length) : 0),
    permutation: (length: number) => {
      const order = Array.from({ length }, (_, i) => i);
      for (let i = length - 1; i > 0; i--) {
        const j = between(0, i);
        [order[i], order[j]] = [order[j], order[i]];
      }
      return order;
    },
  };
}

/** How values of an input are drawn: away from kinks, without ties, positive. */
type Kind = 'normal' | 'positive' | 'offZero' | 'distinct';

interface Built {
  /** Declares a float input that is differentiated. */
  readonly x: (shape: readonly number[], kind?: Kind) => Tensor;
  readonly graph: Graph;
  readonly random: Random;
  readonly integers: (values: readonly number[], shape: readonly number[]) => Tensor;
}
type Case = (built: Built) => Tensor | Tensor[];

function draw(size: number, kind: Kind, random: Random): number[] {
  const signed = () => (random.uniform() * 2 - 1) * 1.5;
  if (kind === 'positive') return Array.from({ length: size }, () => 0.5 + random.uniform() * 1.5);
  if (kind === 'offZero')
    return Array.from({ length: size }, () => (random.uniform() < 0.5 ? -1 : 1) * (0.2 + random.uniform()));
  if (kind === 'distinct') {
    const order = random.permutation(size);
    return order.map((rank) => (rank - size / 2) * 0.1 + random.uniform() * 0.04);
  }
  return Array.from({ length: size }, signed);
}

const unary =
  (name: string, kind: Kind = 'normal', attributes: Attributes = {}): Case =>
  ({ x, graph, random }) =>
    graph.node(name, [x(random.shape(0, 4), kind)], attributes)[0];
const binary =
  (name: string, first: Kind = 'normal', second: Kind = 'normal'): Case =>
  ({ x, graph, random }) => {
    const shape = random.shape(1, 4);
    const [a, b] = [shape, random.broadcastable(shape)];
    return random.uniform() < 0.5
      ? graph.node(name, [x(a, first), x(b, second)])[0]
      : graph.node(name, [x(b, first), x(a, second)])[0];
  };
const reduction =
  (name: string, kind: Kind = 'normal'): Case =>
  ({ x, graph, random }) => {
    const shape = random.shape(1, 4);
    const axes = shape.map((_, axis) => axis).filter(() => random.uniform() < 0.5);
    const signed = axes.map((axis) => (random.uniform() < 0.3 ? axis - shape.length : axis));
    const inputs = [x(shape, kind), ...(axes.length > 0 ? [graph.integers(signed)] : [])];
    return graph.node(name, inputs, { keepdims: random.between(0, 1) })[0];
  };
const alongAxis =
  (name: string): Case =>
  ({ x, graph, random }) => {
    const shape = random.shape(1, 4);
    return graph.node(name, [x(shape)], { axis: random.between(-shape.length, shape.length - 1) })[0];
  };

function convolutionCase({ x, graph, random }: Built): Tensor {
  const group = random.pick([1, 1, 2]);
  const [inner, out] = [random.between(1, 3), random.between(1, 3) * group];
  const [kernel, dilation, stride] = [random.between(1, 4), random.between(1, 3), random.between(1, 3)];
  const pads = [random.between(0, 4), random.between(0, 4)];
  const length = dilation * (kernel - 1) + 1 + random.between(0, 6);
  const inputs = [x([random.between(1, 3), inner * group, length]), x([out, inner, kernel])];
  if (random.uniform() < 0.5) inputs.push(x([out]));
  return graph.node('Conv', inputs, { strides: [stride], dilations: [dilation], pads, group })[0];
}

function transposedCase({ x, graph, random }: Built): Tensor {
  const group = random.pick([1, 2]);
  const [inner, out] = [random.between(1, 3) * group, random.between(1, 3)];
  const [kernel, dilation, stride] = [random.between(1, 4), random.between(1, 2), random.between(1, 3)];
  const reach = dilation * (kernel - 1);
  const pads = [random.between(0, Math.min(2, reach)), random.between(0, Math.min(2, reach))];
  const steps = random.between(4, 6);
  const inputs = [x([random.between(1, 3), inner, steps]), x([inner, out, kernel])];
  if (random.uniform() < 0.5) inputs.push(x([out * group]));
  return graph.node('ConvTranspose', inputs, { strides: [stride], dilations: [dilation], pads, group })[0];
}

function poolCase(name: string, kind: Kind): Case {
  return ({ x, graph, random }) => {
    const kernel = random.between(1, 4);
    const stride = random.between(1, 4);
    const half = Math.floor(kernel / 2);
    const pads = [random.between(0, half), random.between(0, half)];
    const length = kernel + random.between(0, 7);
    const counted: Attributes = name === 'AveragePool' ? { count_include_pad: random.between(0, 1) } : {};
    const shape = [random.between(1, 3), random.between(1, 3), length];
    return graph.node(name, [x(shape, kind)], { kernel_shape: [kernel], strides: [stride], pads, ...counted })[0];
  };
}

/** For each differentiable operator, a random call of it. Kinks are kept away from by the kind of values drawn. */
const CASES: Readonly<Record<string, Case>> = {
  Neg: unary('Neg'),
  Exp: unary('Exp'),
  Log: unary('Log', 'positive'),
  Sqrt: unary('Sqrt', 'positive'),
  Abs: unary('Abs', 'offZero'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Erf: unary('Erf'),
  Tanh: unary('Tanh'),
  Sigmoid: unary('Sigmoid'),
  Relu: unary('Relu', 'offZero'),
  Softplus: unary('Softplus'),
  Reciprocal: unary('Reciprocal', 'offZero'),
  Identity: unary('Identity'),
  LeakyRelu: unary('LeakyRelu', 'offZero', { alpha: 0.2 }),
  Elu: unary('Elu', 'offZero', { alpha: 1.5 }),
  Gelu: ({ x, random }) => op.gelu(x(random.shape(1, 3)), random.pick(['none', 'tanh'])),
  Clip: ({ x, graph, random }) => {
    const value = x(random.shape(1, 3), 'offZero');
    return graph.node('Clip', [value, graph.scalar(-0.1, value.dtype), graph.scalar(0.1, value.dtype)])[0];
  },
  Cast: ({ x, random }) => op.cast(op.multiply(op.cast(x(random.shape(1, 3)), 'float32'), 1), 'float32'),
  Dropout: unary('Dropout'),
  Add: binary('Add'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('Div', 'normal', 'offZero'),
  Pow: binary('Pow', 'positive', 'normal'),
  Min: binary('Min', 'distinct', 'normal'),
  Max: binary('Max', 'distinct', 'normal'),
  Sum: ({ x, graph, random }) => {
    const shape = random.shape(1, 3);
    return graph.node('Sum', [x(shape), x(random.broadcastable(shape)), x(random.broadcastable(shape))])[0];
  },
  Where: ({ x, graph, random }) => {
    const shape = random.shape(1, 3);
    const [a, b] = [x(random.broadcastable(shape)), x(random.broadcastable(shape))];
    const size = shape.reduce((n, dim) => n * dim, 1);
    const bits = Uint8Array.from({ length: size }, () => random.between(0, 1));
    return op.where(graph.constant(bits, shape, 'bool'), a, b);
  },
  ReduceSum: reduction('ReduceSum'),
  ReduceMean: reduction('ReduceMean'),
  ReduceSumSquare: reduction('ReduceSumSquare'),
  ReduceL1: reduction('ReduceL1', 'offZero'),
  ReduceL2: reduction('ReduceL2', 'offZero'),
  ReduceLogSumExp: reduction('ReduceLogSumExp'),
  ReduceMax: reduction('ReduceMax', 'distinct'),
  ReduceMin: reduction('ReduceMin', 'distinct'),
  Softmax: alongAxis('Softmax'),
  LogSoftmax: alongAxis('LogSoftmax'),
  Reshape: ({ x, random }) => {
    const [a, b, c] = [random.between(1, 4), random.between(1, 4), random.between(1, 4)];
    return op.reshape(x([a, b, c]), random.pick([[a * b, c], [-1], [c, a, b], [a, 1, -1]]));
  },
  Flatten: ({ x, graph, random }) => {
    const shape = random.shape(1, 4);
    return graph.node('Flatten', [x(shape)], { axis: random.between(-shape.length, shape.length) })[0];
  },
  Squeeze: ({ x, random }) => op.squeeze(x([1, random.between(1, 4), 1]), random.pick([[0], [2], [0, -1]])),
  Unsqueeze: ({ x, random }) => op.unsqueeze(x(random.shape(1, 3)), random.pick([[0], [1], [0, 2], [-1]])),
  Transpose: ({ x, random }) => {
    const shape = random.shape(1, 4);
    return op.transpose(x(shape), random.permutation(shape.length));
  },
  Concat: ({ x, random }) => {
    const shape = random.shape(1, 4);
    const axis = random.between(0, shape.length - 1);
    const part = () => x(shape.map((dim, i) => (i === axis ? random.between(1, 4) : dim)));
    return op.concat([part(), part(), part()], axis);
  },
  Split: ({ x, random }) => {
    const sizes = [random.between(1, 3), random.between(1, 3), random.between(1, 3)];
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const parts = op.split(x([2, total, 3]), 1, sizes);
    return [parts[0], parts[2]]; // the middle one is unused: it gets zeros
  },
  Slice: ({ x, random }) => {
    const [start, end] = [random.between(-6, 5), random.between(-7, 8)];
    const step = random.pick([1, 1, 2, 3, -1, -2]);
    const stop = random.pick([end, step > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY]);
    return op.slice(x([2, 5, 3]), 1, start, stop, step);
  },
  Pad: ({ x, random }) => {
    const amount = () => random.between(-1, 2);
    return op.pad(x([3, 4, 5]), [amount(), amount(), amount()], [amount(), amount(), amount()], 0.5);
  },
  Expand: ({ x, random }) => {
    const shape = random.shape(1, 4);
    return op.expand(x(random.broadcastable(shape)), shape);
  },
  Tile: ({ x, graph, random }) => {
    const shape = random.shape(1, 3);
    return graph.node('Tile', [x(shape), graph.integers(shape.map(() => random.between(1, 3)))])[0];
  },
  Gather: ({ x, random, integers }) => {
    const shape = random.shape(1, 3);
    const axis = random.between(0, shape.length - 1);
    const wanted = random.shape(0, 2);
    const count = wanted.reduce((n, dim) => n * dim, 1);
    const indices = Array.from({ length: count }, () => random.between(-shape[axis], shape[axis] - 1));
    return op.gather(x(shape), integers(indices, wanted), axis);
  },
  GatherElements: ({ x, random, integers }) => {
    const indices = Array.from({ length: 6 }, () => random.between(-4, 3));
    return op.gatherElements(x([3, 4]), integers(indices, [3, 2]), 1);
  },
  ScatterElements: ({ x, random, integers }) => {
    const [base, updates] = [x([3, 4]), x([3, 2])];
    const indices = Array.from({ length: 3 }, () => random.permutation(4).slice(0, 2)).flat();
    return op.scatterElements(base, integers(indices, [3, 2]), updates, 1, random.pick(['none', 'add']));
  },
  GatherND: ({ x, random, integers }) => {
    const rows = Array.from({ length: 5 }, () => [random.between(0, 2), random.between(0, 3)]).flat();
    return op.gatherND(x([3, 4, 2]), integers(rows, [5, 2]));
  },
  ScatterND: ({ x, random, integers }) => {
    const [base, updates] = [x([4, 3]), x([2, 3])];
    return op.scatterND(
      base,
      integers(random.permutation(4).slice(0, 2), [2, 1]),
      updates,
      random.pick(['none', 'add']),
    );
  },
  CumSum: ({ x, graph, random }) => {
    const attributes = { reverse: random.between(0, 1), exclusive: random.between(0, 1) };
    return graph.node('CumSum', [x([3, 4]), graph.scalar(random.between(0, 1), 'int64')], attributes)[0];
  },
  ReverseSequence: ({ x, random, integers }) => {
    const [steps, rows] = [random.between(1, 5), random.between(1, 3)];
    const lengths = Array.from({ length: rows }, () => random.between(0, steps));
    return op.reverseSequence(x([steps, rows, ...random.shape(0, 2)]), integers(lengths, [rows]));
  },
  MatMul: ({ x, random }) => {
    const [m, k, n, b] = [1, 2, 3, 4].map(() => random.between(1, 4));
    const [left, right] = random.pick([
      [
        [m, k],
        [k, n],
      ],
      [
        [b, m, k],
        [k, n],
      ],
      [
        [m, k],
        [b, k, n],
      ],
      [
        [b, 1, m, k],
        [2, k, n],
      ],
      [[k], [b, k, n]],
      [[b, m, k], [k]],
      [[k], [k]],
    ]);
    return op.matmul(x(left), x(right));
  },
  Gemm: ({ x, random }) => {
    const [m, k, n] = [random.between(1, 4), random.between(1, 4), random.between(1, 4)];
    const [transA, transB] = [random.uniform() < 0.5, random.uniform() < 0.5];
    const bias = x(random.pick([[], [n], [1, n], [m, 1], [m, n]]));
    const options = { transA, transB, alpha: 0.5, beta: 1.5 };
    return op.gemm(x(transA ? [k, m] : [m, k]), x(transB ? [n, k] : [k, n]), bias, options);
  },
  Conv: convolutionCase,
  ConvTranspose: transposedCase,
  MaxPool: poolCase('MaxPool', 'distinct'),
  AveragePool: poolCase('AveragePool', 'normal'),
  GlobalAveragePool: ({ x, graph, random }) =>
    graph.node('GlobalAveragePool', [x([2, random.between(1, 3), random.between(1, 5)])])[0],
  GlobalMaxPool: ({ x, graph, random }) =>
    graph.node('GlobalMaxPool', [x([2, random.between(1, 3), random.between(1, 5)], 'distinct')])[0],
  LayerNormalization: ({ x, graph, random }) => {
    const shape = [random.between(1, 3), random.between(2, 4), random.between(3, 5)];
    const axis = random.pick([-1, 1, 2]);
    const normed = shape.slice(axis < 0 ? 2 : axis);
    return graph.node('LayerNormalization', [x(shape), x(normed), x(normed)], { axis, epsilon: 0.1 })[0];
  },
  RMSNormalization: ({ x, graph, random }) => {
    const shape = [random.between(1, 3), random.between(2, 4), random.between(3, 5)];
    return graph.node('RMSNormalization', [x(shape), x([shape[2]])], { axis: -1, epsilon: 0.1 })[0];
  },
  BatchNormalization: ({ x, graph, random }) => {
    const shape = [random.between(1, 3), random.between(1, 4), ...random.shape(0, 2)];
    const channels = [shape[1]];
    const inputs = [x(shape), x(channels), x(channels), x(channels), x(channels, 'positive')];
    return graph.node('BatchNormalization', inputs, { epsilon: 0.01 })[0];
  },
};

/** Operators whose values or adjoints ONNX Runtime's CPU has no double kernel for. */
const SINGLE = new Set([
  'Cast',
  'Gelu',
  'ConvTranspose',
  'Conv',
  'AveragePool',
  'GlobalAveragePool',
  'LeakyRelu',
  'Elu',
  'RMSNormalization',
  'LayerNormalization',
  'Erf',
  'Softplus',
  'GlobalMaxPool',
]);

interface Drawn {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: number[];
}

async function check(build: Case, dtype: DType, seed: number): Promise<void> {
  const random = randomSource(seed);
  const graph = new Graph();
  const drawn: Drawn[] = [];
  const tensors: Tensor[] = [];
  const outputs = [
    build({
      graph,
      random,
      x: (shape, kind = 'normal') => {
        const name = `x${drawn.length}`;
        const size = shape.reduce((n, dim) => n * dim, 1);
        drawn.push({ name, shape, values: draw(size, kind, random) });
        tensors.push(graph.input(name, dtype, shape));
        return tensors[tensors.length - 1];
      },
      integers: (values, shape) => graph.constant(BigInt64Array.from(values, BigInt), shape),
    }),
  ].flat();
  const array = (values: readonly number[]): TypedArray =>
    dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  let loss: Tensor | undefined;
  for (const output of outputs) {
    const size = output.shape.reduce<number>((n, dim) => n * Number(dim), 1);
    const weights = graph.constant(array(draw(size, 'normal', random)), output.shape as readonly number[], dtype);
    const term = op.reduceSum(op.multiply(output, weights));
    loss = loss ? op.add(loss, term) : term;
  }
  if (!loss) throw new Error('a case yields no output');
  graph.output('loss', loss);
  gradients(loss, tensors).forEach((gradient, i) => {
    graph.output(`grad:${i}`, gradient);
  });
  const session = await openSession(serialise(graph).bytes, { device: 'cpu', threads: 1, label: 'differences' });
  const run = (shift: number, directions: readonly number[][]) =>
    session.run(
      Object.fromEntries(
        drawn.map(({ name, shape, values }, i) => [
          name,
          { type: dtype, data: array(values.map((v, j) => v + shift * directions[i][j])), dims: shape } as TensorValue,
        ]),
      ),
    );
  const still = drawn.map(({ values }) => values.map(() => 0));
  const found = await run(0, still);
  const step = dtype === 'float64' ? 1e-5 : 4e-3;
  for (let direction = 0; direction < 2; direction++) {
    const directions = drawn.map(({ values }) => values.map(() => random.uniform() * 2 - 1));
    const [ahead, behind] = [await run(step, directions), await run(-step, directions)];
    const numeric = (Number(ahead.loss.data[0]) - Number(behind.loss.data[0])) / (2 * step);
    let analytic = 0;
    let scale = Math.abs(Number(found.loss.data[0])) + 1;
    directions.forEach((values, i) => {
      expect([...found[`grad:${i}`].dims]).toEqual(drawn[i].shape);
      values.forEach((v, j) => {
        const term = v * Number(found[`grad:${i}`].data[j]);
        analytic += term;
        scale += Math.abs(term);
      });
    });
    expect(Math.abs(numeric - analytic) / scale).toBeLessThan(dtype === 'float64' ? 1e-7 : 1e-3);
  }
  await session.dispose();
}

describe('adjoints equal central differences', () => {
  it('of every operator that has one', () => {
    const differentiable = Object.keys(RULES).filter((name) => RULES[name].adjoint);
    expect(Object.keys(CASES).sort()).toEqual(differentiable.sort());
  });

  it.each(Object.keys(CASES))('%s', async (name) => {
    const tries = name === 'Conv' || name === 'ConvTranspose' ? 16 : 6;
    for (let seed = 1; seed <= tries; seed++)
      try {
        await check(CASES[name], SINGLE.has(name) ? 'float32' : 'float64', seed * 7919);
      } catch (error) {
        throw new Error(`${name}, seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
  });
});

describe('a graph over a symbolic batch', () => {
  const build = (graph: Graph, batch: Shape[number]) => {
    const x = graph.input('x', 'float32', [batch, 3, 12]);
    const tokens = graph.input('tokens', 'int64', [batch, 4]);
    const mode = { training: true };
    const filtered = layers.conv1d(x, 'conv', 4, 5, { dilation: 2 }); // [b, 4, 12]
    const normed = op.relu(layers.batchNorm(filtered, 'norm', mode)); // [b, 4, 12]
    const pooled = op.transpose(layers.maxPool1d(normed, 3), [0, 2, 1]); // [b, 4, 4]
    const states = op.add(pooled, layers.embedding(tokens, 'table', 6, 4)); // [b, t = 4, d = 4]
    const gate = layers.gatedLinearUnit(layers.dense(states, 'gate', 8), op.sigmoid);
    const mixed = attention(gate, states, states, mode, { heads: 2 });
    const padded = op.pad(mixed, [0, 1, 0], [0, 0, 0]); // [b, 5, 4]
    const last = op.slice(layers.layerNorm(padded, 'last'), 1, 1, Number.POSITIVE_INFINITY); // [b, 4, 4]
    const flat = graph.node('Flatten', [last], { axis: 1 })[0]; // [b, 16]
    const centred = op.subtract(flat, op.reduceMean(flat, [0], true));
    const loss = op.reduceMean(op.multiply(op.tanh(layers.dense(centred, 'head', 2)), centred.graph.scalar(3)));
    graph.output('loss', loss);
    const parameters = [...graph.parameters.values()].map((info) => info.tensor);
    gradients(loss, [x, ...parameters]).forEach((gradient, i) => {
      graph.output(`grad:${i === 0 ? 'x' : parameters[i - 1].name}`, gradient);
    });
    return graph;
  };

  it('has the gradients of the same graph over numbers, at every size', async () => {
    const random = randomSource(5);
    const symbolic = build(new Graph(), 'batch');
    const values = Object.fromEntries(
      [...symbolic.parameters.values(), ...symbolic.buffers.values()].map(({ name, shape }) => {
        const size = shape.reduce((n, dim) => n * dim, 1);
        return [name, Float32Array.from(draw(size, 'normal', random))];
      }),
    );
    const open = (graph: Graph) =>
      openSession(serialise(graph, { values }).bytes, { device: 'cpu', threads: 1, label: 'symbolic' });
    const session = await open(symbolic);
    for (const batch of [1, 2, 7]) {
      const fixed = await open(build(new Graph(), batch));
      const x = Float32Array.from(draw(batch * 36, 'normal', random));
      const tokens = BigInt64Array.from({ length: batch * 4 }, () => BigInt(random.between(0, 5)));
      const feeds: Record<string, TensorValue> = {
        x: { type: 'float32', data: x, dims: [batch, 3, 12] },
        tokens: { type: 'int64', data: tokens, dims: [batch, 4] },
      };
      const [actual, expected] = [await session.run(feeds), await fixed.run(feeds)];
      expect(Object.keys(actual)).toHaveLength(2 + symbolic.parameters.size);
      for (const [name, { data, dims }] of Object.entries(expected)) {
        expect(actual[name].dims, name).toEqual(dims);
        data.forEach((entry: number | bigint, i: number) => {
          expect(Number(actual[name].data[i]), `${name}[${i}] at ${batch}`).toBeCloseTo(Number(entry), 5);
        });
      }
      await fixed.dispose();
    }
    await session.dispose();
  });
});
