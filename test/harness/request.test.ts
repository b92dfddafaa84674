import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isPluginPath } from '../../src/harness/registry.ts';
import { resolveComparison } from '../../src/harness/request.ts';
import { toyFolder } from './fixtures/toy.ts';

it('a path is told from an id and from a package', () => {
  for (const path of ['./mine.ts', 'mine.ts', 'mine.mjs#id', '../models/x', '/abs/mine.js'])
    expect(isPluginPath(path), path).toBe(true);
  for (const id of ['majority', 'gue.tf_0', '@lab/tasks', 'my-package']) expect(isPluginPath(id), id).toBe(false);
});

it('a model folder that is none is refused before anything is run', async () => {
  const folder = await toyFolder();
  await expect(resolveComparison({ models: [folder], contenders: ['majority'] })).rejects.toThrow(
    'holds no config.json',
  );
  await expect(resolveComparison({ models: [join(folder, 'gone')], contenders: ['majority'] })).rejects.toThrow(
    'there is no such model folder',
  );
});
