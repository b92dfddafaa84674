/** BERT and its masked-language-model loss against transformers' BertForMaskedLM (test/onnx/goldens/networks.py). */
import { describe, expect, it } from 'vitest';
import {
  type BertConfig,
  bertHiddenStates,
  bertLogits,
  bertMaskedLanguageModel,
} from '../../../src/models/architectures/bert-graph.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Graph, type TypedArray } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import type { TensorValue } from '../../../src/runtime/session.ts';
import {
  expectClose,
  type GoldenTensor,
  type GoldenTensors,
  magnitude,
  readGolden,
  runGraph,
  typed,
  value,
} from '../../onnx/helpers.ts';

interface Case {
  readonly network: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly inputs: Readonly<Record<'input_ids' | 'attention_mask' | 'labels', GoldenTensor>>;
  readonly parameters: GoldenTensors;
  readonly hiddenStates: readonly GoldenTensor[];
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly parameterGradients: GoldenTensors;
}
const golden = readGolden<Case[]>('networks.golden.json').find(({ network }) => network === 'bertForMaskedLM') as Case;
const { settings, inputs } = golden;

const CONFIG: BertConfig = {
  vocab_size: settings.vocabulary,
  hidden_size: settings.width,
  num_hidden_layers: settings.layers,
  num_attention_heads: settings.heads,
  intermediate_size: settings.feedForward,
  max_position_embeddings: settings.positions,
  type_vocab_size: 2,
  layer_norm_eps: settings.epsilon,
  initializer_range: 0.02,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
};
const weights: Record<string, TypedArray> = Object.fromEntries(
  Object.entries(golden.parameters).map(([name, tensor]) => [name, typed(tensor)]),
);

/** The golden's labels, -100 where nothing is asked, as our loss takes them: positions and labels, padded to the fullest row. */
function maskedFeeds(): Record<string, TensorValue> {
  const [rows, tokens] = inputs.labels.shape;
  const asked = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: tokens }, (_, t) => ({ t, label: inputs.labels.data[row * tokens + t] })).filter(
      ({ label }) => label !== settings.ignoreIndex,
    ),
  );
  const most = Math.max(...asked.map((row) => row.length));
  const padded = asked.flatMap((row) => Array.from({ length: most }, (_, i) => row[i]));
  const dims = [rows, most];
  return {
    ids: value(inputs.input_ids),
    mask: value(inputs.attention_mask),
    masked: { type: 'int64', data: BigInt64Array.from(padded, (at) => BigInt(at?.t ?? 0)), dims },
    labels: { type: 'int64', data: BigInt64Array.from(padded, (at) => BigInt(at?.label ?? 0)), dims },
    tokenWeights: { type: 'float32', data: Float32Array.from(padded, (at) => (at ? 1 : 0)), dims },
  };
}

describe('BERT', () => {
  it('gives the hidden states of every layer and the logits, with weights under their own names', async () => {
    const graph = new Graph();
    const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
    const hidden = bertHiddenStates(ids, graph.input('mask', 'int64', ['rows', 'tokens']), CONFIG, INFERENCE);
    hidden.forEach((states, layer) => {
      graph.output(`layer:${layer}`, states);
    });
    const flat = op.reshape(hidden[hidden.length - 1], [-1, CONFIG.hidden_size]);
    graph.output('logits', bertLogits(flat, CONFIG));
    expect([...graph.parameters.keys()].sort()).toEqual(Object.keys(golden.parameters).sort());
    for (const [name, { shape }] of graph.parameters) expect(shape, name).toEqual(golden.parameters[name].shape);

    const feeds = { ids: value(inputs.input_ids), mask: value(inputs.attention_mask) };
    const results = await runGraph(graph, feeds, weights);
    expect(hidden).toHaveLength(settings.layers + 1);
    golden.hiddenStates.forEach((states, layer) => {
      expectClose(results[`layer:${layer}`], states, `hidden states ${layer}`);
    });
    const [rows, tokens, vocabulary] = golden.logits.shape;
    expectClose(results.logits, { ...golden.logits, shape: [rows * tokens, vocabulary] }, 'logits');
  });

  it('has the loss of the masked tokens alone and its gradient by every weight', async () => {
    const graph = new Graph();
    const { loss } = bertMaskedLanguageModel(graph, CONFIG, { training: true });
    graph.output('loss', loss);
    const names = Object.keys(golden.parameterGradients);
    gradients(
      loss,
      names.map((name) => graph.parameters.get(name)!.tensor),
    ).forEach((gradient, i) => {
      graph.output(`grad:${names[i]}`, gradient);
    });
    const results = await runGraph(graph, maskedFeeds(), weights);
    expect(Number(results.loss.data[0])).toBeCloseTo(golden.loss, 5);
    const floor = 0.02 * magnitude(golden.parameterGradients);
    for (const name of names)
      expectClose(results[`grad:${name}`], golden.parameterGradients[name], `gradient of ${name}`, {
        tolerance: 1e-4,
        floor,
      });
  });

  it('sums the loss per row at evaluation, with the tokens asked for and those predicted right', async () => {
    const graph = new Graph();
    graph.output('sums', bertMaskedLanguageModel(graph, CONFIG, INFERENCE).sums);
    const { sums } = await runGraph(graph, maskedFeeds(), weights);
    const [rows, tokens, vocabulary] = golden.logits.shape;
    const expected = Array.from({ length: rows }, () => [0, 0, 0]);
    inputs.labels.data.forEach((label, at) => {
      if (label === settings.ignoreIndex) return;
      const logits = golden.logits.data.slice(at * vocabulary, (at + 1) * vocabulary);
      const row = expected[Math.floor(at / tokens)];
      row[0] += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[label];
      row[1] += 1;
      row[2] += Math.max(...logits) === logits[label] ? 1 : 0;
    });
    expectClose(sums, { shape: [rows, 3], dtype: 'float32', data: expected.flat() }, 'sums');
    expect(expected.reduce((sum, row) => sum + row[0], 0) / 7).toBeCloseTo(golden.loss, 5);
  });
});
