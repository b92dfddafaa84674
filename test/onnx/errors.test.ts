/** What the engine refuses, and the words it does so with; and graphs too deep for recursion. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, GraphError, type Tensor } from '../../src/onnx/graph.ts';
import { readModel } from '../../src/onnx/io/read.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import * as layers from '../../src/onnx/layers/layers.ts';
import { binaryCrossEntropy, softmaxCrossEntropy } from '../../src/onnx/layers/losses.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { floats, runGraph } from './helpers.ts';

const fresh = (shape: readonly number[] = [2, 3]) => {
  const graph = new Graph();
  return { graph, x: graph.input('x', 'float32', shape) };
};

describe('building', () => {
  it.each<[string, (graph: Graph, x: Tensor) => unknown, RegExp]>([
    ['an unknown operator', (g, x) => g.node('Fft', [x]), /operator 'Fft' has no rule/],
    [
      'a foreign domain',
      (g, x) => g.node('Gelu', [x], {}, { domain: 'com.microsoft' }),
      /'com\.microsoft\.Gelu' has no/,
    ],
    ['shapes that do not broadcast', (g, x) => op.add(x, g.input('y', 'float32', [4])), /\[2,3\] and \[4\] don't/],
    ['types that differ', (g, x) => op.add(x, g.input('y', 'int64', [3])), /'x' is float32 but 'y' is int64; cast/],
    [
      'a product that does not fit',
      (_g, x) => op.matmul(x, x),
      /MatMul: 'x' \[2,3\] and 'x' \[2,3\] don't fit: 3 against 2/,
    ],
    [
      'a reshape to another size',
      (_g, x) => op.reshape(x, [4]),
      /can't reshape 'x' \[2,3\] \(6 elements\) to \[4\] \(4\)/,
    ],
    ['an axis outside', (_g, x) => op.reduceSum(x, [2]), /axis 2 is outside rank 2/],
    ['a constant of the wrong size', (g) => g.constant(new Float32Array(3), [4]), /needs 4 values, got 3/],
    ['a negative size', (g) => g.constant(new Float32Array(6), [-2, -3]), /can't have the shape \[-2,-3\]/],
    ['an input declared twice', (g) => g.input('x', 'float32', [1]), /input 'x' is declared twice/],
    ['an output declared twice', (g, x) => [g.output('y', x), g.output('y', x)], /output 'y' is declared twice/],
    ['an update of what is no buffer', (g, x) => g.assign(x, x), /'x' is not a buffer/],
    ['a graph without outputs', (g) => serialise(g), /declares no output/],
    ['another graph', (_g, x) => op.add(x, fresh().x), /Add: input 'x' is of another graph/],
  ])('refuses %s', (_name, build, message) => {
    const { graph, x } = fresh();
    expect(() => build(graph, x)).toThrow(GraphError);
    const again = fresh();
    expect(() => build(again.graph, again.x)).toThrow(message);
  });

  it('refuses two tensors of one name when it is written', () => {
    const { graph, x } = fresh([1]);
    graph.output('y', op.add(x, graph.constant(Float32Array.of(1), [1], 'float32', 'x')));
    expect(() => serialise(graph)).toThrow(/two tensors have the name 'x'/);
  });

  it('gives its own tensors no name that a caller gave', () => {
    const graph = new Graph();
    const x = graph.input('Relu_2', 'float32', [1]);
    expect([op.relu(x), op.relu(x)].map((tensor) => tensor.name)).not.toContain('Relu_2');
  });
});

describe('differentiating', () => {
  it('wants a scalar, or a seed', () => {
    const { x } = fresh();
    expect(() => gradients(op.tanh(x), [x])).toThrow(/a scalar is needed, or a seed/);
  });

  it('names an operator without an adjoint on the path', () => {
    const { graph, x } = fresh([2, 3, 4, 4]);
    const w = graph.parameter('w', [5, 3, 2, 2], () => new Float32Array(60));
    const y = graph.node('Conv', [x, w])[0];
    expect(() => gradients(op.reduceSum(y), [w])).toThrow(/the adjoint covers one spatial axis; the weight 'w'/);
  });

  it('names the tensor that no gradient reaches', () => {
    const { graph, x } = fresh();
    const y = graph.input('y', 'float32', [2, 3]);
    expect(() => gradients(op.reduceSum(x), [y])).toThrow(/does not depend on any of the tensors/);
    expect(() => gradients(op.reduceSum(x), [x, y])).toThrow(/no gradient reaches 'y'/);
    const steps = op.cast(op.greater(x, 0), 'float32');
    expect(() => gradients(op.reduceSum(steps), [x])).toThrow(GraphError);
  });

  it('gives zeros for unused tensors when that is meant', async () => {
    const { graph, x } = fresh([2]);
    const y = graph.input('y', 'float32', [2]);
    gradients(op.reduceSum(op.multiply(x, 3)), [x, y], { allowUnused: true }).forEach((gradient, i) => {
      graph.output(`g${i}`, gradient);
    });
    const results = await runGraph(graph, { x: floats([1, 2], [2]), y: floats([1, 2], [2]) });
    expect([...results.g0.data, ...results.g1.data]).toEqual([3, 3, 0, 0]);
  });

  it('refuses a second output whose gradient its adjoint would lose', () => {
    const { graph, x } = fresh([2, 4]);
    const scale = graph.constant(new Float32Array(4).fill(1), [4]);
    const [y, mean] = graph.node('LayerNormalization', [x, scale], { axis: -1 }, { outputs: 3 });
    expect(() => gradients(op.add(op.reduceSum(y), op.reduceSum(mean)), [x])).toThrow(/for its first output only/);
  });

  it('takes second derivatives of operators, and refuses those through a composite', async () => {
    const { graph, x } = fresh([3]);
    const [slope] = gradients(op.reduceSum(op.exp(op.multiply(x, 2))), [x]);
    graph.output('curvature', gradients(op.reduceSum(slope), [x])[0]);
    const { curvature } = await runGraph(graph, { x: floats([0, 0.5, 1], [3]) });
    [0, 0.5, 1].forEach((at, i) => {
      expect(Number(curvature.data[i])).toBeCloseTo(4 * Math.exp(2 * at), 4);
    });

    const other = fresh([2, 3]);
    const labels = other.graph.constant(BigInt64Array.of(0n, 1n), [2]);
    const weights = other.graph.constant(Float32Array.of(1, 1), [2]);
    const [first] = gradients(softmaxCrossEntropy(other.x, labels, weights), [other.x]);
    expect(() => gradients(op.reduceSum(op.multiply(first, first)), [other.x])).toThrow(/inside 'softmaxCrossEntropy'/);

    const third = fresh([4, 2]);
    const normed = layers.batchNorm(third.x, 'norm', { training: true });
    const [g] = gradients(op.reduceSum(op.multiply(normed, normed)), [third.x]);
    expect(() => gradients(op.reduceSum(op.multiply(g, g)), [third.x])).toThrow(GraphError);
  });

  it('refuses an input that an adjoint passes over', () => {
    const { graph, x } = fresh([3]);
    const bound = graph.input('bound', 'float32', []);
    const clipped = graph.node('Clip', [x, null, bound])[0];
    expect(() => gradients(op.reduceSum(clipped), [x, bound])).toThrow(/'Clip' gives no gradient to its input 'bound'/);
    expect(gradients(op.reduceSum(clipped), [x])).toHaveLength(1);
  });

  it('refuses a composite that reads what it does not declare', () => {
    const { graph, x } = fresh([2, 3]);
    const positives = graph.parameter('positives', [3], () => new Float32Array(3));
    const [ones, zeros] = [1, 0].map((value) => graph.constant(new Float32Array(6).fill(value), [2, 3]));
    const weights = op.slice(op.reduceMean(ones, [1]), 0, 0, 2);
    const loss = binaryCrossEntropy(x, zeros, weights, { positiveWeights: positives });
    expect(() => gradients(loss, [x, positives])).toThrow(/gives no gradient to 'positives'/);
  });
});

describe('reading', () => {
  const model = () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['batch', 4]);
    graph.output('y', layers.layerNorm(op.gelu(layers.dense(x, 'first', 6)), 'norm'));
    const values = Object.fromEntries(
      [...graph.parameters.values()].map(({ name, shape }) => [
        name,
        new Float32Array(shape.reduce((n, d) => n * d, 1)),
      ]),
    );
    return serialise(graph, { values }).bytes;
  };

  it('says when bytes are no model', () => {
    expect(() => readModel(new Uint8Array())).toThrow(/not an ONNX model: it holds no graph/);
    expect(() => readModel(new TextEncoder().encode('<!doctype html><html>'))).toThrow(/not an ONNX model/);
  });

  it('takes a Node Buffer as it takes any bytes, and refuses data that does not fill its type', () => {
    const graph = new Graph();
    graph.output('y', op.add(graph.input('x', 'float32', [3]), graph.constant(Float32Array.of(1, 2, 3), [3])));
    const { bytes } = serialise(graph);
    const read = readModel(Buffer.concat([bytes]));
    const constant = [...read.tensors.values()].find((tensor) => tensor.constant);
    expect(constant?.constant).toEqual(Float32Array.of(1, 2, 3));
    // TensorProto.data_type (field 2) from float to double, right after the one dimension of 3.
    const at = Buffer.from(bytes).indexOf(Buffer.from([0x03, 0x10, 0x01]));
    expect(at).toBeGreaterThan(0);
    const double = bytes.slice();
    double[at + 2] = 11;
    expect(() => readModel(double)).toThrow(/12 bytes are no whole number of float64 values/);
  });

  it('names the node and operator it cannot read', () => {
    const bytes = model();
    const text = Buffer.from(bytes).toString('latin1').replace('\u0004Gelu', '\u0004Gelo');
    expect(() => readModel(Buffer.from(text, 'latin1'))).toThrow(
      /node 'Gelu:.*' \(Gelo\): operator 'Gelo' has no rule/,
    );
  });

  it('neither hangs nor crashes on truncated or damaged files: a graph or an error that says why', () => {
    const bytes = model();
    let refused = 0;
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const attempt = (damaged: Uint8Array) => {
      try {
        const { graph } = readModel(damaged);
        if (graph.outputs.size > 0) serialise(graph);
      } catch (error) {
        refused += 1;
        expect(error).toBeInstanceOf(GraphError);
        expect((error as Error).message.length).toBeGreaterThan(10);
      }
    };
    for (let length = 0; length < bytes.length; length += 3) attempt(bytes.slice(0, length));
    const truncated = refused;
    expect(truncated).toBeGreaterThan(bytes.length / 6);
    for (let round = 0; round < 1500; round++) {
      const damaged = bytes.slice();
      for (let flip = 0; flip <= round % 3; flip++) damaged[random(damaged.length)] ^= 1 << random(8);
      attempt(damaged);
    }
    expect(refused).toBeGreaterThan(truncated);
  });
});

describe('a graph of five thousand nodes', () => {
  it('builds, differentiates, is written and read without recursion, within seconds', async () => {
    const started = performance.now();
    const { graph, x } = fresh([4]);
    let y = x;
    for (let layer = 0; layer < 2500; layer++) y = op.add(op.multiply(y, 0.999), x); // x is used 2501 times
    graph.output('y', y);
    graph.output('gradient', gradients(op.reduceSum(y), [x])[0]);
    const { bytes } = serialise(graph);
    expect(readModel(bytes).graph.outputs.size).toBe(2);
    expect(performance.now() - started).toBeLessThan(5000);
    const { gradient } = await runGraph(graph, { x: floats([1, 2, 3, 4], [4]) });
    let expected = 1;
    for (let layer = 0; layer < 2500; layer++) expected = expected * 0.999 + 1;
    expect(Number(gradient.data[0]) / expected).toBeCloseTo(1, 4);
  });
});
