/** BERT6mA against its authors' code (goldens/architectures/bert6ma.py): hidden states, its classifier, gradients, and the folder that it is laid out in. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classScores } from '../../../src/embeddings/class-scores.ts';
import { bert6ma } from '../../../src/models/architectures/bert6ma.ts';
import { loadModelFolder, randomModel } from '../../../src/models/model-folder.ts';
import { folderTokenizer } from '../../../src/models/tokenizers/tokenizers.ts';
import { findSource } from '../../../src/models/weights.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../../../src/runtime/arrays/safetensors.ts';
import type { TensorValue } from '../../../src/runtime/session.ts';
import { floats, relativeError, runGraph } from '../../onnx/helpers.ts';
import { readGoldenFolder } from './parity.ts';

const FOLDER = fileURLToPath(new URL('../goldens/architectures/bert6ma', import.meta.url));
const COMPUTE = { device: 'cpu', threads: 1 } as const;
const golden = readGoldenFolder('bert6ma');
const configured = bert6ma.configure(golden.config, 'bert6ma/config.json');
const tensor = (name: string) => golden.tensors.get(name)!;
const integers = (name: string): TensorValue => {
  const { shape, data } = tensor(name);
  return { type: 'int64', data: BigInt64Array.from(data, BigInt), dims: shape };
};
const vectors = (await readSafetensors(join(FOLDER, 'word_vectors.safetensors'))).tensors.get('vectors')!;
const stored = new Map([...golden.weights, ['vectors', vectors]]);
const sequences = JSON.parse(
  (await readSafetensorsHeader(join(FOLDER, 'golden.safetensors'))).metadata.sequences,
) as string[];
const full = Array.from(tensor('scored').data, (row) => sequences[row]);

function built(graph: Graph) {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  return configured.build(graph, { ids, mask }, INFERENCE);
}
const sourceOf = (parameter: string) => findSource(parameter, configured, (name) => stored.has(name))!.name;
const bound = (graph: Graph) =>
  Object.fromEntries([...graph.parameters.keys()].map((name) => [name, stored.get(sourceOf(name))!.data]));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-bert6ma-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('BERT6mA', () => {
  it('has the hidden states of its authors, padding or not', async () => {
    const graph = new Graph();
    built(graph).hiddenStates.forEach((states, layer) => {
      graph.output(`hidden.${layer}`, states);
    });
    const results = await runGraph(graph, { ids: integers('ids'), mask: integers('mask') }, bound(graph));
    const [rows, tokens] = tensor('ids').shape;
    for (const layer of [0, 1, 2]) {
      const { data, shape } = tensor(`hidden.${layer}`);
      for (let row = 0; row < rows; row++) {
        const real =
          tensor('mask')
            .data.subarray(row * tokens, (row + 1) * tokens)
            .lastIndexOf(1) + 1;
        const part = (values: Float32Array) =>
          values.subarray(row * tokens * shape[2], (row * tokens + real) * shape[2]);
        const error = relativeError(part(results[`hidden.${layer}`].data as Float32Array), part(data));
        expect(error, `row ${row}, layer ${layer}`).toBeLessThan(1e-5);
      }
    }
  });

  it('has the gradients of its authors, of the word vectors too', async () => {
    const graph = new Graph();
    const { hiddenStates, scores } = built(graph);
    const probabilities = op.squeeze(scores!(hiddenStates[2]), [1]);
    const labels = graph.input('labels', 'float32', ['rows']);
    const likelihood = op.add(
      op.multiply(labels, op.log(probabilities)),
      op.multiply(op.subtract(1, labels), op.log(op.subtract(1, probabilities))),
    );
    const loss = op.negate(op.reduceMean(likelihood, [0]));
    graph.output('loss', loss);
    const parameters = [...graph.parameters.values()];
    gradients(
      loss,
      parameters.map((parameter) => parameter.tensor),
    ).forEach((gradient, i) => {
      graph.output(`gradient.${parameters[i].name}`, gradient);
    });
    const [tokens, rows] = [tensor('ids').shape[1], Array.from(tensor('scored').data)];
    const ofRows = (name: string): TensorValue => {
      const values = rows.flatMap((row) => Array.from(tensor(name).data.subarray(row * tokens, (row + 1) * tokens)));
      return { type: 'int64', data: BigInt64Array.from(values, BigInt), dims: [rows.length, tokens] };
    };
    const feeds = { ids: ofRows('ids'), mask: ofRows('mask'), labels: floats(tensor('labels').data, [rows.length]) };
    const results = await runGraph(graph, feeds, bound(graph));
    expect(relativeError(results.loss.data, tensor('loss').data)).toBeLessThan(1e-5);
    const expected = [...golden.tensors.keys()].filter((name) => name.startsWith('gradient.'));
    expect(parameters.map(({ name }) => `gradient.${sourceOf(name)}`).sort()).toEqual(expected.sort());
    const largest = Math.max(...expected.flatMap((name) => Array.from(tensor(name).data, Math.abs)));
    for (const { name } of parameters) {
      const error = relativeError(
        results[`gradient.${name}`].data,
        tensor(`gradient.${sourceOf(name)}`).data,
        2e-3 * largest,
      );
      expect(error, name).toBeLessThan(1e-3);
    }
  });
});

describe('a folder of BERT6mA', () => {
  it('reads overlapping words in the order of their vectors; what is no word comes after them', async () => {
    const tokenizer = await folderTokenizer(FOLDER, Number.POSITIVE_INFINITY);
    const { ids, mask, tokens } = tokenizer.encode(sequences);
    expect({ ids, mask, tokens }).toEqual({
      ids: integers('ids').data,
      mask: integers('mask').data,
      tokens: tensor('ids').shape[1],
    });
    expect(() => tokenizer.tokens('A')).toThrow("'A' has 1 nucleotides, less than one 2-mer");
  });

  it.each([false, true])('scores sequences as its authors do (weights left in their files: %s)', async (external) => {
    const model = await loadModelFolder(FOLDER, { external });
    expect(model).toMatchObject({ dimension: 8, layers: 2, classifier: { classes: ['6mA'], tokens: 7 } });
    const { rows, columns, values } = await classScores(model, full, COMPUTE);
    expect([rows, columns]).toEqual(tensor('scores').shape);
    expect(relativeError(values, tensor('scores').data)).toBeLessThan(1e-5);
  });

  it('scores no sequence of another length, and none without its classifier', async () => {
    const model = await loadModelFolder(FOLDER);
    await expect(classScores(model, [full[0], `${full[0]}A`], COMPUTE)).rejects.toThrow(
      'BERT6mA (2 x 8): sequence 2 of 2: makes 8 tokens (9 nucleotides); its classifier reads exactly 7',
    );
    const bare = join(folder, 'bare');
    await cp(FOLDER, bare, { recursive: true });
    const { tensors } = await readSafetensors(join(bare, 'model.safetensors'));
    for (const name of ['dense_1.weight', 'dense_1.bias']) tensors.delete(name);
    await writeSafetensors(join(bare, 'model.safetensors'), tensors);
    await expect(classScores(await loadModelFolder(bare), full, COMPUTE)).rejects.toThrow(
      'the checkpoint has no classifier',
    );
  });

  it('is another model with other word vectors, and is refused without or with those of other words', async () => {
    const other = join(folder, 'other');
    await cp(FOLDER, other, { recursive: true });
    const path = join(other, 'word_vectors.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    tensors.get('vectors')!.data[0] += 1;
    await writeSafetensors(path, tensors, metadata);
    const { fingerprint } = await loadModelFolder(other);
    expect(fingerprint).not.toBe((await loadModelFolder(FOLDER)).fingerprint);
    for (const [words, message] of [
      [undefined, 'must have "words", a JSON list'],
      ['["AC", "GT"]', 'lists 2 words for 16 vectors'],
      [JSON.stringify(new Array(16).fill('AC')), 'lists a word twice'],
      [JSON.stringify(Array.from({ length: 16 }, (_, i) => 'A'.repeat(i + 1))), "'A' and 'AA' are of different length"],
      ['[', 'is not valid JSON'],
    ] as const) {
      await writeSafetensors(path, tensors, words === undefined ? {} : { words });
      await expect(loadModelFolder(other)).rejects.toThrow(message);
    }
    await rm(path);
    await expect(loadModelFolder(other)).rejects.toThrow();
  });

  it('needs a config of one word alone: sizes are then those published', async () => {
    const { dimension, layers, heads, vocabularySize, classifier, maxTokens } = bert6ma.configure(
      { model_type: 'bert6ma' },
      'here',
    );
    expect({ dimension, layers, heads, vocabularySize, classifier, maxTokens }).toEqual({
      ...{ dimension: 100, layers: 3, heads: 4, vocabularySize: 256, maxTokens: undefined },
      classifier: { classes: ['6mA'], tokens: 38 },
    });
    expect(() => bert6ma.configure({ model_type: 'bert6ma', hidden_act: 'tanh' }, 'here')).toThrow(
      "here: hidden_act 'tanh' is not supported; known: gelu,",
    );
    const small = join(folder, 'small');
    await cp(FOLDER, small, { recursive: true });
    await writeFile(join(small, 'config.json'), JSON.stringify({ ...golden.config, vocab_size: 15 }));
    await expect(loadModelFolder(small)).rejects.toThrow("'vectors' is [16, 8]");
  });

  it('has a control with word vectors and classifier drawn too', async () => {
    const [first, again] = await Promise.all([1, 1].map((seed) => randomModel(FOLDER, seed)));
    expect(again.fingerprint).toBe(first.fingerprint);
    const drawn = first.values.get('word_vectors.weight') as Float32Array;
    expect(drawn).toHaveLength(16 * 8);
    expect(Math.max(...drawn.map(Math.abs))).toBeLessThanOrEqual(0.5 / 8);
    expect((await classScores(first, full, COMPUTE)).values).not.toEqual(
      (await classScores(await loadModelFolder(FOLDER), full, COMPUTE)).values,
    );
  });
});
