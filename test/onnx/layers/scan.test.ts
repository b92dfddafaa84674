/** Loops: what they carry, yield and read from the graph around them, and that no gradient slips through one. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { scan } from '../../../src/onnx/layers/scan.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { floats, runGraph } from '../helpers.ts';

/** s' = factor s + x from s = 1, yielding s'. */
function decayingSum(backwards: boolean) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['steps', 2]);
  const factor = graph.input('factor', 'float32', [1]);
  const start = graph.input('start', 'float32', [2]);
  const { states, yields } = scan(
    { states: [start], sequences: [x], constants: [op.multiply(factor, 2)], backwards },
    ([s], [item], [f]) => {
      const next = op.add(op.multiply(f, s), item);
      return { states: [next], yields: [next, op.reduceSum(item, [0])] };
    },
  );
  return { graph, x, factor, last: states[0], sums: yields[0], totals: yields[1] };
}
const feeds = { x: floats([1, 2, 3, 4, 5, 6], [3, 2]), factor: floats([0.25], [1]), start: floats([8, 16], [2]) };

describe('a loop over the first axis', () => {
  it('carries a state, collects what the steps yield and reads constants', async () => {
    const { graph, last, sums, totals } = decayingSum(false);
    expect(sums.shape).toEqual(['steps', 2]);
    expect(totals.shape).toEqual(['steps']);
    graph.output('last', last);
    graph.output('sums', sums);
    graph.output('totals', totals);
    const results = await runGraph(graph, feeds);
    expect([...results.sums.data]).toEqual([5, 10, 5.5, 9, 7.75, 10.5]);
    expect([...results.last.data]).toEqual([7.75, 10.5]);
    expect([...results.totals.data]).toEqual([3, 7, 11]);
  });

  it('runs backwards, each yield in its item place', async () => {
    const { graph, sums } = decayingSum(true);
    graph.output('sums', sums);
    const results = await runGraph(graph, feeds);
    expect([...results.sums.data]).toEqual([4.75, 7.5, 7.5, 11, 9, 14]);
  });

  it('stands beside another and inside another without a clash of names', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['steps', 2]);
    const zero = graph.constant(new Float32Array(1), [1]);
    const sumOf = (items: typeof x, from: typeof x) =>
      scan({ states: [from], sequences: [items] }, ([s], [item]) => ({ states: [op.add(s, item)] })).states[0];
    // Rows summed up by an inner loop over the two columns, rows added up by the outer one.
    const { states } = scan({ states: [zero], sequences: [x], constants: [zero] }, ([s], [row], [from]) => ({
      states: [op.add(s, sumOf(op.unsqueeze(row, [1]), from))],
    }));
    graph.output('total', op.add(states[0], sumOf(op.reduceSum(x, [1], true), zero)));
    const { total } = await runGraph(graph, { x: feeds.x });
    expect([...total.data]).toEqual([42]);
  });
});

describe('reverse mode', () => {
  it('refuses a bare loop by name, whether the gradient would enter by a sequence or by a constant', () => {
    const { sums, x, factor } = decayingSum(false);
    const loss = op.reduceSum(sums);
    expect(() => gradients(loss, [x])).toThrow("operator 'Scan'");
    expect(() => gradients(loss, [factor])).toThrow("operator 'Scan'");
  });
});

describe('reverseSequence', () => {
  it('reverses each row within its own length and leaves what follows', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['steps', 2]);
    graph.output('y', op.reverseSequence(x, graph.constant(BigInt64Array.of(3n, 2n), [2])));
    const { y } = await runGraph(graph, { x: feeds.x });
    expect([...y.data]).toEqual([5, 4, 3, 2, 1, 6]);
  });
});
