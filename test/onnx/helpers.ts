/** What the engine's tests share: goldens as tensors, and running a graph once on the CPU. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Graph, Tensor, TypedArray } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { openSession, type TensorValue } from '../../src/runtime/session.ts';

export interface GoldenTensor {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int64' | 'bool' | 'int32';
  readonly data: number[];
}
export type GoldenTensors = Readonly<Record<string, GoldenTensor>>;

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./goldens/${name}`, import.meta.url), 'utf8')) as T;
}

export function typed(tensor: GoldenTensor): TypedArray {
  if (tensor.dtype === 'int64') return BigInt64Array.from(tensor.data, (value) => BigInt(value));
  if (tensor.dtype === 'int32') return Int32Array.from(tensor.data);
  if (tensor.dtype === 'bool') return Uint8Array.from(tensor.data);
  return Float32Array.from(tensor.data);
}

export function value(tensor: GoldenTensor): TensorValue {
  return { type: tensor.dtype, data: typed(tensor), dims: tensor.shape } as TensorValue;
}

export function floats(data: readonly number[] | Float32Array, dims: readonly number[]): TensorValue {
  return { type: 'float32', data: Float32Array.from(data), dims };
}

/** Runs the graph's declared outputs once; `values` binds parameters and buffers. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, TensorValue>> = {},
  values: Readonly<Record<string, TypedArray>> = {},
): Promise<Record<string, TensorValue>> {
  const session = await openSession(serialise(graph, { values }).bytes, { device: 'cpu', threads: 1, label: 'test' });
  try {
    const given = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)));
    return await session.run(given);
  } finally {
    await session.dispose();
  }
}

/** The graph's input for a golden float tensor, or a constant for an integer one. */
export function place(graph: Graph, name: string, tensor: GoldenTensor): Tensor {
  if (tensor.dtype === 'float32') return graph.input(name, 'float32', tensor.shape);
  return graph.constant(typed(tensor), tensor.shape, tensor.dtype, name);
}

/** Largest absolute difference, relative to the largest absolute value expected (at least `floor`). */
export function relativeError(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  floor = 1e-3,
): number {
  let worst = 0;
  let scale = floor;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(Number(actual[i]) - Number(expected[i]));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(Number(expected[i])));
  }
  return worst / scale;
}

/** The largest absolute value in a group of goldens: what a gradient that is zero but for rounding is measured against. */
export function magnitude(tensors: GoldenTensors): number {
  return Object.values(tensors).reduce((most, { data }) => data.reduce((m, v) => Math.max(m, Math.abs(v)), most), 0);
}

export function expectClose(
  actual: TensorValue | undefined,
  expected: GoldenTensor,
  what: string,
  { tolerance = 2e-5, floor = 1e-3 }: { tolerance?: number; floor?: number } = {},
): void {
  expect(actual, `${what}: no value`).toBeDefined();
  if (!actual) return;
  expect([...actual.dims], `${what}: shape`).toEqual(expected.shape);
  expect(relativeError(actual.data, expected.data, floor), `${what}: relative error`).toBeLessThan(tolerance);
}
