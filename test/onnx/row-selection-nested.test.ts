/** Rows of rows that were picked before: one pick of what is computed, with the values and gradients of two. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type Node, reads, type Tensor } from '../../src/onnx/graph.ts';
import { normal } from '../../src/onnx/layers/initialisers.ts';
import { dense, layerNorm } from '../../src/onnx/layers/layers.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { rowsAt } from '../../src/onnx/row-selection.ts';
import { floats, relativeError, runGraph } from './helpers.ts';

const [ROWS, TOKENS, WIDTH] = [2, 5, 4];
const wave = (size: number, phase: number) =>
  Float32Array.from({ length: size }, (_, i) => 1.1 * Math.sin(2.3 * i + phase) + 0.3 * Math.cos(5.1 * i));
type Pick = (x: Tensor, rows: Tensor) => Tensor;

/** The second half of an encoder layer, [rows, tokens, 4] -> [rows*tokens, 4], and what its residual adds up. */
function block(x: Tensor, mask: Tensor) {
  const scaled = op.multiply(op.subtract(x, 0.5), mask);
  const inner = op.gelu(dense(scaled, 'inner', 6, { weight: normal(0.5), biasInitialiser: normal(0.5) }));
  const outer = dense(inner, 'outer', WIDTH, { weight: normal(0.5), biasInitialiser: normal(0.5) });
  const summed = op.add(outer, x);
  return { summed, flat: op.reshape(layerNorm(summed, 'norm'), ['rows*tokens', WIDTH]) };
}

/** Squared sum of picked rows of the block, by place within those picked first. */
function build(pick: Pick, second: readonly number[], alsoRead = false) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['rows', 'tokens', WIDTH]);
  const mask = graph.input('mask', 'float32', ['rows', 'tokens', WIDTH]);
  const first = graph.input('first', 'int64', ['m']);
  const { summed, flat } = block(x, mask);
  const rows = graph.constant(BigInt64Array.from(second, BigInt), [second.length]);
  const squares = (part: Tensor) => op.reduceSum(op.multiply(part, part));
  const others = alsoRead ? squares(summed) : graph.scalar(0);
  const picked = pick(op.gather(flat, first), rows);
  const loss = op.add(squares(picked), others);
  const wrt = [x, ...[...graph.parameters.values()].map(({ tensor }) => tensor)];
  const flowing = gradients(loss, wrt, { allowUnused: true });
  graph.output('picked', picked);
  graph.output('loss', loss);
  flowing.forEach((gradient, i) => {
    graph.output(`grad:${wrt[i].name}`, gradient);
  });
  return graph;
}

async function run(graph: Graph) {
  const random = createRandom('gather rows');
  const values = Object.fromEntries(
    [...graph.parameters.values()].map(({ name, shape, initialise }) => [name, initialise(() => random.next(), shape)]),
  );
  const shape = [ROWS, TOKENS, WIDTH];
  const size = ROWS * TOKENS * WIDTH;
  const feeds = {
    x: floats(wave(size, 1), shape),
    mask: floats(
      wave(size, 2).map((value) => Number(value > 0)),
      shape,
    ),
    first: { type: 'int64', data: BigInt64Array.of(1n, 7n, 3n, 9n, 0n), dims: [5] },
  } as const;
  return runGraph(graph, feeds, values);
}

/** Shapes of what the outputs need of some operator. */
function shapesOf(graph: Graph, name: string): string[] {
  const nodes = new Set<Node>();
  const stack = [...graph.outputs.values()];
  for (let tensor = stack.pop(); tensor; tensor = stack.pop()) {
    const { producer } = tensor;
    if (!producer || nodes.has(producer)) continue;
    nodes.add(producer);
    stack.push(...reads(producer).filter((input) => input !== null));
  }
  return [...nodes].filter((node) => node.op === name).map(({ outputs: [y] }) => `${y.shape}`);
}

describe('rows of picked rows', () => {
  it.each([
    ['some rows', [4, 0, 2], false],
    ['a row twice', [3, 3], false],
    ['no row', [], false],
    ['rows of what something else reads too', [1, 4], true],
  ] as const)('%s: values and gradients of a Gather', async (_name, second, alsoRead) => {
    const plain = await run(build((x, rows) => op.gather(x, rows), second, alsoRead));
    const early = await run(build(rowsAt, second, alsoRead));
    expect(Object.keys(early)).toEqual(Object.keys(plain));
    for (const [name, { dims, data }] of Object.entries(plain)) {
      expect(early[name].dims, name).toEqual(dims);
      if (data.length > 0) expect(relativeError(early[name].data, data as Float32Array), name).toBeLessThan(1e-5);
    }
  });

  it('nothing is computed of the others, as far as rows stay apart', () => {
    const early = build(rowsAt, [4, 0]);
    for (const name of ['Gelu', 'LayerNormalization']) expect(new Set(shapesOf(early, name)), name).toHaveLength(1);
    expect(shapesOf(early, 'Gelu')).toEqual(['2,6']);
    expect(shapesOf(early, 'LayerNormalization')).toEqual(['2,4']);
    expect(
      shapesOf(
        build((x, rows) => op.gather(x, rows), [4, 0]),
        'Gelu',
      ),
    ).toEqual(['rows,tokens,6']);
  });

  it('what something else reads is computed once, for all rows', () => {
    const early = build(rowsAt, [4, 0], true);
    expect(shapesOf(early, 'Gelu')).toEqual(['rows,tokens,6']);
    expect(shapesOf(early, 'LayerNormalization')).toEqual(['2,4']);
  });

  it('stops where rows mix', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['n', 'n']);
    const rows = graph.integers([1]);
    graph.output('y', rowsAt(op.relu(op.transpose(x, [1, 0])), rows));
    expect([shapesOf(graph, 'Transpose'), shapesOf(graph, 'Relu')]).toEqual([['n,n'], ['1,n']]);
  });
});

it('nonZero lists places row by row', async () => {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [2, 3]);
  graph.output('places', op.nonZero(x));
  const { places } = await runGraph(graph, { x: floats([0, 2, 0, -1, 0, 3], [2, 3]) });
  expect([places.dims, [...places.data]]).toEqual([
    [2, 3],
    [0n, 1n, 1n, 1n, 0n, 2n],
  ]);
});
