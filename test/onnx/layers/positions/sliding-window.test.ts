import { describe, expect, it } from 'vitest';
import { Graph } from '../../../../src/onnx/graph.ts';
import { slidingWindowBias } from '../../../../src/onnx/layers/positions/sliding-window.ts';
import * as op from '../../../../src/onnx/operators/functions.ts';
import { runGraph } from '../../helpers.ts';

describe('a sliding window', () => {
  it.each([
    [5, 5],
    ['rows', 'tokens'],
  ])('shares the attention of %s rows of %s tokens among those within its reach alone', async (rows, tokens) => {
    const graph = new Graph();
    const ids = graph.input('ids', 'int64', [rows, tokens]);
    graph.output('weights', op.softmax(slidingWindowBias(ids, 2)));
    const { weights } = await runGraph(graph, { ids: { type: 'int64', data: new BigInt64Array(25), dims: [5, 5] } });
    expect(weights.dims).toEqual([1, 1, 5, 5]);
    const rowsOf = [
      [1 / 3, 1 / 3, 1 / 3, 0, 0],
      [1 / 4, 1 / 4, 1 / 4, 1 / 4, 0],
      [1 / 5, 1 / 5, 1 / 5, 1 / 5, 1 / 5],
      [0, 1 / 4, 1 / 4, 1 / 4, 1 / 4],
      [0, 0, 1 / 3, 1 / 3, 1 / 3],
    ];
    expect(weights.data).toEqual(Float32Array.from(rowsOf.flat()));
  });

  it.each([-1, 1.5, Number.POSITIVE_INFINITY])('of %d tokens is refused', (reach) => {
    const ids = new Graph().input('ids', 'int64', ['rows', 'tokens']);
    expect(() => slidingWindowBias(ids, reach)).toThrow(`whole number of tokens to either side, not ${reach}`);
  });
});
