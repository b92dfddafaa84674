import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../../../src/runtime/arrays/safetensors.ts';
import golden from '../goldens/runtime.json' with { type: 'json' };

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-safetensors-'));
  path = join(folder, 'model.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

const reference = Buffer.from(golden.safetensors, 'base64');

/** A file with the given header object (or text) and number of value bytes. */
async function damaged(header: unknown, valueBytes: number): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await writeFile(path, Buffer.concat([length, json, Buffer.alloc(valueBytes)]));
  return path;
}
const f32 = (shape: unknown, data_offsets: unknown, dtype = 'F32') => ({ dtype, shape, data_offsets });

describe('safetensors', () => {
  it('reads what the reference package wrote', async () => {
    await writeFile(path, reference);
    const { metadata, tensors } = await readSafetensors(path);
    expect(metadata).toEqual({ format: 'pt', note: 'ä' });
    expect(tensors.get('layer.weight')!.shape).toEqual([2, 3]);
    expect(tensors.get('layer.weight')!.data).toEqual(Float32Array.from([0, 1, 2, 3, 4, 5], (x) => x / 7));
    expect(tensors.get('layer.bias')!.data).toEqual(Float32Array.of(-1.5, 2.25));
    expect(tensors.get('scalar')).toEqual({ shape: [], data: Float32Array.of(3) });
    expect(tensors.get('empty')).toEqual({ shape: [0, 4], data: new Float32Array(0) });
  });

  it('writes the same tensors at the same bytes as the reference package', async () => {
    await writeFile(path, reference);
    const { tensors } = await readSafetensors(path);
    await writeSafetensors(path, tensors, { format: 'pt' });
    const again = await readSafetensors(path);
    expect(again.metadata).toEqual({ format: 'pt' });
    expect([...again.tensors].sort()).toEqual([...tensors].sort());
    const valueBytes = 4 * (6 + 2 + 1);
    expect((await readFile(path)).subarray(-valueBytes)).toEqual(reference.subarray(-valueBytes));
    const { offset } = (await readSafetensorsHeader(path)).tensors.get('layer.weight')!;
    expect(offset % 4).toBe(0); // aligned, so that the runtime can map it
    expect(await readdir(folder)).toEqual(['model.safetensors']); // no temporary file is left
  });

  it('converts half and double precision, and refuses integers as float32', async () => {
    await writeFile(path, Buffer.from(golden.mixed, 'base64'));
    const { tensors } = await readSafetensors(path, ['half', 'double']);
    const expected = golden.halfValues.map((text) => (text === 'inf' ? Number.POSITIVE_INFINITY : Number(text)));
    expect([...tensors.get('half')!.data]).toEqual(expected);
    expect(tensors.get('double')!.data[0]).toBe(golden.doubleValue);
    await expect(readSafetensors(path)).rejects.toThrow('tensor "int" has dtype I64');
    await expect(readSafetensors(path, ['nothing'])).rejects.toThrow(/no tensor "nothing"; it has: /);
    await damaged({ b: f32([2], [0, 4], 'BF16') }, 0);
    await writeFile(path, Buffer.concat([await readFile(path), Buffer.from([0x80, 0x3f, 0x20, 0xc0])]));
    expect((await readSafetensors(path)).tensors.get('b')!.data).toEqual(Float32Array.of(1, -2.5));
  });

  it.each([
    ['unknown dtype', { a: f32([1], [0, 4], 'F31') }, 4, 'tensor "a" has unknown dtype "F31"'],
    ['damaged shape', { a: f32([-1], [0, 4]) }, 4, 'tensor "a" has a damaged shape [-1]'],
    ['absurd shape', { a: f32([2 ** 40, 2 ** 40], [0, 4]) }, 4, 'needs'],
    ['damaged offsets', { a: f32([1], [4, 0]) }, 4, 'tensor "a" has damaged data_offsets [4,0]'],
    ['length that disagrees', { a: f32([2], [0, 4]) }, 4, 'needs 8 bytes but its offsets give 4'],
    ['no description', { a: 7 }, 4, 'tensor "a" has no description'],
    ['overlap', { a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12, 'tensors "a" and "b" overlap'],
    ['hole', { a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12, '4 bytes between "a" and "b" belong to no tensor'],
    ['trailing bytes', { a: f32([1], [0, 4]) }, 9, '5 bytes after the last tensor'],
    ['truncated values', { a: f32([9], [0, 36]) }, 9, 'the file is truncated'],
    ['metadata that is not text', { __metadata__: { n: 1 } }, 0, '"__metadata__"'],
    ['header that is not JSON', '{"a":', 0, 'the safetensors header is not JSON'],
    ['header that is not an object', '[1]', 0, 'not a JSON object'],
  ])('refuses a file with %s', async (_name, header, valueBytes, message) => {
    await expect(readSafetensors(await damaged(header, valueBytes))).rejects.toThrow(message);
    await expect(readSafetensorsHeader(path)).rejects.toThrow(path);
  });

  it('refuses files whose header cannot be', async () => {
    await writeFile(path, 'abc');
    await expect(readSafetensors(path)).rejects.toThrow('too short');
    await writeFile(path, Buffer.from('this is not a safetensors file'));
    await expect(readSafetensors(path)).rejects.toThrow('not a safetensors file, or it is damaged');
    await writeFile(path, reference.subarray(0, 40));
    await expect(readSafetensors(path)).rejects.toThrow('truncated');
  });

  it('refuses to write a tensor whose shape and values disagree, and leaves nothing behind', async () => {
    await rm(path);
    const wrong = new Map([['a', { shape: [2], data: new Float32Array(3) }]]);
    await expect(writeSafetensors(path, wrong)).rejects.toThrow('tensor "a" has 3 values but shape [2]');
    expect(await readdir(folder)).toEqual([]);
  });
});
