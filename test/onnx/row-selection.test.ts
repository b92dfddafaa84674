/** Rows of a tensor computed from rows: equal to picking them afterwards, in values and gradients, and cheaper where nothing else reads what is left out. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { ones, zeros } from '../../src/onnx/layers/initialisers.ts';
import { dense, layerNorm } from '../../src/onnx/layers/layers.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { rowsAt } from '../../src/onnx/row-selection.ts';
import { openSession } from '../../src/runtime/session.ts';

const WIDTH = 8;
const [ROWS, TOKENS] = [2, 5];
const PLACES = [7, 1, 7, 4];

/** Post-norm: x, and a feed-forward layer beside it. Tokens have met before (a mean over all of them). */
function postNorm(x: Tensor): Tensor {
  const mixed = op.add(x, op.reduceMean(x, [1], true));
  const attended = layerNorm(op.add(dense(mixed, 'attention', WIDTH), x), 'first');
  const inner = op.gelu(dense(attended, 'up', 2 * WIDTH));
  return layerNorm(op.add(dense(inner, 'down', WIDTH), attended), 'second');
}

function preNorm(x: Tensor): Tensor {
  const mixed = op.add(x, op.reduceMean(x, [1], true));
  const scale = x.graph.parameter('scale', [WIDTH], ones);
  const matrix = x.graph.parameter('matrix', [WIDTH, WIDTH], (random, shape) =>
    Float32Array.from({ length: shape[0] * shape[1] }, () => random() - 0.5),
  );
  const shift = x.graph.parameter('shift', [WIDTH], zeros);
  const inner = op.tanh(op.matmul(op.multiply(layerNorm(mixed, 'norm'), scale), matrix));
  return op.subtract(op.add(mixed, op.divide(inner, 3)), shift);
}

type Block = (x: Tensor) => Tensor;

/** Values and gradients with respect to all parameters of a sum of squares of rows, and how many rows the first product sees. */
async function run(block: Block, pick: (x: Tensor, places: Tensor) => Tensor, extra?: (y: Tensor) => Tensor) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['b', 't', WIDTH]);
  const places = graph.input('places', 'int64', ['m']);
  const y = block(x);
  const other = extra?.(y);
  const rows = pick(y, places); // [m, width]
  const parameters = [...graph.parameters.values()];
  const loss = op.reduceSum(op.multiply(rows, op.multiply(rows, rows)));
  const flowing = gradients(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  graph.output('rows', rows);
  for (const [i, gradient] of flowing.entries()) graph.output(`gradient ${parameters[i].name}`, gradient);
  if (other) graph.output('other', op.reduceSum(other));
  const random = createRandom('rows');
  const drawn = new Map(
    parameters.map(({ name, shape }) => {
      const length = shape.reduce((size, dim) => size * dim, 1);
      return [name, Float32Array.from({ length }, () => random.normal())] as const;
    }),
  );
  const session = await openSession(serialise(graph, { values: drawn }).bytes, { device: 'cpu', threads: 1 });
  const data = Float32Array.from({ length: ROWS * TOKENS * WIDTH }, () => random.normal());
  const outputs = await session.run({
    x: { type: 'float32', data, dims: [ROWS, TOKENS, WIDTH] },
    places: { type: 'int64', data: BigInt64Array.from(PLACES, BigInt), dims: [PLACES.length] },
  });
  await session.dispose();
  return { outputs, rows };
}

const afterwards = (x: Tensor, places: Tensor) => op.gather(op.reshape(x, [-1, WIDTH]), places);

/** Producers of a tensor, back to the first that picks rows. */
function untilPicked(x: Tensor): string[] {
  const node = x.producer;
  if (!node || node.op === 'Gather') return [];
  return [node.op, ...node.inputs.flatMap((input) => (input ? untilPicked(input) : []))];
}

describe('rowsAt', () => {
  for (const [name, block, product] of [
    ['post-norm', postNorm, 'Gemm'],
    ['pre-norm', preNorm, 'MatMul'],
  ] as const)
    it(`of a ${name} block equals picking rows afterwards, gradients too, and picks before the products`, async () => {
      const early = await run(block, rowsAt);
      const late = await run(block, afterwards);
      for (const [output, { data, dims }] of Object.entries(late.outputs)) {
        expect(early.outputs[output].dims).toEqual(dims);
        for (const [i, value] of (data as Float32Array).entries())
          expect(Math.abs((early.outputs[output].data as Float32Array)[i] - value), output).toBeLessThan(
            1e-4 * (1 + Math.abs(value)),
          );
      }
      expect(untilPicked(early.rows)).toContain(product);
      expect(untilPicked(late.rows)).toEqual([]);
    });

  it('computes nothing twice that is read elsewhere too', async () => {
    const { rows } = await run(postNorm, rowsAt, (y) => op.multiply(y, 2));
    expect(untilPicked(rows)).toEqual([]);
  });

  it('stops at what mixes tokens', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['b', 't', WIDTH]);
    const places = graph.input('places', 'int64', ['m']);
    for (const mixing of [op.softmax(op.transpose(x, [1, 0, 2])), op.add(x, op.reduceMean(x, [1], true))])
      expect(untilPicked(rowsAt(mixing, places))).toEqual([]);
    const table = op.add(x, graph.input('positions', 'float32', ['t', WIDTH])); // a row of its own for every token
    expect(untilPicked(rowsAt(table, places))).toEqual([]);
  });
});
