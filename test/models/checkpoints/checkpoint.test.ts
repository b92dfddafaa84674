import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../../src/models/checkpoints/checkpoint.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { GOLDENS } from './hostile.ts';

const golden = (file: string) => join(GOLDENS, file);
let folder: string;
let expected: Checkpoint;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-checkpoints-'));
  expected = await openCheckpoint(golden('expected.safetensors'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Every float tensor of the checkpoint is what torch reads, bit for bit, and every external range holds the same. */
async function expectEqual(checkpoint: Checkpoint): Promise<void> {
  const floats = checkpoint.names().filter((name) => checkpoint.entry(name).dtype !== 'I64');
  expect(floats).toEqual(expect.arrayContaining([...expected.names()]));
  for (const name of floats) {
    expect([name, checkpoint.entry(name).shape]).toEqual([name, expected.entry(name).shape]);
    const values = await checkpoint.read(name);
    expect([name, values]).toEqual([name, await expected.read(name)]);
    const external = checkpoint.external(name);
    if (!external) continue;
    expect(external.location).toBe(basename(external.path));
    const there = (await readFile(external.path)).subarray(external.offset, external.offset + external.length);
    expect(Buffer.from(values.buffer, values.byteOffset, values.byteLength)).toEqual(there);
  }
}

describe('checkpoints', () => {
  const same: [string, string][] = [
    ['zip.pt', 'torch zip'],
    ['legacy.pt', 'torch legacy'],
    ['legacy4.pt', 'torch legacy'],
    ['protocol4.bin', 'torch zip'],
    ['protocol5.pth', 'torch zip'],
    ['zip64.pt', 'torch zip'],
    ['lightning.ckpt', 'torch zip'],
    ['nested.pt', 'torch zip'],
    ['sharded-bin', 'torch zip'],
    ['sharded-safetensors', 'safetensors'],
  ];
  it.each(same)('%s, written by torch or safetensors, gives the values that torch reads', async (file, format) => {
    const checkpoint = await openCheckpoint(golden(file));
    expect(checkpoint.format).toBe(format);
    await expectEqual(checkpoint);
  });

  it('keeps the stored types, and refuses integers as float32', async () => {
    const checkpoint = await openCheckpoint(golden('zip.pt'));
    const types = ['weight', 'half', 'brain', 'double', 'count'].map((name) => checkpoint.entry(name).dtype);
    expect(types).toEqual(['F32', 'F16', 'BF16', 'F64', 'I64']);
    await expect(checkpoint.read('count')).rejects.toThrow(
      "tensor 'count' has dtype I64, which is not read as float32",
    );
  });

  it('reads half precision of safetensors too', async () => {
    const checkpoint = await openCheckpoint(golden('mixed.safetensors'));
    for (const name of ['half', 'brain', 'double'])
      expect(await checkpoint.read(name)).toEqual(await expected.read(name));
    expect(checkpoint.external('half')).toBeUndefined();
  });

  it('leaves contiguous float32 where it lies, and only that', async () => {
    const checkpoint = await openCheckpoint(golden('zip.pt'));
    const external = checkpoint.names().filter((name) => checkpoint.external(name));
    expect(external.sort()).toEqual(
      ['parameter', 'row', 'rows', 'scalar', 'tied.in', 'tied.out', 'unit', 'weight'].sort(),
    );
  });

  it('hands ONNX Runtime a tensor inside a torch file without reading it', async () => {
    const checkpoint = await openCheckpoint(golden('zip.pt'));
    const weight = checkpoint.external('weight')!;
    const graph = new Graph();
    const table = graph.constant(weight, [3, 4], 'float32', 'weight');
    graph.output('doubled', op.add(table, table));
    const session = await openSession(serialise(graph).bytes, {
      device: 'cpu',
      threads: 1,
      externalData: [{ path: weight.location, data: weight.path }],
    });
    const { doubled } = await session.run({});
    await session.dispose();
    expect(doubled.data).toEqual((await expected.read('weight')).map((value) => 2 * value));
  });

  it('reads tied weights once', async () => {
    const checkpoint = await openCheckpoint(golden('legacy.pt'));
    expect(await checkpoint.read('tied.in')).toBe(await checkpoint.read('tied.out'));
    expect(await checkpoint.read('row')).not.toBe(await checkpoint.read('rows'));
  });

  it('puts the key before the names where two dictionaries of tensors lie side by side', async () => {
    expect((await openCheckpoint(golden('two-parts.pt'))).names()).toEqual(['encoder.w', 'decoder.w']);
  });

  it('hashes the file, or the files of a sharded checkpoint', async () => {
    const file = createHash('sha256')
      .update(await readFile(golden('zip.pt')))
      .digest('hex');
    expect(await (await openCheckpoint(golden('zip.pt'))).sha256()).toBe(file);
    const sharded = await openCheckpoint(golden('sharded-bin'));
    expect(sharded.files.map((path) => basename(path))).toEqual([
      'pytorch_model-00001-of-00002.bin',
      'pytorch_model-00002-of-00002.bin',
    ]);
    expect(await sharded.sha256()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('says which names there are when one is not', async () => {
    const checkpoint = await openCheckpoint(golden('zip.pt'));
    expect(checkpoint.has('nothing')).toBe(false);
    expect(() => checkpoint.entry('nothing')).toThrow("no tensor 'nothing'; it has 18: weight, half");
  });

  it('refuses a file that changed after it was opened', async () => {
    const path = join(folder, 'changing.pt');
    await cp(golden('zip.pt'), path);
    const checkpoint = await openCheckpoint(path);
    await writeFile(path, (await readFile(golden('zip.pt'))).subarray(0, 4000));
    await expect(checkpoint.read('weight')).rejects.toThrow('changed while it was being read');
  });
});

describe('what is refused', () => {
  it.each([
    ['module.pt', 'the pickle uses "torch.nn.modules.container.Sequential"'],
    ['module-legacy.pt', 'save_file(model.state_dict(), "model.safetensors")'],
    ['script.pt', 'is a TorchScript program'],
    ['expanded.pt', 'repeats values (an expanded view); save it with .contiguous()'],
    ['deflated.pt', 'data.pkl" is compressed or encrypted'],
    ['no-tensors.pt', 'holds no dictionary of tensors; its keys: epoch'],
    ['checkpoints.py', 'is neither safetensors nor a file of torch.save'],
    ['absent', 'does not exist'],
  ])('%s: %s', async (file, message) => {
    await expect(openCheckpoint(golden(file))).rejects.toThrow(message);
  });

  it.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:1\n', 'is a pointer of Git LFS'],
    ['<!DOCTYPE html><html>', 'is a web page'],
    ['\x1f\x8b\x08\x00', 'is gzip-compressed'],
    ['\x93NUMPY\x01\x00', 'use it as precomputed embeddings'],
    ['', 'is neither safetensors'],
  ])('%j in the place of weights', async (text, message) => {
    const path = join(folder, 'pytorch_model.bin');
    await writeFile(path, Buffer.from(text, 'latin1'));
    await expect(openCheckpoint(path)).rejects.toThrow(message);
    await unlink(path);
  });
});

describe('what is looked for in a folder', () => {
  const copies = async (...files: readonly [string, string][]) => {
    const place = await mkdtemp(join(folder, 'model-'));
    for (const [from, to] of files) await cp(golden(from), join(place, to));
    return place;
  };

  it('is safetensors before torch, and the names of the hub before others', async () => {
    const both = await copies(
      ['zip.pt', 'pytorch_model.bin'],
      ['mixed.safetensors', 'model.safetensors'],
      ['legacy.pt', 'a.pt'],
    );
    expect((await openCheckpoint(both)).format).toBe('safetensors');
    await unlink(join(both, 'model.safetensors'));
    expect((await openCheckpoint(both)).files[0]).toBe(join(both, 'pytorch_model.bin'));
  });

  it('is a lone file otherwise, not counting what trainers leave beside it', async () => {
    const lone = await copies(['legacy.pt', 'last.ckpt'], ['zip.pt', 'optimizer.pt'], ['zip.pt', 'training_args.bin']);
    expect((await openCheckpoint(lone)).format).toBe('torch legacy');
    await cp(golden('zip.pt'), join(lone, 'best.ckpt'));
    await expect(openCheckpoint(lone)).rejects.toThrow('several files of weights (best.ckpt, last.ckpt)');
    await expect(openCheckpoint(await copies())).rejects.toThrow(
      'holds no weights; searched for model.safetensors.index.json',
    );
  });

  it('may be a link into a cache', async () => {
    const cache = await copies();
    await symlink(golden('zip.pt'), join(cache, 'pytorch_model.bin'));
    const checkpoint = await openCheckpoint(cache);
    await expectEqual(checkpoint);
    expect(checkpoint.external('weight')!.location).toBe('zip.pt');
  });

  it('names the shards that are missing, and tensors that are not where the index says', async () => {
    const place = await mkdtemp(join(folder, 'sharded-'));
    await cp(golden('sharded-bin'), place, { recursive: true });
    const [first, second] = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'];
    await unlink(join(place, second));
    await expect(openCheckpoint(place)).rejects.toThrow(`2 files of which 1 are missing: ${second}`);
    await cp(join(place, first), join(place, second));
    await expect(openCheckpoint(place)).rejects.toThrow(`in ${second}, but the file does not contain it`);
    const index = join(place, 'pytorch_model.bin.index.json');
    await writeFile(index, JSON.stringify({ weight_map: { w: '../../secret.bin' } }));
    await expect(openCheckpoint(place)).rejects.toThrow('"../../secret.bin", which is not a file of its folder');
    await writeFile(index, '{');
    await expect(openCheckpoint(place)).rejects.toThrow('is not valid JSON');
  });
});
