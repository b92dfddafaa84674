/** From a checkpoint's tensors to a graph's parameters: names in order of preference, matrices turned, fused projections cut. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ParameterSource } from '../../src/models/architectures/architecture.ts';
import { openCheckpoint } from '../../src/models/checkpoints/checkpoint.ts';
import { bindWeights, findSource, takeSource } from '../../src/models/weights.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { zeros } from '../../src/onnx/layers/initialisers.ts';
import { writeSafetensors } from '../../src/runtime/arrays/safetensors.ts';

/** 3 x 4, row r column c holding 10 r + c. */
const MATRIX = { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => 10 * Math.floor(i / 4) + (i % 4)) };
let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'weights-')), 'model.safetensors');
  await writeSafetensors(path, new Map([['fused', MATRIX]]));
});
afterAll(() => rm(join(path, '..'), { recursive: true }));

const configured = (table: Record<string, ParameterSource>) =>
  ({ sources: (name: string) => table[name] }) as Parameters<typeof bindWeights>[1];

/** Binds one parameter of that shape to the file. */
async function bind(shape: readonly number[], source: ParameterSource, external = false) {
  const graph = new Graph();
  graph.parameter('x', shape, zeros);
  const checkpoint = await openCheckpoint(path);
  return bindWeights([...graph.parameters.values()], configured({ x: source }), checkpoint, {
    where: 'config.json',
    external,
  });
}

describe('a source', () => {
  it('is the first of its names that is there, or the same name', () => {
    const sources = configured({ a: { names: ['first', 'second'], transpose: true } });
    expect(findSource('a', sources, (name) => name === 'second')).toEqual({ name: 'second', transpose: true });
    expect(findSource('a', sources, (name) => name === 'a')).toBeUndefined();
    expect(findSource('b', sources, () => true)).toEqual({ name: 'b' });
  });

  it('is turned before it is cut', () => {
    expect(takeSource(MATRIX, { rows: { from: 1, to: 2 } })).toEqual({
      shape: [1, 4],
      data: Float32Array.of(10, 11, 12, 13),
    });
    expect(takeSource(MATRIX, { transpose: true, rows: { from: 2, to: 4 } })).toEqual({
      shape: [2, 3],
      data: Float32Array.of(2, 12, 22, 3, 13, 23),
    });
  });

  it('that has no such rows, or is no matrix to turn, is an error', () => {
    expect(() => takeSource(MATRIX, { rows: { from: 2, to: 4 } })).toThrow('has no rows 2 to 4, only 3');
    expect(() => takeSource({ shape: [12], data: MATRIX.data }, { transpose: true })).toThrow(
      'only a matrix can be transposed',
    );
  });
});

describe('bound weights', () => {
  it('are read, or left in their file with the rows that are meant', async () => {
    const rows = { names: ['fused'], rows: { from: 1, to: 3 } };
    const read = await bind([2, 4], rows);
    expect(read.values.get('x')).toEqual(Float32Array.of(10, 11, 12, 13, 20, 21, 22, 23));
    expect(read.externalData).toEqual([]);
    const left = await bind([2, 4], rows, true);
    const whole = (await openCheckpoint(path)).external('fused')!;
    expect(left.values.get('x')).toEqual({ location: basename(path), offset: whole.offset + 16, length: 32 });
    expect(left.externalData).toEqual([{ path: basename(path), data: whole.path }]);
  });

  it('that must be turned are read in any case', async () => {
    const { values, externalData } = await bind([4, 3], { names: ['fused'], transpose: true }, true);
    expect(values.get('x')).toEqual(Float32Array.of(0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23));
    expect(externalData).toEqual([]);
  });

  it.each([
    [[2, 4], { names: ['other'] }, "tensor 'x' is missing, which config.json asks for"],
    [[4, 3], { names: ['fused'] }, "'fused' is [3, 4], config.json asks for [4, 3]"],
    [[3, 4], { names: ['fused'], transpose: true }, "'fused' is [3, 4], config.json asks for [3, 4] of it transposed"],
    [[2, 3], { names: ['fused'], rows: { from: 0, to: 2 } }, 'asks for [2, 3] as its rows 0 to 2'],
    [
      [2, 4],
      { names: ['fused'], rows: { from: 2, to: 4 } },
      "'fused' is [3, 4], config.json asks for [2, 4] as its rows 2 to 4",
    ],
  ])('%j out of %j are refused', async (shape, source, message) => {
    await expect(bind(shape, source)).rejects.toThrow(message);
    await expect(bind(shape, source, true)).rejects.toThrow(message);
  });
});
