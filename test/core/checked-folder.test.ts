import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealFolder, verifyFolder } from '../../src/core/checked-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checked-'));
  await mkdir(join(folder, 'deep'));
  await writeFile(join(folder, 'model.safetensors'), Buffer.from([1, 2, 3, 4]));
  await writeFile(join(folder, 'deep', 'config.json'), '{"layers": 2}');
});
afterEach(() => rm(folder, { recursive: true }));

describe('a folder with checksums', () => {
  it('is unfinished before it is sealed and whole afterwards', async () => {
    expect(await verifyFolder(folder)).toEqual({ state: 'unfinished' });
    await sealFolder(folder);
    expect(await verifyFolder(folder)).toEqual({ state: 'whole' });
    expect(await verifyFolder(folder)).toEqual({ state: 'whole' });
  });

  it.each([
    ['a flipped byte', 'model.safetensors', Buffer.from([1, 2, 3, 5])],
    ['a cut-off file', 'model.safetensors', Buffer.from([1, 2])],
    ['an edited value below a folder', join('deep', 'config.json'), '{"layers": 3}'],
    ['checksums that are no JSON', 'checksums.json', '{"model'],
  ])('is damaged by %s, also after this process verified it, and the file is named', async (_, name, bytes) => {
    await sealFolder(folder);
    expect(await verifyFolder(folder)).toEqual({ state: 'whole' });
    await writeFile(join(folder, name), bytes);
    await utimes(join(folder, name), new Date(2e9), new Date(2e9));
    expect(await verifyFolder(folder)).toEqual({ state: 'damaged', file: join(folder, name) });
  });

  it('is damaged when a file is gone', async () => {
    await sealFolder(folder);
    await rm(join(folder, 'model.safetensors'));
    expect(await verifyFolder(folder)).toMatchObject({ state: 'damaged' });
  });
});
