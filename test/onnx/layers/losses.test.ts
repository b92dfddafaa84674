/** Losses and their gradients against PyTorch (goldens/layers.py, the cases that yield a loss). */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../../src/onnx/graph.ts';
import {
  binaryCrossEntropy,
  meanSquaredError,
  smoothedCrossEntropy,
  softmaxCrossEntropy,
} from '../../../src/onnx/layers/losses.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { expectClose, floats, type GoldenTensors, place, readGolden, runGraph, value } from '../helpers.ts';

interface Settings {
  readonly ignoreIndex?: number;
  readonly classWeights?: readonly number[] | null;
  readonly labelSmoothing?: number;
  readonly positiveWeights?: readonly number[] | null;
}
interface Case {
  readonly name: string;
  readonly layer: string;
  readonly settings: Settings;
  readonly inputs: GoldenTensors;
  readonly outputs: GoldenTensors;
  readonly inputGradients: GoldenTensors;
}

const vector = (graph: Graph, values: readonly number[]) => graph.constant(Float32Array.from(values), [values.length]);
const matrix = (x: Tensor) => (x.rank === 2 ? x : op.reshape(x, [-1, x.rank === 1 ? 1 : x.shape[x.rank - 1]]));

const BUILD: Readonly<Record<string, (graph: Graph, inputs: Readonly<Record<string, Tensor>>, item: Case) => Tensor>> =
  {
    crossEntropy: (graph, { logits }, { settings, inputs }) => {
      // An ignored row has weight 0 and any valid label.
      const given = inputs.labels.data;
      const labels = graph.constant(
        BigInt64Array.from(given, (label) => BigInt(Math.max(label, 0))),
        [given.length],
      );
      const weights = vector(
        graph,
        given.map((label) => (label === settings.ignoreIndex ? 0 : 1)),
      );
      const classWeights = settings.classWeights ? vector(graph, settings.classWeights) : undefined;
      const options = { smoothing: settings.labelSmoothing, classWeights };
      return smoothedCrossEntropy(matrix(logits), labels, weights, options);
    },
    binaryCrossEntropyWithLogits: (graph, { logits, labels }, { settings }) => {
      const positiveWeights = settings.positiveWeights ? vector(graph, settings.positiveWeights) : undefined;
      const weights = vector(graph, new Array(Number(logits.shape[0])).fill(1));
      return binaryCrossEntropy(logits, op.cast(labels, 'float32'), weights, { positiveWeights });
    },
    meanSquaredError: (graph, { predictions, targets }) => {
      const [p, t] = [matrix(predictions), matrix(targets)];
      return meanSquaredError(p, t, vector(graph, new Array(Number(p.shape[0])).fill(1)));
    },
  };

const cases = readGolden<Case[]>('layers.golden.json').filter((item) => 'loss' in item.outputs);

describe('a loss has the value and the gradients of PyTorch', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_name, item) => {
    const graph = new Graph();
    const inputs = Object.fromEntries(
      Object.entries(item.inputs).map(([name, tensor]) => [name, place(graph, name, tensor)]),
    );
    const loss = BUILD[item.layer](graph, inputs, item);
    graph.output('loss', loss);
    const wanted = Object.keys(item.inputGradients);
    gradients(
      loss,
      wanted.map((name) => inputs[name]),
    ).forEach((gradient, i) => {
      graph.output(`grad:${wanted[i]}`, gradient);
    });
    const feeds = Object.fromEntries(Object.entries(item.inputs).map(([name, tensor]) => [name, value(tensor)]));
    const results = await runGraph(graph, feeds);
    expectClose(results.loss, item.outputs.loss, 'loss');
    for (const name of wanted) expectClose(results[`grad:${name}`], item.inputGradients[name], `gradient of ${name}`);
  });
});

describe('row weights', () => {
  it.each(['softmax', 'binary', 'squared'] as const)('%s: a row of weight 2 counts like two rows', async (kind) => {
    const rows = [
      [0.3, -1.2, 0.7],
      [2, 0.1, -0.4],
    ];
    const run = async (picked: readonly number[], weighed: readonly number[]) => {
      const graph = new Graph();
      const logits = graph.input('logits', 'float32', [picked.length, 3]);
      const weights = graph.input('weights', 'float32', [picked.length]);
      const targets = graph.constant(new Float32Array(picked.length * 3).fill(1), [picked.length, 3]);
      const labels = graph.constant(BigInt64Array.from(picked, BigInt), [picked.length]);
      graph.output(
        'loss',
        kind === 'softmax'
          ? softmaxCrossEntropy(logits, labels, weights)
          : kind === 'binary'
            ? binaryCrossEntropy(logits, targets, weights)
            : meanSquaredError(logits, targets, weights),
      );
      const results = await runGraph(graph, {
        logits: floats(
          picked.flatMap((row) => rows[row]),
          [picked.length, 3],
        ),
        weights: floats(weighed, [picked.length]),
      });
      return Number(results.loss.data[0]);
    };
    const weighted = await run([0, 1, 0], [2, 1, 0]);
    expect(weighted).toBeCloseTo(await run([0, 0, 1], [1, 1, 1]), 6);
    expect(await run([0, 1], [0, 0])).toBe(0);
  });

  it('have gradients of their own, as have the targets', async () => {
    // d loss / d w_i = (CE_i - loss) / sum w and d BCE / d y = -x / n, written out here.
    const graph = new Graph();
    const logits = graph.constant(Float32Array.of(0.5, -1, 2), [3, 1]);
    const targets = graph.input('targets', 'float32', [3, 1]);
    const weights = graph.input('weights', 'float32', [3]);
    const loss = binaryCrossEntropy(logits, targets, weights);
    gradients(loss, [targets, weights]).forEach((gradient, i) => {
      graph.output(['targets:gradient', 'weights:gradient'][i], gradient);
    });
    const [y, w, x] = [
      [1, 0, 0.25],
      [1, 2, 0.5],
      [0.5, -1, 2],
    ];
    const results = await runGraph(graph, { targets: floats(y, [3, 1]), weights: floats(w, [3]) });
    const entropies = x.map((logit, i) => Math.log1p(Math.exp(logit)) - logit * y[i]);
    const total = 3.5;
    const value = entropies.reduce((sum, entropy, i) => sum + w[i] * entropy, 0) / total;
    entropies.forEach((entropy, i) => {
      expect(results['weights:gradient'].data[i]).toBeCloseTo((entropy - value) / total, 5);
      expect(results['targets:gradient'].data[i]).toBeCloseTo((-x[i] * w[i]) / total, 5);
    });
  });
});
