/** Windows and shapes that depend on sizes of the run, as exports write them: computed and differentiated as with the same sizes in numbers. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../src/onnx/graph.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { floats, runGraph } from './helpers.ts';

const sizeOf = (x: Tensor, axis: number) => x.graph.node('Shape', [x], { start: axis, end: axis + 1 })[0];
const integers = (graph: Graph, ...values: number[]) => graph.integers(values);

/** x[from:to] along its first axis. */
const cut = (x: Tensor, from: Tensor, to: Tensor) => x.graph.node('Slice', [x, from, to, integers(x.graph, 0)])[0];

/** The window of a table [6, 2] and the gradient of its sum of squares, for vectors x [tokens, 2]. */
async function windowOf(place: (x: Tensor) => [Tensor, Tensor], tokens: number) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['tokens', 2]);
  const table = graph.input('table', 'float32', [6, 2]);
  const window = cut(table, ...place(x));
  const [gradient] = gradients(op.reduceSum(op.multiply(window, window)), [table]);
  graph.output('window', window);
  graph.output('gradient', gradient);
  const values = Array.from({ length: 12 }, (_, i) => i + 1);
  const fed = { x: floats(new Float32Array(2 * tokens), [tokens, 2]), table: floats(values, [6, 2]) };
  const { window: taken, gradient: back } = await runGraph(graph, fed);
  return { shape: window.shape, window: [...taken.data], gradient: [...back.data], values };
}

describe('a window of a table', () => {
  it.each([1, 3, 6])('of the first %i of its rows, as many as there are tokens', async (tokens) => {
    const found = await windowOf((x) => [integers(x.graph, 0), sizeOf(x, 0)], tokens);
    expect(found.shape).toEqual(['tokens', 2]);
    expect(found.window).toEqual(found.values.slice(0, 2 * tokens));
    expect(found.gradient).toEqual(found.values.map((value, i) => (i < 2 * tokens ? 2 * value : 0)));
  });

  it('from where tokens end to its own end', async () => {
    const found = await windowOf((x) => [sizeOf(x, 0), integers(x.graph, 6)], 4);
    expect(found.window).toEqual([9, 10, 11, 12]);
    expect(found.gradient).toEqual(found.values.map((value) => (value > 8 ? 2 * value : 0)));
  });

  it('from a row to where tokens end', async () => {
    const found = await windowOf((x) => [integers(x.graph, 2), sizeOf(x, 0)], 5);
    expect(found.window).toEqual([5, 6, 7, 8, 9, 10]);
    expect(found.gradient).toEqual(found.values.map((value) => (value > 4 && value < 11 ? 2 * value : 0)));
  });

  it('is refused to be differentiated where it runs backwards from a place of the run', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['tokens', 2]);
    const table = graph.input('table', 'float32', [6, 2]);
    const steps = [sizeOf(x, 0), integers(graph, 0), integers(graph, 0), integers(graph, -1)];
    const [window] = graph.node('Slice', [table, ...steps]);
    expect(() => gradients(op.reduceSum(window), [table])).toThrow(/Slice: no adjoint for \[tokens:0:-1\] of 'table'/);
  });
});

describe('shapes that a graph computes', () => {
  it('are known where -1 stands for the size that is there (torch.expand)', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [1, 'tokens']);
    const wanted = op.concat([integers(graph, 5), integers(graph, -1)], 0);
    const [one] = graph.node('ConstantOfShape', [sizeOf(wanted, 0)], { value: integers(graph, 1) });
    const free = graph.node('Equal', [wanted, op.multiply(one, integers(graph, -1))])[0];
    expect(free.known).toEqual([0, 1]);
    const shape = op.where(free, one, wanted);
    expect(shape.known).toEqual([5, 1]);
    expect(graph.node('Expand', [x, shape])[0].shape).toEqual([5, 'tokens']);
  });

  it('are not known where sizes may or may not be equal', () => {
    const graph = new Graph();
    const [a, b] = ['a', 'b'].map((name) => sizeOf(graph.input(name, 'float32', [name]), 0));
    expect(graph.node('Equal', [a, b])[0].known).toBeUndefined();
    expect(graph.node('Equal', [a, a])[0].known).toEqual([1]);
    const negative = op.subtract(a, b); // may be -1
    expect(graph.node('Equal', [negative, integers(graph, -1)])[0].known).toBeUndefined();
    expect(graph.node('Equal', [a, integers(graph, -1)])[0].known).toEqual([0]);
  });
});

describe('what is nothing at inference', () => {
  it('is a dropout told so; one told to train is refused', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['n']);
    const told = (training: number) => graph.constant(Uint8Array.of(training), [], 'bool');
    expect(graph.node('Dropout', [x, graph.scalar(0.1), told(0)])[0].shape).toEqual(['n']);
    expect(() => graph.node('Dropout', [x, graph.scalar(0.1), told(1)])).toThrow(/export the model in eval mode/);
  });

  it('is a test for what is no number', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['n']);
    const [bad] = graph.node('IsNaN', [x]);
    const safe = op.where(bad, 0, x);
    const [gradient] = gradients(op.reduceSum(op.multiply(safe, 3)), [x]);
    graph.output('gradient', gradient);
    const { gradient: found } = await runGraph(graph, { x: floats([1, Number.NaN, 2], [3]) });
    expect([...found.data]).toEqual([3, 0, 3]);
  });
});
