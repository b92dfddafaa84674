import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson, hashJson, sha256, sha256File, writeFileAtomic } from '../../src/core/files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('atomic writes', () => {
  it('make the folder, leave one whole file and no temporary', async () => {
    const path = join(folder, 'deep', 'er', 'a.json');
    await Promise.all(Array.from({ length: 8 }, (_, i) => writeFileAtomic(path, String(i).repeat(1000))));
    expect(await readFile(path, 'utf8')).toMatch(/^(\d)\1{999}$/);
    expect(await readdir(join(folder, 'deep', 'er'))).toEqual(['a.json']);
  });

  it('leave nothing behind when they fail', async () => {
    await expect(writeFileAtomic(join(folder, 'deep'), 'a folder is in the way')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['deep']);
  });
});

describe('hashes', () => {
  it('are sha256 (FIPS 180-2, appendix B.1)', async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256('abc')).toBe(abc);
    await writeFileAtomic(join(folder, 'abc'), 'abc');
    expect(await sha256File(join(folder, 'abc'))).toBe(abc);
  });

  it('do not depend on the order of keys, nor on absent members', () => {
    expect(hashJson({ a: 1, b: [{ d: 2, c: 3 }] })).toBe(hashJson({ b: [{ c: 3, d: 2 }], a: 1, e: undefined }));
    expect(hashJson({ a: 1 })).not.toBe(hashJson({ a: 2 }));
  });
});

describe('canonical JSON', () => {
  it('is JSON with sorted keys', () => {
    expect(canonicalJson({ b: [1, 'x', null], a: { z: true, y: 0.1 } })).toBe(
      '{"a":{"y":0.1,"z":true},"b":[1,"x",null]}',
    );
  });

  it('refuses what JSON cannot hold, and says where it is', () => {
    expect(() => canonicalJson({ rates: [0.1, Number.NaN] })).toThrow('$.rates[1] is NaN');
    expect(() => canonicalJson({ fit: () => 0 })).toThrow('$.fit is a function');
    expect(() => canonicalJson({ weights: new Float32Array(1) })).toThrow('$.weights is a binary array');
  });
});
