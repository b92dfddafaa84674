import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importClosure, importsOf } from '../../../src/harness/cells/import-closure.ts';
import { codeClosure, PACKAGE_ROOT, packageVersions, pluginHash } from '../../../src/harness/cells/source-hash.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'source-hash-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

describe('the imports of a text', () => {
  it.each([
    ["import { a, b as c } from './x.ts';", ['./x.ts']],
    ["import a, {\n  b,\n} from './x.ts';", ['./x.ts']],
    ["import * as a from './x.ts';", ['./x.ts']],
    ["import './x.ts';", ['./x.ts']],
    ["export * from './x.ts';", ['./x.ts']],
    ["export { a } from './x.ts';", ['./x.ts']],
    ["const { a } = await import('./x.ts');", ['./x.ts']],
    ["const a = new URL('./x.ts', import.meta.url);", ['./x.ts']],
    ["import { type A, b } from './x.ts';", ['./x.ts']],
    ["import type { A } from './x.ts';", []],
    ["import type A from './x.ts';", []],
    ["export type { A } from './x.ts';", []],
    ["export type * from './x.ts';", []],
  ])('of %s', (text, expected) => expect(importsOf(text)).toEqual(expected));
});

describe('the closure', () => {
  it('follows imports through files and circles, and names the packages', async () => {
    const entry = await write('a.ts', "import { b } from './b.ts';\nimport forest from 'ml-random-forest';");
    await write('b.ts', "export * from './deep/c.ts';\nimport type { T } from './types.ts';");
    await write('deep/c.ts', "import { a } from '../a.ts';\nimport { x } from '@scope/name/part';\nimport 'node:fs';");
    await write('types.ts', '');
    const { files, packages } = await importClosure([entry]);
    expect([...files.keys()].map((path) => relative(folder, path)).sort()).toEqual(['a.ts', 'b.ts', 'deep/c.ts']);
    expect(packages).toEqual(['@scope/name', 'ml-random-forest']);
  });

  it('of a cell holds the encoding of labels, the preparation of rows and every numeric folder, not the report', async () => {
    const { files, packages } = await codeClosure('cell');
    const names = [...files.keys()].map((path) => relative(PACKAGE_ROOT, path));
    for (const name of [
      'src/harness/tasks/labels.ts',
      'src/harness/tasks/prepare.ts',
      'src/harness/cells/scoring.ts',
      'src/models/encoders/kmer-composition.ts',
      'src/pretraining/pretrain.ts',
      'src/diagnostics/model-diagnostics.ts',
      'src/runtime/session.ts',
    ])
      expect(names).toContain(name);
    expect(names.filter((name) => name.startsWith('src/report'))).toEqual([]);
    expect(packages).toEqual(expect.arrayContaining(['@huggingface/transformers', 'ml-matrix', 'onnxruntime-node']));
  });

  it('of the rows of a task holds the encoding of labels', async () => {
    const names = [...(await codeClosure('task')).files.keys()].map((path) => relative(PACKAGE_ROOT, path));
    expect(names).toContain('src/harness/tasks/labels.ts');
  });

  it('gives the version of each package', async () => {
    expect(await packageVersions()).toMatchObject({
      'onnxruntime-node': expect.stringMatching(/^\d/),
      '@huggingface/transformers': expect.stringMatching(/^\d/),
    });
  });
});

describe("a plugin's hash", () => {
  it('changes with a file that it imports and with the version of a package, and not with other files', async () => {
    const plugin = await write('plugin.ts', "import { b } from './b.ts';\nimport forest from 'forest';");
    await write('b.ts', 'export const b = 1;');
    await write('node_modules/forest/package.json', '{"version":"1.0.0"}');
    const hashes = [await pluginHash(plugin)];
    await write('c.ts', 'export const c = 1;');
    expect(await pluginHash(plugin)).toBe(hashes[0]);
    await write('b.ts', 'export const b = 2;');
    hashes.push(await pluginHash(plugin));
    await write('node_modules/forest/package.json', '{"version":"1.0.1"}');
    hashes.push(await pluginHash(plugin));
    expect(new Set(hashes).size).toBe(3);
  });
});
