/**
 * The output matrix that a checkpoint holds is the one that is used, whatever `tie_word_embeddings` is. The right values are
 * closed forms: a matrix of zeros gives the same logits for every token, so predictions are uniform but for a bias.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../src/models/architectures/known-architectures.ts';
import type { FrozenModel } from '../../src/models/model.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { readSafetensors, writeSafetensors } from '../../src/runtime/arrays/safetensors.ts';
import { openSession } from '../../src/runtime/session.ts';
import { pick } from '../../src/runtime/training/network.ts';
import { readGoldenFolder } from './architectures/parity.ts';
import { CHECKPOINTS, checkpointFolder } from './checkpoint-folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'glm-bench-heads-'));
afterAll(() => rmSync(folder, { recursive: true }));

const configured = (name: string) => {
  const { config } = readGoldenFolder(name);
  return architectureOf(config, name).configure(config, name);
};
const WITH_MATRIX = CHECKPOINTS.filter((name) => configured(name).outputMatrix !== undefined);

/** A golden folder with an output matrix of zeros in its file, and a config that ties the head or does not. */
async function withZeroMatrix(name: string, tied: boolean): Promise<string> {
  const to = join(folder, `${name}-${tied}`);
  cpSync(checkpointFolder(name), to, { recursive: true });
  const { config } = readGoldenFolder(name);
  writeFileSync(join(to, 'config.json'), JSON.stringify({ ...config, tie_word_embeddings: tied }));
  const { outputMatrix, wordTable } = configured(name);
  const file = join(to, 'model.safetensors');
  const { tensors } = await readSafetensors(file);
  // Files may keep the word table under one of its other names only.
  const words = [...tensors.keys()].find((key) => key === wordTable || `${wordTable}`.endsWith(`.${key}`));
  const { shape } = tensors.get(words ?? '') ?? { shape: [] };
  for (const key of [...tensors.keys()].filter((key) => /^cls\.predictions\.(decoder\.)?bias$/.test(key)))
    tensors.get(key)?.data.fill(0);
  for (const key of [...tensors.keys()].filter((key) => /^(lm_head|decoder)\.bias$/.test(key)))
    tensors.get(key)?.data.fill(0);
  const size = shape.reduce((product, length) => product * length, 1);
  tensors.set(outputMatrix?.parameter ?? '', { shape, data: new Float32Array(size) });
  await writeSafetensors(file, tensors);
  return to;
}

async function logitsOf(model: FrozenModel): Promise<Float32Array> {
  const graph = new Graph();
  const { hiddenStates, logits } = model.build(graph);
  if (!logits) throw new Error('no head');
  graph.output('logits', logits(op.reshape(hiddenStates[model.layers], [-1, model.dimension])));
  const { bytes } = serialise(graph, { values: model.values });
  const session = await openSession(bytes, { device: 'cpu', threads: 1 });
  const dims = [1, 5];
  const ids = { type: 'int64', data: BigInt64Array.of(1n, 2n, 3n, 4n, 5n), dims } as const;
  const mask = { type: 'int64', data: BigInt64Array.of(1n, 1n, 1n, 1n, 1n), dims } as const;
  const results = await session.run(pick(session, { ids, mask }));
  await session.dispose();
  return results.logits.data as Float32Array;
}

describe('the output matrix of a checkpoint', () => {
  it.each(WITH_MATRIX.flatMap((name) => [[name, true] as const, [name, false] as const]))(
    'is used: %s, tied by its config: %s',
    async (name, tied) => {
      const model = await loadModelFolder(await withZeroMatrix(name, tied));
      const logits = await logitsOf(model);
      expect(logits.length).toBeGreaterThan(0);
      expect(logits.every((value) => value === logits[0])).toBe(true);
      if (tied) expect(model.notices?.join()).toMatch(/but the checkpoint has another output matrix/);
      else expect(model.notices).toEqual([]);
    },
  );

  it('covers BERT, GPT-2, ESM, Llama, GPT-NeoX, ModernBERT, MosaicBERT, GENA-LM, HyenaDNA and Caduceus', () => {
    const architectures = new Set(WITH_MATRIX.map((name) => architectureOf(readGoldenFolder(name).config, name).id));
    for (const id of [
      'bert',
      'gpt2',
      'esm',
      'llama',
      'gpt-neox',
      'modern-bert',
      'mosaic-bert',
      'gena-bert',
      'hyena-dna',
    ])
      expect(architectures).toContain(id);
    expect(architectures).toContain('caduceus');
  });

  it('is the word table when both are equal: nothing is to report', async () => {
    const to = join(folder, 'equal');
    cpSync(checkpointFolder('bert'), to, { recursive: true });
    const file = join(to, 'model.safetensors');
    const { tensors } = await readSafetensors(file);
    const words = tensors.get('bert.embeddings.word_embeddings.weight');
    if (!words) throw new Error('no word table');
    tensors.set('cls.predictions.decoder.weight', { shape: words.shape, data: words.data.slice() });
    await writeSafetensors(file, tensors);
    const model = await loadModelFolder(to);
    expect(model.notices).toEqual([]);
    expect(model.values.has('cls.predictions.decoder.weight')).toBe(false);
  });
});
