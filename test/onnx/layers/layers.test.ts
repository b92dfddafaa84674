/** Layers, encoder blocks, gates and poolings with their weights against PyTorch and transformers (goldens/layers.py). */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../../src/onnx/graph.ts';
import { attention, paddingBias } from '../../../src/onnx/layers/attention.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import * as layers from '../../../src/onnx/layers/layers.ts';
import { alibiBias } from '../../../src/onnx/layers/positions/alibi.ts';
import { rotary, rotaryFrequencies, rotaryTables } from '../../../src/onnx/layers/positions/rotary.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import {
  expectClose,
  floats,
  type GoldenTensors,
  magnitude,
  place,
  readGolden,
  relativeError,
  runGraph,
  typed,
  value,
} from '../helpers.ts';
import { bertLayer, modernBlock, preNormBlock, selfAttention } from '../networks.ts';

interface Case {
  readonly name: string;
  readonly layer: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly inputs: GoldenTensors;
  readonly parameters: GoldenTensors;
  readonly outputs: GoldenTensors;
  readonly outputGradient: GoldenTensors;
  readonly inputGradients: GoldenTensors;
  readonly parameterGradients: GoldenTensors;
}

type Build = (inputs: Readonly<Record<string, Tensor>>, item: Case, graph: Graph) => Tensor;

const heads = (item: Case) => Number(item.settings.heads);
const gated =
  (activation: (gate: Tensor) => Tensor): Build =>
  ({ hiddenStates }, item) => {
    const feedForward = Number(item.settings.feedForward);
    const packed = layers.dense(hiddenStates, 'projection', 2 * feedForward);
    return layers.dense(layers.gatedLinearUnit(packed, activation), 'down', 4);
  };

const BUILD: Readonly<Record<string, Build>> = {
  multiHeadAttention: ({ hiddenStates, attentionMask }, item) =>
    selfAttention(hiddenStates, '', { heads: heads(item), bias: paddingBias(attentionMask) }),
  rotaryAttention: ({ hiddenStates, attentionMask }, item) => {
    const turn = rotaryTables(hiddenStates, rotaryFrequencies(Number(hiddenStates.shape[2]) / heads(item)));
    return selfAttention(hiddenStates, '', {
      heads: heads(item),
      bias: paddingBias(attentionMask),
      rotate: (x) => rotary(x, turn),
    });
  },
  alibiAttention: ({ hiddenStates, attentionMask }, item) =>
    selfAttention(hiddenStates, '', {
      heads: heads(item),
      bias: op.add(paddingBias(attentionMask), alibiBias(hiddenStates, heads(item))),
    }),
  scaledDotProductAttention: ({ query, key, value: values, attentionMask }) => {
    // The engine's attention splits heads itself, so the golden's are merged first.
    const merge = (x: Tensor) => op.reshape(op.transpose(x, [0, 2, 1, 3]), [2, x.shape[2], 8]);
    const bias = paddingBias(attentionMask);
    const mixed = attention(merge(query), merge(key), merge(values), INFERENCE, { heads: 2, bias });
    return op.transpose(op.reshape(mixed, [2, 3, 2, 4]), [0, 2, 1, 3]);
  },
  rotaryPositions: ({ states }) => {
    const perToken = op.transpose(states, [0, 2, 1, 3]); // [b, t, h, d]
    return rotary(states, rotaryTables(perToken, rotaryFrequencies(Number(states.shape[3]))));
  },
  alibiBias: ({ scores }, item) => op.add(scores, alibiBias(op.transpose(scores, [0, 2, 1, 3]), heads(item))),
  bertLayer: ({ hiddenStates, attentionMask }, item) =>
    bertLayer(hiddenStates, '', paddingBias(attentionMask), { heads: heads(item), feedForward: 12 }),
  preNormBlock: ({ hiddenStates, attentionMask }, item) =>
    preNormBlock(hiddenStates, paddingBias(attentionMask), { heads: heads(item), feedForward: 12 }),
  modernBlock: ({ hiddenStates, attentionMask }, item) =>
    modernBlock(hiddenStates, paddingBias(attentionMask), { heads: heads(item), feedForward: 12 }),
  glu: ({ hiddenStates }, item) => {
    // nn.GLU gates with its second half: sigmoid(b) a.
    const feedForward = Number(item.settings.feedForward);
    const [a, b] = op.split(layers.dense(hiddenStates, 'projection', 2 * feedForward), hiddenStates.rank - 1, [
      feedForward,
      feedForward,
    ]);
    const swapped = op.concat([b, a], hiddenStates.rank - 1);
    return layers.dense(layers.gatedLinearUnit(swapped, op.sigmoid), 'down', 4);
  },
  geglu: gated(op.gelu),
  swiglu: gated(layers.silu),
  silu: ({ x }) => layers.silu(x),
  embedding: ({ tokens }, item) => {
    // A padding row is looked up like any other, but gets no gradient: a weight of 0 on the path.
    const looked = layers.embedding(tokens, '', 6, 3);
    const padding = item.settings.paddingIndex;
    if (typeof padding !== 'number') return looked;
    const kept = op.unsqueeze(op.cast(op.not(op.equal(tokens, padding)), 'float32'), [2]);
    const frozen = layers.embedding(tokens, 'frozen', 6, 3);
    return op.add(op.multiply(looked, kept), op.multiply(frozen, op.subtract(1, kept)));
  },
  pooling: ({ hiddenStates, attentionMask }, item) => {
    if (item.settings.pool === 'mean') return layers.maskedMean(hiddenStates, attentionMask);
    if (item.settings.pool === 'max') return layers.maskedMax(hiddenStates, attentionMask);
    return op.squeeze(op.slice(hiddenStates, 1, 0, 1), [1]);
  },
};

const cases = readGolden<Case[]>('layers.golden.json').filter((item) => !('loss' in item.outputs));

describe('a layer has the value and the gradients of PyTorch', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_name, item) => {
    const graph = new Graph();
    const inputs = Object.fromEntries(
      Object.entries(item.inputs).map(([name, tensor]) => [name, place(graph, name, tensor)]),
    );
    const build = BUILD[item.layer];
    expect(build, `no layer is built for '${item.layer}'`).toBeDefined();
    const output = build(inputs, item, graph);
    const seed = item.outputGradient.output;
    const cotangent = graph.constant(typed(seed), seed.shape);
    graph.output('output', output);

    const named = new Map<string, Tensor>(Object.entries(inputs));
    for (const name of Object.keys(item.parameters)) {
      const parameter = graph.parameters.get(name) ?? graph.parameters.get(`.${name}`);
      expect(parameter, `parameter ${name}`).toBeDefined();
      if (parameter) named.set(name, parameter.tensor);
    }
    const wanted = { ...item.inputGradients, ...item.parameterGradients };
    const found = gradients(
      output,
      Object.keys(wanted).map((name) => named.get(name) as Tensor),
      { seed: cotangent },
    );
    Object.keys(wanted).forEach((name, i) => {
      graph.output(`grad:${name}`, found[i]);
    });

    const values = Object.fromEntries(
      Object.entries(item.parameters).map(([name, tensor]) => [named.get(name)?.name ?? name, typed(tensor)]),
    );
    if (graph.parameters.has('frozen.weight')) values['frozen.weight'] = typed(item.parameters.weight);
    const feeds = Object.fromEntries(Object.entries(item.inputs).map(([name, tensor]) => [name, value(tensor)]));
    const results = await runGraph(graph, feeds, values);
    expectClose(results.output, item.outputs.output, 'output');
    // The gradient of a key's bias is zero but for rounding, hence the floor.
    const floor = 0.05 * magnitude(wanted);
    for (const [name, gradient] of Object.entries(wanted))
      expectClose(results[`grad:${name}`], gradient, `gradient of ${name}`, { floor });
  });
});

describe('shapes that are only known at run time', () => {
  it('gives ALiBi for any number of tokens', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['batch', 'tokens', 4]);
    graph.output('alibi', alibiBias(x, 2));
    const fixed = new Graph();
    fixed.output('alibi', alibiBias(fixed.input('x', 'float32', [1, 5, 4]), 2));
    const [expected] = [await runGraph(fixed, {})];
    const feed = { x: { type: 'float32', data: new Float32Array(20), dims: [1, 5, 4] } as const };
    const actual = await runGraph(graph, feed);
    expect(actual.alibi.dims).toEqual([1, 2, 5, 5]);
    expect(actual.alibi.data).toEqual(expected.alibi.data);
  });
});

describe('batch norm', () => {
  it('keeps its precision where the mean is a thousand times the deviation', async () => {
    const deviations = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * 1.7));
    const run = async (offset: number) => {
      const graph = new Graph();
      const x = graph.input('x', 'float32', [4, 1, 16]);
      const y = layers.batchNorm(x, 'norm', { training: true });
      graph.output('y', y);
      graph.output('gradient', gradients(y, [x], { seed: op.sin(op.multiply(y, 3)) })[0]);
      const values = { 'norm.weight': Float32Array.of(1), 'norm.bias': Float32Array.of(0) };
      return runGraph(
        graph,
        {
          x: floats(
            deviations.map((value) => value + offset),
            [4, 1, 16],
          ),
        },
        values,
      );
    };
    const [near, far] = [await run(0), await run(1024)]; // what rounding to 1024 +- 1 itself costs is 6e-5
    expect(relativeError(far.y.data, near.y.data)).toBeLessThan(3e-4);
    expect(relativeError(far.gradient.data, near.gradient.data)).toBeLessThan(2e-3);
  });
});

describe('layers refuse what they cannot build', () => {
  it('names the layer and the dimension', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['batch', 'width']);
    expect(() => layers.dense(x, 'head', 3)).toThrow(/dense 'head': the last axis of 'x' must be a number/);
    expect(() => layers.batchNorm(x, 'norm', INFERENCE)).toThrow(/batchNorm 'norm': the channels of 'x'/);
    const q = graph.input('q', 'float32', [2, 5, 7]);
    expect(() => attention(q, q, q, INFERENCE, { heads: 2 })).toThrow(/width of 7 .* 2 heads/);
  });

  it('refuses a parameter name used twice', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['batch', 4]);
    layers.dense(x, 'head', 3);
    expect(() => layers.dense(x, 'head', 3)).toThrow(/parameter 'head.weight' is declared twice/);
  });
});
