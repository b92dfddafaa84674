/** BarcodeMAE, BarcodeBERT and the causal comparison against transformers' layers (goldens/barcode/goldens.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { BertConfig } from '../../src/models/architectures/bert-graph.ts';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type TypedArray } from '../../src/onnx/graph.ts';
import { INFERENCE, type Mode } from '../../src/onnx/layers/dropout.ts';
import {
  type BarcodeGraph,
  barcodeBert,
  barcodeMaePacked,
  barcodeMaeZeroed,
} from '../../src/pretraining/barcode-mae.ts';
import {
  causalMasking,
  feedsOf,
  type Masking,
  type MaskingConfig,
  type Objective,
} from '../../src/pretraining/masking.ts';
import { kmerVocabulary } from '../../src/pretraining/training-tokenizers.ts';
import { expectClose, type GoldenTensor, magnitude, runGraph } from '../onnx/helpers.ts';

interface Flat {
  readonly shape: number[];
  readonly values: number[];
}
interface Golden {
  readonly config: Readonly<Record<'encoder' | 'decoder' | 'model', BertConfig & { num_labels: number }>>;
  readonly batch: Readonly<Record<'shape' | 'ids' | 'attentionMask' | 'masked' | 'inputIds', number[]>>;
  readonly maskedLossWeight?: number;
  readonly packed?: Readonly<Record<'shape' | 'ids' | 'positionIds' | 'attentionMask', number[]>>;
  readonly parameters: Readonly<Record<string, Flat & { gradient: number[] }>>;
  readonly encoderHiddenStates: { readonly shape: number[]; readonly layers: number[][] };
  readonly logits: Flat & { readonly places: number[] };
  readonly loss: number;
  readonly maskedLoss: number;
  readonly maskedAccuracy: number;
  readonly accuracy: number;
  readonly predictedTokens: number;
  readonly maskRowGradient?: number[];
}

const read = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`../models/goldens/barcode/${name}.json`, import.meta.url), 'utf8')) as Golden;

const CASES: Readonly<Record<string, Objective>> = {
  'mae-v2': 'mae-v2',
  'mae-v2-narrow-decoder': 'mae-v2',
  'mae-v1': 'mae-v1',
  'mae-v1-weighted': 'mae-v1',
  mlm: 'barcodebert',
  'mlm-fates': 'barcodebert',
  causal: 'causal',
};

const MASK_ROW = 'decoder.bert.embeddings.mask_token';
const DECODER_WORDS = 'decoder.bert.embeddings.word_embeddings.weight';
const WORDS = 'bert.embeddings.word_embeddings.weight';

function build(golden: Golden, objective: Objective, graph: Graph, mode: Mode): BarcodeGraph {
  const { encoder, decoder, model } = golden.config;
  if (objective === 'mae-v2') return barcodeMaePacked(graph, { encoder, decoder, labels: decoder.num_labels }, mode);
  if (objective === 'mae-v1') return barcodeMaeZeroed(graph, { encoder, decoder, labels: decoder.num_labels }, mode);
  return barcodeBert(graph, model, model.num_labels, mode, objective === 'causal');
}

/** Weights by our names: of the decoder's words the [MASK] row alone. */
function parametersOf(
  golden: Golden,
  what: 'values' | 'gradient',
): Record<string, { shape: number[]; data: number[] }> {
  return Object.fromEntries(
    Object.entries(golden.parameters).map(([name, parameter]) => {
      const { shape } = parameter;
      if (name === DECODER_WORDS) return [MASK_ROW, { shape: [1, shape[1]], data: parameter[what].slice(0, shape[1]) }];
      const data = [...parameter[what]];
      // transformers freezes row 0 as padding; ours learns.
      if (name === WORDS && what === 'gradient' && golden.maskRowGradient)
        data.splice(0, shape[1], ...golden.maskRowGradient);
      return [name, { shape, data }];
    }),
  );
}

function feedsFor(golden: Golden, objective: Objective, everywhere: boolean) {
  const { batch } = golden;
  const [rows, tokens] = batch.shape;
  const tokenRows = {
    ids: Int32Array.from(batch.ids),
    mask: Uint8Array.from(batch.attentionMask),
    rows,
    tokens,
    vocabulary: kmerVocabulary(2),
  };
  const row = (r: number) =>
    Array.from({ length: tokens }, (_, t) => t).filter((t) => batch.masked[r * tokens + t] === 1);
  const masking: Masking =
    objective === 'causal'
      ? causalMasking(tokenRows)
      : {
          shown: Int32Array.from(batch.inputIds),
          hidden: Uint8Array.from(batch.masked),
          places: Array.from({ length: rows }, (_, r) => row(r)),
        };
  const config: MaskingConfig = {
    objective,
    maskRate: 0.5,
    maskedShare: 1,
    randomShare: 0,
    maskedWeight: golden.maskedLossWeight ?? 1,
  };
  return { feeds: feedsOf(tokenRows, masking, config, everywhere), masking };
}

const tensor = (shape: number[], data: number[]): GoldenTensor => ({ shape, dtype: 'float32', data });
const weightsOf = (golden: Golden): Record<string, TypedArray> =>
  Object.fromEntries(
    Object.entries(parametersOf(golden, 'values')).map(([name, { data }]) => [name, Float32Array.from(data)]),
  );

describe.each(Object.entries(CASES))('%s', (name, objective) => {
  const golden = read(name);

  it('returns the hidden states of every encoder layer and the logits at the predicted positions', async () => {
    const graph = new Graph();
    const { hidden, logits } = build(golden, objective, graph, INFERENCE);
    hidden.forEach((states, layer) => {
      graph.output(`layer:${layer}`, states);
    });
    graph.output('logits', logits);
    const expected = parametersOf(golden, 'values');
    expect([...graph.parameters.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [parameter, { shape }] of graph.parameters) expect(shape, parameter).toEqual(expected[parameter].shape);

    const { feeds, masking } = feedsFor(golden, objective, false);
    const results = await runGraph(graph, feeds, weightsOf(golden));
    const { shape, layers } = golden.encoderHiddenStates;
    const width = shape[2];
    // Packed: our rows hold the attended tokens alone, theirs the padding too, behind them or between.
    const attended = golden.packed?.attentionMask ?? golden.batch.attentionMask;
    layers.forEach((values, layer) => {
      const ours = results[`layer:${layer}`];
      const [rows, tokens] = shape;
      const [picked, wanted]: number[][] = [[], []];
      for (let r = 0; r < rows; r++)
        for (let t = 0, mine = 0; t < tokens; t++) {
          const counts =
            attended[r * tokens + t] === 1 && !(name.startsWith('mae-v1') && golden.batch.masked[r * tokens + t] === 1);
          const place = golden.packed ? mine : t;
          if (attended[r * tokens + t] === 1) mine += 1;
          if (!counts) continue;
          const at = (r * ours.dims[1] + place) * width;
          picked.push(...Array.from((ours.data as Float32Array).subarray(at, at + width)));
          wanted.push(...values.slice((r * tokens + t) * width, (r * tokens + t + 1) * width));
        }
      const dims = [picked.length];
      expectClose({ type: 'float32', data: Float32Array.from(picked), dims }, tensor(dims, wanted), `layer ${layer}`);
    });

    const labels = golden.logits.shape[1];
    const most = Math.max(...masking.places.map((row) => row.length));
    const [found, wanted]: number[][] = [[], []];
    masking.places.forEach((row, r) => {
      row.forEach((t, i) => {
        const at = (r * most + i) * labels;
        const theirs = golden.logits.places.indexOf(r * golden.batch.shape[1] + t) * labels;
        expect(theirs).toBeGreaterThanOrEqual(0);
        found.push(...Array.from((results.logits.data as Float32Array).subarray(at, at + labels)));
        wanted.push(...golden.logits.values.slice(theirs, theirs + labels));
      });
    });
    const dims = [found.length];
    expectClose({ type: 'float32', data: Float32Array.from(found), dims }, tensor(dims, wanted), 'logits');
  });

  it('has the loss of PyTorch and its gradient with respect to every weight', async () => {
    const graph = new Graph();
    const { outputs } = build(golden, objective, graph, { training: true });
    graph.output('loss', outputs.loss);
    const names = [...graph.parameters.keys()];
    gradients(
      outputs.loss,
      names.map((parameter) => graph.parameters.get(parameter)!.tensor),
      { allowUnused: true },
    ).forEach((gradient, i) => {
      graph.output(`grad:${names[i]}`, gradient);
    });
    const results = await runGraph(graph, feedsFor(golden, objective, true).feeds, weightsOf(golden));
    expect(Number(results.loss.data[0])).toBeCloseTo(golden.loss, 5);
    const expected = Object.fromEntries(
      Object.entries(parametersOf(golden, 'gradient')).map(([key, { shape, data }]) => [key, tensor(shape, data)]),
    );
    const floor = 0.02 * magnitude(expected);
    for (const parameter of names)
      expectClose(results[`grad:${parameter}`], expected[parameter], `gradient of ${parameter}`, {
        tolerance: 1e-4,
        floor,
      });
  });

  it('sums losses, tokens and correct answers per row at evaluation, over masked tokens only', async () => {
    const graph = new Graph();
    graph.output('sums', build(golden, objective, graph, INFERENCE).outputs.sums);
    const { feeds } = feedsFor(golden, objective, false);
    const { sums } = await runGraph(graph, feeds, weightsOf(golden));
    const total = [0, 0, 0];
    sums.data.forEach((value: number | bigint, i: number) => {
      total[i % 3] += Number(value);
    });
    expect(total[0] / total[1]).toBeCloseTo(objective === 'causal' ? golden.loss : golden.maskedLoss, 5);
    expect(total[2] / total[1]).toBeCloseTo(objective === 'causal' ? golden.accuracy : golden.maskedAccuracy, 6);
  });
});
