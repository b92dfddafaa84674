/** A short BarcodeMAE training run against PyTorch's AdamW, clipping and OneCycleLR (goldens/barcode/goldens.py: trajectory). */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { BertConfig } from '../../src/models/architectures/bert-graph.ts';
import type { Graph } from '../../src/onnx/graph.ts';
import type { Mode } from '../../src/onnx/layers/dropout.ts';
import { barcodeMaePacked } from '../../src/pretraining/barcode-mae.ts';
import { feedsOf } from '../../src/pretraining/masking.ts';
import { kmerVocabulary } from '../../src/pretraining/training-tokenizers.ts';
import { initialState } from '../../src/runtime/training/network.ts';
import { rateAt } from '../../src/runtime/training/schedules.ts';
import { compileTrainingStep } from '../../src/runtime/training/training-step.ts';

interface Parameters {
  readonly [name: string]: { readonly shape: number[]; readonly values: number[] };
}
interface Trajectory {
  readonly optimiser: { readonly learningRate: number; readonly weightDecay: number; readonly clipNorm: number };
  readonly runs: readonly {
    readonly cycleMomentum: boolean;
    readonly steps: readonly { masked: number[]; learningRate: number; gradientNorm: number; loss: number }[];
    readonly parameters: Parameters;
  }[];
}
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../models/goldens/barcode/${name}.json`, import.meta.url), 'utf8'));
const { optimiser, runs } = read('trajectory') as Trajectory;
const start = read('mae-v2') as {
  readonly config: Readonly<Record<'encoder' | 'decoder', BertConfig & { num_labels: number }>>;
  readonly batch: Readonly<Record<'shape' | 'ids' | 'attentionMask', number[]>>;
  readonly parameters: Parameters;
};

const MASK_ROW = 'decoder.bert.embeddings.mask_token';
/** Values under one of our names: of the decoder's words the [MASK] row alone. */
function valuesOf(parameters: Parameters, name: string): number[] {
  if (name !== MASK_ROW) return parameters[name].values;
  const { shape, values } = parameters['decoder.bert.embeddings.word_embeddings.weight'];
  return values.slice(0, shape[1]);
}

it('five steps give the losses, gradient norms and weights of PyTorch', async () => {
  const { encoder, decoder } = start.config;
  const still = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const config = { encoder: { ...encoder, ...still }, decoder: { ...decoder, ...still }, labels: decoder.num_labels };
  const network = {
    label: 'BarcodeMAE',
    build: (graph: Graph, mode: Mode) => barcodeMaePacked(graph, config, mode).outputs,
  };
  const { state, layout } = initialState(network, 0);
  const { names, offsets, sizes } = layout.parameters;
  names.forEach((name, i) => {
    state.parameters.set(valuesOf(start.parameters, name), offsets[i]);
  });
  const { learningRate, weightDecay, clipNorm } = optimiser;
  const step = await compileTrainingStep(network, { kind: 'adamw', weightDecay, maxGradientNorm: clipNorm }, 0, {
    device: 'cpu',
    threads: 1,
  });
  const moments = [0, 1].map(() => new Float32Array(layout.parameters.total));
  const [rows, tokens] = start.batch.shape;
  const batch = {
    ids: Int32Array.from(start.batch.ids),
    mask: Uint8Array.from(start.batch.attentionMask),
    rows,
    tokens,
    vocabulary: kmerVocabulary(2),
  };
  const run = runs.find(({ cycleMomentum }) => !cycleMomentum)!;
  for (const [at, expected] of run.steps.entries()) {
    const places = Array.from({ length: rows }, (_, r) =>
      Array.from({ length: tokens }, (_, t) => t).filter((t) => expected.masked[r * tokens + t] === 1),
    );
    const masking = { shown: batch.ids, hidden: Uint8Array.from(expected.masked), places };
    const masks = { objective: 'mae-v2', maskRate: 0.5, maskedShare: 1, randomShare: 0, maskedWeight: 1 } as const;
    const rate = rateAt({ kind: 'oneCycle' }, learningRate, at, run.steps.length);
    expect(rate).toBeCloseTo(expected.learningRate, 9);
    const found = await step.run(state, moments, feedsOf(batch, masking, masks, true), rate, at);
    // PyTorch's run decays biases and norms too, ours matrices alone: a few 1e-5 after five steps.
    expect(found.loss).toBeCloseTo(expected.loss, 4);
    expect(found.gradientNorm).toBeCloseTo(expected.gradientNorm, 3);
  }
  await step.dispose();
  for (const [i, name] of names.entries()) {
    // A key's bias has no gradient but rounding, which Adam magnifies (up to 4e-4 in PyTorch's own float32).
    const tolerance = name.endsWith('self.key.bias') ? 1e-3 : 1e-4;
    const found = state.parameters.subarray(offsets[i], offsets[i] + sizes[i]);
    valuesOf(run.parameters, name).forEach((value, j) => {
      expect(Math.abs(found[j] - value), `${name}[${j}]`).toBeLessThan(tolerance);
    });
  }
});
