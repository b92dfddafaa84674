/** Graphs in half precision: products are of rounded operands, all else is as in float32, and weights take half the room. */
import { expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import type { Graph as AnyGraph, ConstantData, Tensor } from '../../../src/onnx/graph.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { HalfGraph } from '../../../src/onnx/half-precision/graph.ts';
import { toHalves } from '../../../src/onnx/half-precision/values.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import { dense, embedding, layerNorm } from '../../../src/onnx/layers/layers.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { toFloat32 } from '../../../src/runtime/arrays/float-values.ts';
import { openSession } from '../../../src/runtime/session.ts';

const random = createRandom('half');
const drawn = (size: number) => Float32Array.from({ length: size }, () => random.next() - 0.5);
const half = (values: Float32Array) => toFloat32('F16', Uint16Array.from(toHalves(values)).buffer, 'halves');

async function run(
  graph: AnyGraph,
  values: ReadonlyMap<string, ConstantData>,
  x: Float32Array,
  dims: readonly number[],
) {
  const { bytes } = serialise(graph, { values });
  const session = await openSession(bytes, { device: 'cpu', threads: 1 });
  const { y } = await session.run({ x: { type: 'float32', data: x, dims } });
  await session.dispose();
  return { y: y.data as Float32Array, bytes: bytes.length };
}

const inHalf = () => new HalfGraph(() => true);
const input = (graph: AnyGraph) => graph.input('x', 'float32', ['rows', 8]);

it('a product is that of rounded operands', async () => {
  const [x, weight, bias] = [drawn(24), drawn(32), drawn(4)];
  const values = new Map([['w.weight', weight] as const, ['w.bias', bias] as const]);
  const graph = inHalf();
  graph.output('y', dense(input(graph), 'w', 4));
  const { y } = await run(graph, graph.values(values), x, [3, 8]);
  const [hx, hw, hb] = [x, weight, bias].map(half);
  for (let row = 0; row < 3; row++)
    for (let out = 0; out < 4; out++) {
      const sum = Array.from({ length: 8 }, (_, k) => hx[row * 8 + k] * hw[out * 8 + k]).reduce((a, b) => a + b, 0);
      expect(Math.abs(y[row * 4 + out] - (sum + hb[out]))).toBeLessThan(5e-4); // half a step of float16 below 1
    }
});

it('emulated, its result is rounded too, which the CPU by itself leaves out', async () => {
  const [x, weight, bias] = [drawn(24), drawn(32), drawn(4)];
  const values = new Map([['w.weight', weight] as const, ['w.bias', bias] as const]);
  const [plain, emulated] = [false, true].map((how) => new HalfGraph(() => true, how));
  for (const graph of [plain, emulated]) graph.output('y', dense(input(graph), 'w', 4));
  const [a, b] = [plain, emulated].map((graph) => run(graph, graph.values(values), x, [3, 8]));
  expect((await b).y).toEqual(half((await a).y));
  expect((await b).y).not.toEqual((await a).y);
});

it('what is no product is computed in float32, and so are products that ask for it', async () => {
  const build = (graph: AnyGraph) => {
    const x = input(graph);
    const normal = op.softmax(layerNorm(op.gelu(x), 'n'));
    const exact = graph.inFloat32(() => op.matmul(normal, op.transpose(x, [1, 0])));
    graph.output('y', op.multiply(exact, 3));
    return graph;
  };
  const values = new Map([['n.weight', drawn(8)] as const, ['n.bias', drawn(8)] as const]);
  const x = drawn(24);
  const whole = await run(build(new Graph()), values, x, [3, 8]);
  const graph = inHalf();
  build(graph);
  expect((await run(graph, graph.values(values), x, [3, 8])).y).toEqual(whole.y);
});

it('float32 asked for inside float32 ends with the outer one, and after an error', () => {
  const graph = inHalf();
  const x = input(graph);
  const product = (): Tensor => op.matmul(x, op.transpose(x, [1, 0]));
  const isExact = ({ producer }: Tensor) => producer?.op === 'MatMul';
  const inner = graph.inFloat32(() => {
    graph.inFloat32(product);
    return product();
  });
  expect(isExact(inner)).toBe(true);
  expect(isExact(product())).toBe(false);
  const failing = () => {
    throw new Error('no');
  };
  expect(() => graph.inFloat32(failing)).toThrow('no');
  expect(isExact(product())).toBe(false);
});

it('weights of products and look-ups take half the room, once however often they are used', async () => {
  const build = (graph: AnyGraph) => {
    const ids = op.cast(op.squeeze(op.slice(input(graph), 1, 0, 1), [1]), 'int64'); // [rows]
    const table = embedding(ids, 'table', 1000, 64); // [rows, 64]
    const words = graph.parameters.get('table.weight')!.tensor;
    graph.output('y', op.matmul(dense(table, 'w', 64), op.transpose(words, [1, 0])));
  };
  const values = new Map([
    ['table.weight', drawn(64_000)] as const,
    ['w.weight', drawn(4096)] as const,
    ['w.bias', drawn(64)] as const,
  ]);
  const [whole, graph] = [new Graph(), inHalf()];
  build(whole);
  build(graph);
  const x = Float32Array.from({ length: 24 }, (_, i) => i);
  const [a, b] = [await run(whole, values, x, [3, 8]), await run(graph, graph.values(values), x, [3, 8])];
  expect(a.bytes).toBeGreaterThan(4 * 68_160);
  expect(b.bytes).toBeLessThan(2 * 68_160 + 4096);
  const largest = Math.max(...a.y.map(Math.abs));
  expect(Math.max(...a.y.map((value, i) => Math.abs(value - b.y[i])))).toBeLessThan(2e-3 * largest);
});

it('weights that are not at hand are cast inside the graph; those too large for float16 are refused by name', async () => {
  const graph = new HalfGraph(() => false);
  graph.output('y', dense(input(graph), 'w', 4));
  const values = new Map([['w.weight', drawn(32)] as const, ['w.bias', drawn(4)] as const]);
  expect([...graph.values(values).keys()]).toEqual(['w.weight', 'w.bias']);
  const x = drawn(8);
  const rounded = inHalf();
  rounded.output('y', dense(input(rounded), 'w', 4));
  expect((await run(graph, graph.values(values), x, [1, 8])).y).toEqual(
    (await run(rounded, rounded.values(values), x, [1, 8])).y,
  );
  expect(() => rounded.values(new Map([...values, ['w.bias', Float32Array.of(1, 2, 3, 1e5)]]))).toThrow(
    "weight 'w.bias': value 3, 100000, is beyond float16",
  );
});
