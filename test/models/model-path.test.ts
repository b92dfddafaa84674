/** What lies at a path: which kind of model, under which name, decided by which files; and what is said where there is none. */
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { modelReaders } from '../../src/index.ts';
import type { ModelContext } from '../../src/models/model.ts';
import { modelAtPath } from '../../src/models/model-path.ts';

const golden = (name: string) => fileURLToPath(new URL(`./goldens/${name}`, import.meta.url));
const COMPUTE = { device: 'cpu', threads: 1 } as const;
const CONTEXT: ModelContext = {
  ...COMPUTE,
  ...{ seed: 0, effort: 1, cacheFolder: '/nowhere', codeHash: '', longestSequence: 16 },
  ...{ unlabelled: [], unlabelledHash: '', progress: () => {} },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-model-path-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function copied(from: string, to: string): Promise<string> {
  await cp(golden(from), join(folder, to), { recursive: true });
  return join(folder, to);
}

/** What the model says of itself, and its vector of one sequence. */
async function opened(path: string) {
  const encoder = encoderOf(await (await modelAtPath(path)).load(CONTEXT), COMPUTE);
  const [{ values }] = await encoder.embed(['ACGT'], [{ layer: encoder.layers, pooling: 'mean' }]);
  await encoder.dispose();
  return { card: encoder.card, values: Array.from(values), fingerprint: encoder.fingerprint };
}

describe('a path', () => {
  it.each([
    ['the folder of a checkpoint', 'architectures/bert', 'BERT', 'bert'],
    ['a file of weights beside its config', 'architectures/bert/model.safetensors', 'BERT', 'bert'],
    ['a folder with an export', 'onnx-folder/every-layer', 'ONNX export', 'every-layer'],
    ['an export', 'onnx-folder/last-layer-half/model.onnx', 'ONNX export', 'last-layer-half'],
    ['embeddings in .npy', 'precomputed/single.npy', 'precomputed embeddings', 'single'],
    ['embeddings in .parquet', 'precomputed/list.parquet', 'precomputed embeddings', 'list'],
  ])('of %s is a model: %s', async (_, path, architecture, id) => {
    expect((await modelAtPath(golden(path))).id).toBe(id);
    const { card, values } = await opened(golden(path));
    expect(card.architecture).toBe(architecture);
    expect(values.length).toBeGreaterThan(0);
  });

  it('gives a model with its weights mapped from their file when it is only run: the same vectors and fingerprint', async () => {
    const { load } = await modelAtPath(golden('architectures/bert'));
    const [mapped, held] = [await load({ ...CONTEXT, mapWeights: true }), await load(CONTEXT)];
    expect('externalData' in mapped && mapped.externalData?.length).toBe(1);
    expect('externalData' in held).toBe(false);
    expect(mapped.fingerprint).toBe(held.fingerprint);
    const vectors = async (model: typeof mapped) => {
      const encoder = encoderOf(model, COMPUTE);
      const [{ values }] = await encoder.embed(['ACGT'], [{ layer: encoder.layers, pooling: 'mean' }]);
      await encoder.dispose();
      return [...values];
    };
    expect(await vectors(mapped)).toEqual(await vectors(held));
  });

  it('of one file among several of weights means that one, which names the model', async () => {
    const place = await copied('architectures/bert', 'several');
    await rename(join(place, 'model.safetensors'), join(place, 'step 100.safetensors'));
    const one = join(place, 'step 100.safetensors');
    await expect(modelAtPath(place)).rejects.toThrow(
      'holds several files of weights (golden.safetensors, step 100.safetensors); give the path of one of them',
    );
    const { id, files } = await modelAtPath(one);
    expect(id).toBe('step-100');
    expect(files.map((file) => basename(file))).toEqual([
      ...['config.json', 'step 100.safetensors', 'tokenizer_config.json', 'vocab.txt'],
    ]);
    expect(await opened(one)).toEqual({
      ...(await opened(golden('architectures/bert'))),
      card: expect.objectContaining({ architecture: 'BERT' }),
    });
  });

  it('of a file without an ending, as the hub has none, is weights as well', async () => {
    const place = await copied('architectures/bert', 'bare');
    await rename(join(place, 'model.safetensors'), join(place, 'deep_model'));
    expect((await opened(join(place, 'deep_model'))).card).toMatchObject({ architecture: 'BERT' });
  });

  it('of a folder with both means the checkpoint where its architecture is known, else the export', async () => {
    const place = await copied('architectures/bert', 'both');
    await mkdir(join(place, 'onnx'));
    for (const file of ['model.onnx', 'model.onnx_data'])
      await cp(golden(`onnx-folder/every-layer/${file}`), join(place, 'onnx', file));
    expect((await opened(place)).card.architecture).toBe('BERT');
    await writeFile(join(place, 'config.json'), '{"model_type": "unheard-of"}');
    const { id, files } = await modelAtPath(place);
    expect(id).toBe('both');
    expect(files.map((file) => basename(file))).toEqual([
      ...['config.json', 'model.onnx', 'model.onnx_data', 'tokenizer_config.json', 'vocab.txt'],
    ]);
  });
});

describe('where there is no model, it is said what there is to do', () => {
  it.each([
    ['gone', 'there is no such file or folder'],
    ['empty', 'holds no config.json and no .onnx file; a model is a folder with config.json, weights and tokenizer'],
    ['vectors', /give the path of the embeddings themselves, such as .*single\.npy/],
    ['unknown', /model_type 'unheard-of' is not supported; known: bert, .*\.onnx file, or as precomputed embeddings/],
    ['weightless', 'holds no weights; searched for model.safetensors.index.json'],
    ['empty/notes.md', 'holds no model, since it has no config.json beside it; a model is'],
  ])('%s', async (name, message) => {
    for (const made of ['empty', 'vectors', 'unknown', 'weightless'])
      await mkdir(join(folder, made), { recursive: true });
    await writeFile(join(folder, 'empty', 'notes.md'), '# Notes');
    await cp(golden('precomputed/single.npy'), join(folder, 'vectors', 'single.npy'));
    await writeFile(join(folder, 'unknown', 'config.json'), '{"model_type": "unheard-of"}');
    await cp(golden('architectures/bert/config.json'), join(folder, 'weightless', 'config.json'));
    await expect(modelAtPath(join(folder, name))).rejects.toThrow(message);
  });
});

it('plugins reach the same readers through the public API', async () => {
  const {
    encoderOf: frozen,
    loadModelFolder,
    modelAtPath: at,
    precomputedEmbeddings,
    classScores,
  } = await modelReaders();
  const vectors = await precomputedEmbeddings(golden('precomputed/single.npy'));
  expect((await opened(golden('precomputed/single.npy'))).fingerprint).toBe(vectors.fingerprint);
  expect((await at(golden('architectures/esm'))).id).toBe('esm');
  const model = await loadModelFolder(golden('architectures/bert6ma'));
  expect(frozen(model, COMPUTE).dimension).toBe(8);
  expect(await classScores(model, ['ACGTACGT'], COMPUTE)).toMatchObject({ rows: 1, columns: 1 });
});
