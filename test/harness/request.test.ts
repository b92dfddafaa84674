import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { isPluginPath } from '../../src/harness/definitions.ts';
import { resolveComparison } from '../../src/harness/request.ts';
import { writeNpy } from '../../src/runtime/arrays/npy.ts';
import { toyFolder } from './fixtures/toy.ts';

it('a path is told from an id and from a package', () => {
  for (const path of ['./mine.ts', 'mine.ts', 'mine.mjs#id', '../models/x', '/abs/mine.js'])
    expect(isPluginPath(path), path).toBe(true);
  for (const id of ['majority', 'gue.tf_0', '@lab/tasks', 'my-package']) expect(isPluginPath(id), id).toBe(false);
});

it('a model that is none is refused before anything is run', async () => {
  const folder = await toyFolder();
  const asked = (path: string) => resolveComparison({ models: [path], contenders: ['majority'] });
  await expect(asked(folder)).rejects.toThrow('holds no config.json and no .onnx file; a model is a folder with');
  for (const gone of [join(folder, 'gone'), 'gone.safetensors', 'gone.npy'])
    await expect(asked(gone)).rejects.toThrow('there is no such model');
  await expect(asked('majority')).rejects.toThrow('"majority" is a baseline, not a model');
  await writeFile(join(folder, 'config.json'), '{"model_type": "stripedhyena"}');
  await expect(asked(folder)).rejects.toThrow(/model_type 'stripedhyena' is not supported; known: bert, /);
  await expect(asked(folder)).rejects.toThrow(UsageError);
});

it('a model is found by the path of its folder or file, under the name of either', async () => {
  const goldens = fileURLToPath(new URL('../models/goldens/', import.meta.url));
  const models = [
    'architectures/esm',
    'architectures/bert/model.safetensors',
    'onnx-folder/named/model.onnx',
    'precomputed/single.npy',
  ];
  const { contenders } = await resolveComparison({
    models: models.map((path) => join(goldens, path)),
    contenders: ['majority'],
  });
  const found = contenders.filter(({ type }) => type === 'model');
  expect(found.map(({ definition }) => definition.id)).toEqual(['esm', 'bert', 'named', 'single']);
  expect(new Set(found.map(({ sourceHash }) => sourceHash)).size).toBe(found.length);
  expect(found.every(({ isModelPath, sourceHash }) => isModelPath && sourceHash.length === 64)).toBe(true);
  // Without the suite's baselines beside them, ways to run them included.
  const alone = await resolveComparison({ contenders: [join(goldens, 'architectures/esm+rc'), 'majority'] });
  expect(alone.contenders.map(({ definition }) => definition.id)).toEqual(['esm+rc', 'majority']);
});

it('a model at a path is another one once a file that decides its numbers has changed', async () => {
  const folder = await toyFolder();
  const file = join(folder, 'vectors.npy');
  const written = async (...values: number[]) => {
    await writeNpy(file, { rows: 1, columns: 2, values: Float32Array.from(values) });
    return (await resolveComparison({ models: [file], contenders: ['majority'] })).contenders[1].sourceHash;
  };
  const first = await written(1, 2);
  expect(await written(1, 3)).not.toBe(first);
  await writeFile(join(folder, 'unrelated.json'), '{}');
  expect(await written(1, 2)).toBe(first);
});
