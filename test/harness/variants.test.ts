/** Names with words behind them: found as they stand, else run as the words say. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findContenders, findModels } from '../../src/harness/definitions.ts';
import { findVariants } from '../../src/harness/variants.ts';
import { toyFolder } from './fixtures/toy.ts';

const plain = (spec: string) => findVariants(spec, findContenders);

it('a baseline whose id ends in such a word is that baseline', async () => {
  const [{ type, definition }] = await plain('one-hot-chip-cnn+rc');
  expect([type, definition.id]).toEqual(['baseline', 'one-hot-chip-cnn+rc']);
});

it('a model is found under its name, and remembers how a child process finds it again', async () => {
  const [found] = await plain('kmer-bert-tiny+rc+w256');
  expect(found.definition.id).toBe('kmer-bert-tiny+w256+rc');
  const variant = { windows: { window: 256, stride: 256 }, strands: 'average' };
  expect(found.plain).toEqual({ id: 'kmer-bert-tiny', variant });
  const [asIs] = await plain('kmer-bert-tiny');
  expect(asIs.plain).toBeUndefined();
  expect(found.definition.options).toEqual({ ...asIs.definition.options, variant });
});

it('a folder whose own name ends in such a word is that folder', async () => {
  const folder = await toyFolder();
  const golden = fileURLToPath(new URL('../models/goldens/architectures/bert', import.meta.url));
  await cp(golden, join(folder, 'bert'), { recursive: true });
  const find = (name: string) => findVariants(join(folder, name), (spec) => findModels(spec));
  const [variant] = await find('bert+rc');
  expect(variant).toMatchObject({ isModelPath: true, file: join(folder, 'bert'), plain: { id: 'bert' } });
  await cp(golden, join(folder, 'bert+rc'), { recursive: true });
  const [whole] = await find('bert+rc');
  expect(whole).toMatchObject({ isModelPath: true, file: join(folder, 'bert+rc') });
  expect(whole.plain).toBeUndefined();
  await rm(folder, { recursive: true });
});

it('what is not there, or is no model, is told by its own name', async () => {
  await expect(plain('kmer-bert-tinny+rc')).rejects.toThrow('There is no contender "kmer-bert-tinny"');
  await expect(plain('majority+w12')).rejects.toThrow(
    '"majority" is a baseline; windows, strands, precision and random weights are for models',
  );
  await expect(plain('kmer-bert-tiny+rc+rc')).rejects.toThrow('There is no contender "kmer-bert-tiny+rc+rc"');
});
