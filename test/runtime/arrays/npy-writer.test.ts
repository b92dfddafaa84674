import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/core/files.ts';
import { encodeNpy } from '../../../src/runtime/arrays/npy.ts';
import { openNpyWriter } from '../../../src/runtime/arrays/npy-writer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npy-writer-'));
});
afterEach(() => rm(folder, { recursive: true }));

const VALUES = Float32Array.from({ length: 15 }, (_, i) => i / 7);

describe('a .npy written in blocks', () => {
  it('is byte for byte the file written at once, and its hash is of those bytes', async () => {
    const path = join(folder, 'deep/in/rows.npy');
    const writer = await openNpyWriter(path, 5, 3);
    for (const [from, to] of [
      [0, 6],
      [6, 6],
      [6, 15],
    ])
      await writer.write(VALUES.subarray(from, to));
    const hash = await writer.finish();
    const bytes = await readFile(path);
    expect(new Uint8Array(bytes)).toEqual(encodeNpy({ rows: 5, columns: 3, values: VALUES }));
    expect(hash).toBe(sha256(bytes));
    await writer.discard();
    expect(await readdir(join(folder, 'deep/in'))).toEqual(['rows.npy']);
  });

  it('has no name before it is whole, and leaves nothing when it is given up', async () => {
    const path = join(folder, 'rows.npy');
    const writer = await openNpyWriter(path, 5, 3);
    await writer.write(VALUES.subarray(0, 12));
    expect(await readdir(folder)).not.toContain('rows.npy');
    await expect(writer.finish()).rejects.toThrow(/4 rows were written, 5 were promised/);
    await writer.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes whole rows, and no more of them than it was opened for', async () => {
    const writer = await openNpyWriter(join(folder, 'rows.npy'), 5, 3);
    await expect(writer.write(VALUES.subarray(0, 4))).rejects.toThrow(/4 values are no rows of 3/);
    await expect(writer.write(new Float32Array(18))).rejects.toThrow(/row 6 of 5/);
    await writer.discard();
  });
});
