/**
 * Folders that pre-training wrote, in transformers' BertModel and BertForTokenClassification and here: the same hidden states and logits
 * (goldens/tiny_objectives.py), whatever the names of the weights. `BertForMaskedLM` is in `bert-folder.test.ts`.
 */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { FrozenModel } from '../../src/models/model.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { loadBertFolder } from '../../src/pretraining/bert-folder.ts';
import { readSafetensors } from '../../src/runtime/arrays/safetensors.ts';
import { openSession } from '../../src/runtime/session.ts';
import { relativeError } from '../onnx/helpers.ts';

interface Golden {
  readonly sequences: string[];
  readonly ids: number[];
  readonly mask: number[];
  readonly models: Readonly<
    Record<string, { architecture: string; shape: number[]; hiddenStates: number[][]; logits?: number[] }>
  >;
}

const at = (name: string) => fileURLToPath(new URL(`../models/goldens/${name}`, import.meta.url));
const golden = JSON.parse(readFileSync(at('tiny_objectives.golden.json'), 'utf8')) as Golden;

/** Hidden states of every layer, `[rows, tokens, dimension]` each. */
async function hiddenStates(model: FrozenModel, sequences: readonly string[]): Promise<Float32Array[]> {
  const graph = new Graph();
  model.build(graph).hiddenStates.forEach((states, layer) => {
    graph.output(`layer:${layer}`, states);
  });
  const session = await openSession(serialise(graph, { values: model.values }).bytes, { device: 'cpu', threads: 1 });
  const results = await session.run(model.encode(sequences));
  await session.dispose();
  return Array.from({ length: model.layers + 1 }, (_, layer) => results[`layer:${layer}`].data as Float32Array);
}

describe.each(Object.entries(golden.models))('%s', (name, { architecture, shape, hiddenStates: expected }) => {
  it(`names ${architecture}, and has the hidden states of transformers`, async () => {
    const config = JSON.parse(readFileSync(`${at(name)}/config.json`, 'utf8'));
    expect(config.architectures).toEqual([architecture]);
    const model = await loadBertFolder(at(name));
    const { ids, mask } = model.encode(golden.sequences);
    expect(Array.from(ids.data, Number)).toEqual(golden.ids);
    expect(Array.from(mask.data, Number)).toEqual(golden.mask);
    const states = await hiddenStates(model, golden.sequences);
    expect(states).toHaveLength(expected.length);
    states.forEach((values, layer) => {
      expect(values).toHaveLength(shape.reduce((product, dim) => product * dim, 1));
      expect(relativeError(values, expected[layer]), `layer ${layer}`).toBeLessThan(2e-5);
    });
  });
});

const withHead = Object.entries(golden.models).filter(([, { logits }]) => logits !== undefined);
it.each(withHead)('%s has a head with the logits of transformers', async (name, model) => {
  const { hiddenStates: expected, logits = [] } = model;
  const { tensors } = await readSafetensors(`${at(name)}/model.safetensors`);
  const [weight, bias] = ['weight', 'bias'].map((part) => tensors.get(`classifier.${part}`)!);
  const [classes, width] = weight.shape;
  const last = expected[expected.length - 1]; // [rows tokens, width]
  const ours = Array.from({ length: (last.length / width) * classes }, (_, i) => {
    const [token, kmer] = [Math.floor(i / classes), i % classes];
    let sum = bias.data[kmer];
    for (let d = 0; d < width; d++) sum += weight.data[kmer * width + d] * last[token * width + d];
    return sum;
  });
  expect(relativeError(Float32Array.from(ours), logits)).toBeLessThan(2e-5);
});

describe('the output of pre-training', () => {
  const names = async (file: string) => [...(await readSafetensors(at(file))).tensors.keys()];

  it('is for BarcodeMAE an encoder without prefix, and a separate decoder file', async () => {
    expect((await readdir(at('tiny-mae'))).sort()).toContain('decoder.safetensors');
    for (const name of await names('tiny-mae/model.safetensors'))
      expect(name).toMatch(/^(embeddings|encoder\.layer)\./);
    for (const name of await names('tiny-mae/decoder.safetensors'))
      expect(name).toMatch(/^(decoder|projection_layer)\./);
  });

  it('is one file for the other objectives', async () => {
    for (const folder of ['tiny-barcodebert', 'tiny-causal']) {
      expect(await readdir(at(folder))).not.toContain('decoder.safetensors');
      expect(await names(`${folder}/model.safetensors`)).toEqual(
        expect.arrayContaining(['bert.embeddings.word_embeddings.weight', 'classifier.weight', 'classifier.bias']),
      );
    }
  });

  it('of the causal comparison does not depend on later tokens', async () => {
    const model = await loadBertFolder(at('tiny-causal'));
    const [one, other] = await Promise.all(['ACGGTAACGG', 'ACGGTATTTT'].map((text) => hiddenStates(model, [text])));
    const width = model.dimension;
    one.forEach((states, layer) => {
      expect(states.slice(0, 3 * width)).toEqual(other[layer].slice(0, 3 * width));
      expect(states.slice(3 * width)).not.toEqual(other[layer].slice(3 * width));
    });
  });
});
