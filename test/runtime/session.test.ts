import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBE_MODEL_BASE64 } from '../../src/runtime/device.ts';
import {
  isOutOfMemory,
  OutOfMemoryError,
  openSession,
  SessionError,
  type TensorValue,
} from '../../src/runtime/session.ts';
import golden from './goldens/runtime.json' with { type: 'json' };

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const cpu = { device: 'cpu', threads: 1, label: 'test model' } as const;
const square: TensorValue = { type: 'float32', data: Float32Array.of(1, 2, 3, 4), dims: [2, 2] };

describe('openSession', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'glm-bench-session-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('runs a model from bytes and from a file', async () => {
    const path = join(folder, 'product.onnx');
    await writeFile(path, bytes(PROBE_MODEL_BASE64));
    for (const model of [bytes(PROBE_MODEL_BASE64), path]) {
      const session = await openSession(model, cpu);
      expect(session.inputNames).toEqual(['a', 'b']);
      expect(session.outputNames).toEqual(['c']);
      const { c } = await session.run({ a: square, b: square });
      expect(c).toEqual({ type: 'float32', data: Float32Array.of(7, 10, 15, 22), dims: [2, 2] });
      await session.dispose();
    }
  });

  it('carries every tensor type through unchanged', async () => {
    const session = await openSession(bytes(golden.identity), cpu);
    const feeds: Record<string, TensorValue> = {
      float32: { type: 'float32', data: Float32Array.of(1.5, -0), dims: [2] },
      float64: { type: 'float64', data: Float64Array.of(1 / 3, 1e300), dims: [2] },
      int64: { type: 'int64', data: BigInt64Array.of(-1n, 2n ** 62n), dims: [2] },
      int32: { type: 'int32', data: Int32Array.of(-5, 7), dims: [2] },
      bool: { type: 'bool', data: Uint8Array.of(0, 1), dims: [2] },
      uint8: { type: 'uint8', data: Uint8Array.of(3, 255), dims: [2] },
    };
    const results = await session.run(feeds);
    for (const [name, value] of Object.entries(feeds)) expect(results[`${name}_out`]).toEqual(value);
    const some = await session.run(feeds, ['bool_out']);
    expect(Object.keys(some)).toEqual(['bool_out']);
    await session.dispose();
  });

  it('writes into tensors that were allocated before, in place', async () => {
    const session = await openSession(bytes(PROBE_MODEL_BASE64), cpu);
    const c: TensorValue = { type: 'float32', data: new Float32Array(4), dims: [2, 2] };
    const results = await session.run({ a: square, b: square }, { c });
    expect(results.c).toBe(c);
    expect([...c.data]).toEqual([7, 10, 15, 22]);
    const wrong: TensorValue = { type: 'float32', data: new Float32Array(6), dims: [3, 2] };
    await expect(session.run({ a: square, b: square }, { c: wrong })).rejects.toThrow(
      'test model: running the model failed',
    );
    await session.dispose();
  });

  it('takes weights from bytes or straight from a file on disk', async () => {
    const weights = new Float32Array(10);
    weights.set([1, 2, 3, 4, 5, 6], 4); // 16 bytes of something else come first
    const path = join(folder, 'weights.bin');
    await writeFile(path, new Uint8Array(weights.buffer));
    for (const data of [new Uint8Array(weights.buffer), path]) {
      const session = await openSession(bytes(golden.external), {
        ...cpu,
        externalData: [{ path: 'weights.bin', data }],
      });
      const { y } = await session.run({ x: { type: 'float32', data: Float32Array.of(1, 0, 1), dims: [1, 3] } });
      expect([...y.data]).toEqual([6, 8]);
      await session.dispose();
    }
    const elsewhere = { ...cpu, externalData: [{ path: 'weights.bin', data: join(folder, 'other.bin') }] };
    await expect(openSession(bytes(golden.external), elsewhere)).rejects.toThrow('must be a file of that name');
  });

  it('names the session in every error', async () => {
    await expect(openSession(Uint8Array.of(1, 2, 3), cpu)).rejects.toThrow(
      /^test model: opening the model on cpu failed/,
    );
    await expect(openSession(bytes(PROBE_MODEL_BASE64), { ...cpu, threads: 0 })).rejects.toThrow('threads must be');
    const session = await openSession(bytes(PROBE_MODEL_BASE64), cpu);
    const short: TensorValue = { type: 'float32', data: new Float32Array(3), dims: [2, 2] };
    const mistyped = { type: 'float32', data: new Float64Array(4), dims: [2, 2] } as unknown as TensorValue;
    const narrow: TensorValue = { type: 'float32', data: new Float32Array(2), dims: [1, 2] };
    await expect(session.run({ a: square })).rejects.toThrow('test model: input "b" was not given');
    await expect(session.run({ a: square, b: square, x: square })).rejects.toThrow(
      'no input named "x"; the model has: a, b',
    );
    await expect(session.run({ a: square, b: square }, ['z'])).rejects.toThrow('no output named "z"');
    await expect(session.run({ a: square, b: short })).rejects.toThrow('has 3 values but dims [2, 2] ask for 4');
    await expect(session.run({ a: square, b: mistyped })).rejects.toThrow('needs a Float32Array');
    await expect(session.run({ a: square, b: narrow })).rejects.toThrow(SessionError);
    await session.dispose();
    await session.dispose(); // closing twice does no harm
    await expect(session.run({ a: square, b: square })).rejects.toThrow('the session is closed');
  });

  it('tells memory that ran out from other failures', async () => {
    const session = await openSession(bytes(golden.huge), cpu);
    const shape: TensorValue = { type: 'int64', data: BigInt64Array.of(2n ** 45n), dims: [1] };
    await expect(session.run({ shape })).rejects.toThrow(OutOfMemoryError);
    const small: TensorValue = { type: 'int64', data: BigInt64Array.of(2n), dims: [1] };
    expect((await session.run({ shape: small })).y.dims).toEqual([2]); // still usable afterwards
    await session.dispose();
    expect(
      isOutOfMemory('BFCArena::AllocateRawInternal Available memory of 5 is smaller than requested bytes of 9'),
    ).toBe(true);
    expect(isOutOfMemory('CUDA failure 2: out of memory ; GPU=0')).toBe(true);
    expect(isOutOfMemory('std::bad_alloc')).toBe(true);
    expect(isOutOfMemory('Got invalid dimensions for input: a')).toBe(false);
  });
});
