/** Folders of the hub as models of any architecture: their numbers are the reference's, what doesn't fit is refused, and the control is drawn. */
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encoderOf } from '../../src/embeddings/extract.ts';
import type { FrozenModel } from '../../src/models/model.ts';
import { loadModelFolder, randomModel } from '../../src/models/model-folder.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../../src/runtime/arrays/safetensors.ts';
import { openSession, type TensorValue } from '../../src/runtime/session.ts';
import { pick } from '../../src/runtime/training/network.ts';
import { relativeError } from '../onnx/helpers.ts';
import { readGoldenFolder } from './architectures/parity.ts';

const NAMES = ['bert', 'esm', 'nucleotide-transformer-v2'] as const;
const folderOf = (name: string) => fileURLToPath(new URL(`./goldens/architectures/${name}`, import.meta.url));
const ALL = readdirSync(folderOf(''), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(folderOf(entry.name), 'golden.safetensors')))
  .map(({ name }) => name);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-folder-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A golden folder's copy with its config or its weights changed. */
async function changed(
  name: string,
  label: string,
  { config, weights }: { config?: object; weights?: (tensors: Map<string, NamedTensor>) => void },
): Promise<string> {
  const to = join(folder, `${name} ${label}`);
  await cp(folderOf(name), to, { recursive: true });
  if (config) await writeFile(join(to, 'config.json'), JSON.stringify({ ...readGoldenFolder(name).config, ...config }));
  if (weights) {
    const { tensors } = await readSafetensors(join(to, 'model.safetensors'));
    weights(tensors);
    await writeSafetensors(join(to, 'model.safetensors'), tensors);
  }
  return to;
}

/** The golden folder, or a copy of it with a tokenizer of seven words where it has none. */
async function withTokenizer(name: string): Promise<string> {
  if (existsSync(join(folderOf(name), 'tokenizer_config.json'))) return folderOf(name);
  const to = join(folder, name);
  await cp(folderOf(name), to, { recursive: true });
  const letters = fileURLToPath(new URL('./goldens/tokenizers/letters', import.meta.url));
  await cp(letters, to, { recursive: true });
  return to;
}

/** Last hidden state and all logits of the golden's ids. */
async function run(model: FrozenModel, name: string): Promise<Record<string, TensorValue>> {
  const { tensors } = readGoldenFolder(name);
  const graph = new Graph();
  const { hiddenStates, logits } = model.build(graph);
  const last = hiddenStates[model.layers];
  graph.output('hidden', last);
  if (logits) graph.output('logits', logits(op.reshape(last, [-1, model.dimension])));
  const { bytes, unbound } = serialise(graph, { values: model.values });
  expect(unbound).toEqual([]);
  const session = await openSession(bytes, { device: 'cpu', threads: 1, externalData: model.externalData });
  const integers = (which: string): TensorValue => {
    const { shape, data } = tensors.get(which)!;
    return { type: 'int64', data: BigInt64Array.from(data, BigInt), dims: shape };
  };
  // A causal graph has no use for the mask: padding stands behind every token.
  const results = await session.run(pick(session, { ids: integers('ids'), mask: integers('mask') }));
  await session.dispose();
  return results;
}

/** Largest difference to the golden over the first row, which has no padding. */
function error(result: TensorValue, name: string, which: string): number {
  const { shape, data } = readGoldenFolder(name).tensors.get(which)!;
  const count = shape[1] * shape[2];
  return relativeError((result.data as Float32Array).subarray(0, count), data.subarray(0, count));
}

describe('a folder of every architecture', () => {
  it.each(ALL)('becomes a model with the numbers of its reference, from memory and from its file: %s', async (name) => {
    for (const external of [false, true]) {
      const model = await loadModelFolder(await withTokenizer(name), { external });
      expect(model.externalData !== undefined).toBe(external);
      const results = await run(model, name);
      expect(error(results.hidden, name, `hidden.${model.layers}`)).toBeLessThan(1e-4);
      if (readGoldenFolder(name).tensors.has('logits'))
        expect(error(results.logits, name, 'logits')).toBeLessThan(1e-4);
      else expect(results.logits).toBeUndefined();
    }
  });
});

describe.each(NAMES)('the folder of %s', (name) => {
  it('says what it is', async () => {
    const model = await loadModelFolder(folderOf(name));
    const { weights } = readGoldenFolder(name);
    expect(model).toMatchObject({
      dimension: 16,
      layers: 2,
      reads: 'masked',
      vocabularySize: name === 'bert' ? 21 : 25,
    });
    expect(weights.get(model.wordTable!)?.data).toEqual(model.values.get(model.wordTable!));
    expect(model.card).toMatchObject({ weights: 'pre-trained', folder: name, checkpoint: 'safetensors', head: true });
    // A gate and what it gates are halves of one stored matrix.
    const names = new Set([...model.values.keys()].map((key) => key.replace(/\.(gate|up)(?=\.\w+$)/, '')));
    const used = [...names].reduce((sum, key) => sum + weights.get(key)!.data.length, 0);
    expect(model.card.parameters).toBe(used);
  });

  it('embeds sequences, each the same whatever is embedded with it', async () => {
    const encoder = encoderOf(await loadModelFolder(folderOf(name)), { device: 'cpu', threads: 1 });
    const sequences = ['ACGTACGTAC', 'ACNTTGA', 'GGATTACAGGATTAC', 'TT'];
    const layers = [0, 1, 2].map((layer) => ({ layer, pooling: 'mean' as const }));
    const together = await encoder.embed(sequences, layers);
    for (const [i, sequence] of sequences.entries())
      for (const [layer, alone] of (await encoder.embed([sequence], layers)).entries())
        expect(relativeError(alone.values, together[layer].values.slice(16 * i, 16 * i + 16))).toBeLessThan(1e-5);
    await encoder.dispose();
  });

  it('has a control of the same shapes that its seed decides', async () => {
    const model = await loadModelFolder(folderOf(name));
    const [first, again, other] = await Promise.all([1, 1, 2].map((seed) => randomModel(folderOf(name), seed)));
    expect(again.fingerprint).toBe(first.fingerprint);
    expect(again.values).toEqual(first.values);
    expect(other.fingerprint).not.toBe(first.fingerprint);
    expect([...first.values.keys()]).toEqual([...model.values.keys()]);
    for (const [key, data] of first.values)
      expect(data, key).toHaveLength((model.values.get(key) as Float32Array).length);
    const results = await run(first, name);
    expect(error(results.hidden, name, 'hidden.2')).toBeGreaterThan(0.1);
  });
});

describe('a checkpoint', () => {
  it('without a head gives hidden states and no logits; without the prefix it is the same model', async () => {
    const bare = await changed('bert', 'bare', {
      weights(tensors) {
        for (const [name, tensor] of [...tensors]) {
          tensors.delete(name);
          if (name.startsWith('bert.')) tensors.set(name.slice('bert.'.length), tensor);
        }
      },
    });
    const model = await loadModelFolder(bare);
    expect(model.card.head).toBe(false);
    const results = await run(model, 'bert');
    expect(results.logits).toBeUndefined();
    expect(error(results.hidden, 'bert', 'hidden.2')).toBeLessThan(1e-4);
  });

  it('that lacks a tensor, or has one of another shape, is refused by name', async () => {
    const name = 'esm.encoder.layer.1.intermediate.dense.weight';
    const lacking = await changed('esm', 'lacking', { weights: (tensors) => tensors.delete(name) });
    await expect(loadModelFolder(lacking)).rejects.toThrow(`model.safetensors: tensor '${name}' is missing`);
    const turned = await changed('esm', 'turned', {
      weights: (tensors) => tensors.set(name, { ...tensors.get(name)!, shape: [16, 24] }),
    });
    await expect(loadModelFolder(turned)).rejects.toThrow(
      `'${name}' is [16, 24], ${join(turned, 'config.json')} asks for [24, 16]`,
    );
  });

  it('with other weights, or read by another config, has another fingerprint; dropout changes none', async () => {
    const { fingerprint } = await loadModelFolder(folderOf('bert'));
    const weights = await changed('bert', 'weights', {
      weights: (tensors) => {
        tensors.get('bert.embeddings.LayerNorm.bias')!.data[0] += 1e-3;
      },
    });
    expect((await loadModelFolder(weights)).fingerprint).not.toBe(fingerprint);
    const config = await changed('bert', 'config', { config: { layer_norm_eps: 1e-5 } });
    expect((await loadModelFolder(config)).fingerprint).not.toBe(fingerprint);
    const same = await changed('bert', 'same', { config: { hidden_dropout_prob: 0.5, transformers_version: '5' } });
    expect((await loadModelFolder(same)).fingerprint).toBe(fingerprint);
  });
});

describe('a folder', () => {
  it('of an unknown architecture is refused, with what is known and what else can be done', async () => {
    const unknown = await changed('bert', 'unknown', { config: { model_type: 'stripedhyena' } });
    await expect(loadModelFolder(unknown)).rejects.toThrow(
      /config\.json: model_type 'stripedhyena' .* is not supported; known: bert, .*\.onnx/,
    );
  });

  it('whose config has fewer words than its checkpoint is refused', async () => {
    const small = await changed('esm', 'small', { config: { vocab_size: 24 } });
    await expect(loadModelFolder(small)).rejects.toThrow("word_embeddings.weight' is [25, 16]");
  });

  it('that is not there, or has no weights, is refused', async () => {
    await expect(loadModelFolder(join(folder, 'nowhere'))).rejects.toThrow('config.json is missing; a model folder is');
    const empty = await changed('bert', 'empty', {});
    await rm(join(empty, 'model.safetensors'));
    await rm(join(empty, 'golden.safetensors'));
    await expect(loadModelFolder(empty)).rejects.toThrow('holds no weights');
  });
});
