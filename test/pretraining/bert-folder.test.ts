/** k-mer BERT with fixed weights: a folder that transformers reads to the same numbers, what is wrong with other folders, and the control. */
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encoderOf } from '../../src/embeddings/extract.ts';
import type { FrozenModel } from '../../src/models/model.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { loadBertFolder, randomKmerBert } from '../../src/pretraining/bert-folder.ts';
import { readSafetensors, writeSafetensors } from '../../src/runtime/arrays/safetensors.ts';
import { openSession } from '../../src/runtime/session.ts';
import { TINY } from '../models/fixtures.ts';
import golden from '../models/goldens/tiny_bert.golden.json' with { type: 'json' };
import { relativeError } from '../onnx/helpers.ts';

const GOLDEN = fileURLToPath(new URL('../models/goldens/tiny-bert', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kmer-bert-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Hidden states of every layer, `[rows, tokens, dimension]` each. */
async function hiddenStates(model: FrozenModel, sequences: readonly string[]) {
  const graph = new Graph();
  model.build(graph).hiddenStates.forEach((states, layer) => {
    graph.output(`layer:${layer}`, states);
  });
  const { bytes, unbound } = serialise(graph, { values: model.values });
  expect(unbound).toEqual([]);
  const session = await openSession(bytes, { device: 'cpu', threads: 1 });
  const results = await session.run(model.encode(sequences));
  await session.dispose();
  return Array.from({ length: model.layers + 1 }, (_, layer) => results[`layer:${layer}`]);
}

describe('a folder that pre-training wrote', () => {
  it('has the tokens and hidden states of transformers (goldens/tiny_bert.py)', async () => {
    const model = await loadBertFolder(GOLDEN);
    const { ids, mask } = model.encode(golden.sequences);
    expect(Array.from(ids.data, Number)).toEqual(golden.ids);
    expect(Array.from(mask.data, Number)).toEqual(golden.mask);
    const states = await hiddenStates(model, golden.sequences);
    expect(states).toHaveLength(golden.hiddenStates.length);
    states.forEach(({ data, dims }, layer) => {
      expect(dims).toEqual(golden.shape);
      expect(relativeError(data as Float32Array, golden.hiddenStates[layer]), `layer ${layer}`).toBeLessThan(2e-5);
    });
  });

  it('becomes a model with a card', async () => {
    const model = await loadBertFolder(GOLDEN);
    expect(model).toMatchObject({ dimension: 16, layers: 2 });
    expect(model.card).toMatchObject({ weights: 'pre-trained', tokenizer: '2-mers, stride 2', maxNucleotides: 40 });
    expect(model.card.training).toMatchObject({ seed: 1, config: { k: 2 } });
  });
});

describe('another folder', () => {
  const copy = async (name: string) => {
    const to = join(folder, name);
    await cp(GOLDEN, to, { recursive: true });
    return to;
  };
  const json = async (name: string, file: string, change: Record<string, unknown>) => {
    const path = join(await copy(name), file);
    const before = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...before, ...change }));
    return join(folder, name);
  };
  type Tensors = Awaited<ReturnType<typeof readSafetensors>>['tensors'];
  const tensors = async (name: string, change: (tensors: Tensors) => void) => {
    const path = join(await copy(name), 'model.safetensors');
    const file = await readSafetensors(path);
    change(file.tensors);
    await writeSafetensors(path, file.tensors);
    return join(folder, name);
  };

  it.each(['config.json', 'model.safetensors'])('without %s is refused', async (file) => {
    const broken = await copy(`no ${file}`);
    await rm(join(broken, file));
    await expect(loadBertFolder(broken)).rejects.toThrow(
      `${join(broken, file)} is missing; a model folder is written by \`npm run bench -- pretrain --out FOLDER\``,
    );
  });

  it('without any tokenizer is refused', async () => {
    const broken = await copy('no tokenizer');
    await rm(join(broken, 'kmer_tokenizer.json'));
    await expect(loadBertFolder(broken)).rejects.toThrow('holds neither kmer_tokenizer.json nor tokenizer.json');
  });

  it('that does not exist is refused', async () => {
    await expect(loadBertFolder(join(folder, 'nowhere'))).rejects.toThrow('config.json is missing');
  });

  it.each(['config.json', 'kmer_tokenizer.json', 'training.json'])('with a broken %s is refused', async (file) => {
    const broken = await copy(`broken ${file}`);
    await writeFile(join(broken, file), '{"k": 2,');
    await expect(loadBertFolder(broken)).rejects.toThrow(new RegExp(`${file} is not valid JSON: `));
    await writeFile(join(broken, file), '[1, 2]');
    await expect(loadBertFolder(broken)).rejects.toThrow(`${file} must hold a JSON object`);
  });

  it.each([
    [{ model_type: 'gpt2' }, "config.json: model_type 'gpt2' is not supported; known: bert"],
    [{ model_type: undefined }, "config.json: model_type 'undefined' is not supported; known: bert"],
    [{ hidden_act: 'relu' }, "config.json: hidden_act 'relu' is not supported; known: gelu"],
    [{ position_embedding_type: 'relative_key' }, "position_embedding_type 'relative_key' is not supported"],
    [{ num_hidden_layers: '2' }, "config.json: the number 'num_hidden_layers' is missing"],
    [{ num_hidden_layers: 3 }, "tensor 'bert.encoder.layer.2.attention.self.query.weight' is missing"],
    [{ intermediate_size: 16 }, "'bert.encoder.layer.0.intermediate.dense.weight' is [32, 16], "],
    [{ vocab_size: 66 }, '2-mers, stride 2 make a vocabulary of 18, config.json has 66'],
  ])('with config %o is refused', async (change, message) => {
    await expect(
      loadBertFolder(await json(`config ${JSON.stringify(change).length}`, 'config.json', change)),
    ).rejects.toThrow(message);
  });

  it('with an invalid tokenizer is refused', async () => {
    const broken = await json('tokenizer', 'kmer_tokenizer.json', { k: 0 });
    await expect(loadBertFolder(broken)).rejects.toThrow(/kmer_tokenizer\.json: k-mer tokenizer: k = 0/);
  });

  it('without a tensor, or with a transposed one, is refused', async () => {
    const name = 'bert.encoder.layer.1.intermediate.dense.weight';
    const lacking = await tensors('lacking', (all) => all.delete(name));
    await expect(loadBertFolder(lacking)).rejects.toThrow(`model.safetensors: tensor '${name}' is missing`);
    const transposed = await tensors('transposed', (all) => all.set(name, { ...all.get(name)!, shape: [16, 32] }));
    await expect(loadBertFolder(transposed)).rejects.toThrow(`'${name}' is [16, 32], `);
  });

  it('with different weights has a different fingerprint', async () => {
    const changed = await tensors('changed', (all) => {
      all.get('bert.embeddings.LayerNorm.bias')!.data[0] += 1e-3;
    });
    const { fingerprint } = await loadBertFolder(GOLDEN);
    expect((await loadBertFolder(changed)).fingerprint).not.toBe(fingerprint);
    expect((await loadBertFolder(await copy('same'))).fingerprint).toBe(fingerprint);
  });
});

describe('sequences', () => {
  it.each([
    [
      'longer than the input of the model',
      'A'.repeat(41),
      "'AAAAAAAAAAAA...' has 41 nucleotides; this model reads at most 40",
    ],
    ['shorter than a k-mer', 'A', "'A' has 1 nucleotides, less than one 2-mer"],
    ['without letters', '', 'an empty sequence has 0 nucleotides'],
  ])('%s are refused', async (_what, sequence, message) => {
    const model = await loadBertFolder(GOLDEN);
    expect(() => model.tokens(sequence)).toThrow(message);
    expect(() => model.encode(['ACGT', sequence])).toThrow(message);
  });

  it('of only N is one unknown token; trailing N is no token', async () => {
    const { ids, mask } = (await loadBertFolder(GOLDEN)).encode(['NNNNNN', 'ACNNNN', 'NNACGT']);
    expect(Array.from(ids.data, Number)).toEqual([1, 1, 1, 3, 1, 1, 1, 3, 13]);
    expect(Array.from(mask.data, Number)).toEqual([1, 0, 0, 1, 0, 0, 1, 1, 1]);
  });
});

describe('the random control', () => {
  it('has the architecture of the model and weights drawn from its seed', async () => {
    const [first, again, other] = [1, 1, 2].map((seed) => randomKmerBert(TINY, seed));
    expect(again.fingerprint).toBe(first.fingerprint);
    expect(again.values).toEqual(first.values);
    expect(other.fingerprint).not.toBe(first.fingerprint);
    const { values, dimension, layers } = await loadBertFolder(GOLDEN);
    expect(first).toMatchObject({ dimension, layers });
    for (const [name, data] of first.values) expect(values.get(name), name).toHaveLength((data as Float32Array).length);
    expect([...first.values.keys()].sort()).toEqual([...values.keys()].sort()); // its head too
  });
});

describe('a folder of the hub with a tokenizer.json', () => {
  const folder = fileURLToPath(new URL('../models/goldens/tiny-bpe-bert', import.meta.url));
  const golden = JSON.parse(
    readFileSync(new URL('../models/goldens/tiny_bpe_bert.golden.json', import.meta.url), 'utf8'),
  ) as {
    sequences: string[];
    ids: number[][];
    means: number[][][];
  };

  it('gives the token ids and the hidden states of transformers', async () => {
    const model = await loadBertFolder(folder);
    for (const [i, sequence] of golden.sequences.entries()) {
      expect(Array.from(model.encode([sequence]).ids.data, Number)).toEqual(golden.ids[i]);
      expect(model.tokens(sequence)).toBe(golden.ids[i].length);
    }
    const encoder = encoderOf(model, { device: 'cpu', threads: 1 });
    const matrices = await encoder.embed(
      golden.sequences,
      [0, 1, 2].map((layer) => ({ layer, pooling: 'mean' as const })),
    );
    await encoder.dispose();
    matrices.forEach((matrix, layer) => {
      const expected = golden.means[layer].flat();
      const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - matrix.values[i])), 0);
      expect(worst).toBeLessThan(2e-5);
    });
  });

  it('refuses a sequence with more tokens than positions, by name', async () => {
    const model = await loadBertFolder(folder);
    expect(() => model.tokens('ACGT'.repeat(40))).toThrow(
      /'ACGTACGTACGT\.\.\.' \(160 nucleotides\) makes \d+ tokens; this model reads at most 24/,
    );
  });
});
