/** One training step's forward and backward pass through whole networks against PyTorch (goldens/networks.py). */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../src/onnx/graph.ts';
import { INFERENCE, type Mode } from '../../src/onnx/layers/dropout.ts';
import { binaryCrossEntropy, meanSquaredError, softmaxCrossEntropy } from '../../src/onnx/layers/losses.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import {
  expectClose,
  type GoldenTensor,
  type GoldenTensors,
  magnitude,
  place,
  readGolden,
  runGraph,
  typed,
  value,
} from './helpers.ts';
import {
  type BertSettings,
  barcodeCnn,
  bertForMaskedLM,
  chipCnn,
  genomicBenchmarksCnn,
  type NetworkSettings,
  resNet,
} from './networks.ts';

interface Case {
  readonly name: string;
  readonly network: string;
  readonly settings: NetworkSettings & BertSettings & { readonly loss: string; readonly ignoreIndex: number };
  readonly inputs: GoldenTensors;
  readonly parameters: GoldenTensors;
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly parameterGradients: GoldenTensors;
  readonly inputGradients?: GoldenTensors;
  readonly runningStatistics?: GoldenTensors;
  readonly runningStatisticsAfter?: GoldenTensors;
  readonly evaluationLogits?: GoldenTensor;
  readonly hiddenStates?: readonly GoldenTensor[];
}

const NETWORKS: Readonly<Record<string, (x: Tensor, mode: Mode, settings: NetworkSettings) => Tensor>> = {
  chipCnn,
  resNet,
  barcodeCnn,
  genomicBenchmarksCnn,
};
const TRAINING: Mode = { training: true };

const cases = readGolden<Case[]>('networks.golden.json');
const convolutional = cases.filter((item) => item.network in NETWORKS);

function lossOf(graph: Graph, logits: Tensor, { settings, inputs }: Case): Tensor {
  const rows = Number(logits.shape[0]);
  const given = inputs.labels ?? inputs.targets;
  const weights = graph.constant(
    Float32Array.from({ length: rows }, (_, i) => (given.data[i] === settings.ignoreIndex ? 0 : 1)),
    [rows],
  );
  const targets = () => graph.constant(Float32Array.from(given.data), given.shape);
  if (settings.loss === 'binaryCrossEntropyWithLogits') return binaryCrossEntropy(logits, targets(), weights);
  if (settings.loss === 'meanSquaredError') return meanSquaredError(logits, targets(), weights);
  const labels = BigInt64Array.from(given.data, (label) => BigInt(Math.max(label, 0)));
  return softmaxCrossEntropy(logits, graph.constant(labels, [rows]), weights);
}

const bind = (tensors: GoldenTensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, typed(tensor)]));
const feedsOf = (item: Case) =>
  Object.fromEntries(Object.entries(item.inputs).map(([name, tensor]) => [name, value(tensor)]));

/** Declares the gradients of every golden parameter and input as outputs, and returns what is expected of them. */
function declareGradients(graph: Graph, loss: Tensor, item: Case, inputs: Readonly<Record<string, Tensor>>) {
  const wanted = { ...item.inputGradients, ...item.parameterGradients };
  const tensors = Object.keys(wanted).map((name) => inputs[name] ?? graph.parameters.get(name)?.tensor);
  expect([...graph.parameters.keys()].sort(), 'parameters').toEqual(Object.keys(item.parameters).sort());
  gradients(loss, tensors as Tensor[]).forEach((gradient, i) => {
    graph.output(`grad:${Object.keys(wanted)[i]}`, gradient);
  });
  return wanted;
}

describe('a one-hot network trains as in PyTorch', () => {
  it.each(convolutional.map((item) => [item.name, item] as const))('%s: one step', async (_name, item) => {
    const graph = new Graph();
    const input = place(graph, 'input', item.inputs.input);
    const logits = NETWORKS[item.network](input, TRAINING, item.settings);
    const loss = lossOf(graph, logits, item);
    graph.output('logits', logits);
    graph.output('loss', loss);
    const wanted = declareGradients(graph, loss, item, { input });
    for (const buffer of graph.buffers.values()) {
      expect(buffer.next, `${buffer.name} is updated`).toBeDefined();
      if (buffer.next) graph.output(`next:${buffer.name}`, buffer.next);
    }
    const values = { ...bind(item.parameters), ...bind(item.runningStatistics ?? {}) };
    const results = await runGraph(graph, feedsOf(item), values);
    expectClose(results.logits, item.logits, 'logits', { tolerance: 5e-5 });
    expect(Number(results.loss.data[0]), 'loss').toBeCloseTo(item.loss, 4);
    // Gradients of biases before a batch norm are zero but for rounding, hence the floor.
    const floor = 0.02 * magnitude(wanted);
    for (const [name, gradient] of Object.entries(wanted)) {
      // The barcode CNN's kernels [.., 3, 1] are [.., 3] here.
      const shape = graph.parameters.get(name)?.shape;
      const expected = shape ? { ...gradient, shape: [...shape] } : gradient;
      expectClose(results[`grad:${name}`], expected, `gradient of ${name}`, { tolerance: 2e-4, floor });
    }
    for (const [name, statistics] of Object.entries(item.runningStatisticsAfter ?? {}))
      expectClose(results[`next:${name}`], statistics, name);
  });

  it.each(convolutional.map((item) => [item.name, item] as const))('%s: evaluation', async (_name, item) => {
    const graph = new Graph();
    const input = place(graph, 'input', item.inputs.input);
    graph.output('logits', NETWORKS[item.network](input, INFERENCE, item.settings));
    const values = { ...bind(item.parameters), ...bind(item.runningStatistics ?? {}) };
    const { logits } = await runGraph(graph, feedsOf(item), values);
    expectClose(logits, item.evaluationLogits as GoldenTensor, 'logits', { tolerance: 5e-5 });
  });
});

describe('masked-language BERT', () => {
  it.each(cases.filter((item) => item.network === 'bertForMaskedLM').map((item) => [item.name, item] as const))(
    '%s: hidden states, logits, loss and every gradient, the tied weight included',
    async (_name, item) => {
      const graph = new Graph();
      const tokens = place(graph, 'input_ids', item.inputs.input_ids);
      const mask = place(graph, 'attention_mask', item.inputs.attention_mask);
      const { hiddenStates, logits } = bertForMaskedLM(tokens, mask, item.settings);
      const loss = lossOf(graph, op.reshape(logits, [-1, item.settings.vocabulary]), item);
      graph.output('logits', logits);
      graph.output('loss', loss);
      hiddenStates.forEach((states, layer) => {
        graph.output(`layer:${layer}`, states);
      });
      const wanted = declareGradients(graph, loss, item, {});
      const results = await runGraph(graph, feedsOf(item), bind(item.parameters));
      expect(item.hiddenStates).toHaveLength(item.settings.layers + 1);
      item.hiddenStates?.forEach((states, layer) => {
        expectClose(results[`layer:${layer}`], states, `hidden states ${layer}`);
      });
      expectClose(results.logits, item.logits, 'logits');
      expect(Number(results.loss.data[0]), 'loss').toBeCloseTo(item.loss, 4);
      const floor = 0.02 * magnitude(wanted);
      for (const [name, gradient] of Object.entries(wanted))
        expectClose(results[`grad:${name}`], gradient, `gradient of ${name}`, { tolerance: 5e-5, floor });
    },
  );
});
