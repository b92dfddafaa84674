/** Rotary positions against transformers' GPT-NeoX (theta, part of a head), and on lengths known only at run time. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../../src/onnx/autodiff.ts';
import { Graph } from '../../../../src/onnx/graph.ts';
import { rotary, rotaryFrequencies, rotaryTables } from '../../../../src/onnx/layers/positions/rotary.ts';
import * as op from '../../../../src/onnx/operators/functions.ts';
import { expectClose, type GoldenTensors, readGolden, relativeError, runGraph, typed, value } from '../../helpers.ts';

interface Case {
  readonly name: string;
  readonly theta: number;
  readonly width: number;
  readonly tensors: GoldenTensors;
}

const cases = readGolden<Case[]>('rotary.golden.json');

describe('rotary positions are those of GPT-NeoX', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_name, { theta, width, tensors }) => {
    const [rows, heads, tokens, head] = tensors.states.shape;
    const build = (batch: number | string, length: number | string) => {
      const graph = new Graph();
      const ids = graph.input('ids', 'int64', [batch, length]);
      const states = graph.input('states', 'float32', [batch, heads, length, head]);
      const turned = rotary(states, rotaryTables(ids, rotaryFrequencies(width, theta)));
      graph.output('turned', turned);
      const weight = graph.input('weight', 'float32', [batch, heads, length, head]);
      graph.output('gradient', gradients(op.reduceSum(op.multiply(turned, weight)), [states])[0]);
      return graph;
    };
    const feeds = {
      ids: { type: 'int64', data: new BigInt64Array(rows * tokens), dims: [rows, tokens] } as const,
      states: value(tensors.states),
      weight: value(tensors.weight),
    };
    for (const graph of [build(rows, tokens), build('rows', 'tokens')]) {
      const { turned, gradient } = await runGraph(graph, feeds);
      expectClose(turned, tensors.turned, 'turned', { tolerance: 2e-6 });
      expectClose(gradient, tensors.gradient, 'gradient', { tolerance: 2e-6 });
    }
    expect(typed(tensors.turned)).not.toEqual(typed(tensors.states));
  });

  it('turns nothing at position 0 and keeps lengths everywhere', async () => {
    const graph = new Graph();
    const ids = graph.input('ids', 'int64', [1, 9]);
    const states = graph.input('states', 'float32', [1, 1, 9, 6]);
    const turned = rotary(states, rotaryTables(ids, rotaryFrequencies(6)));
    graph.output('turned', turned);
    graph.output('lengths', op.reduceL2(turned, [3]));
    graph.output('before', op.reduceL2(states, [3]));
    const data = Float32Array.from({ length: 54 }, (_, i) => Math.sin(i * i));
    const found = await runGraph(graph, {
      ids: { type: 'int64', data: new BigInt64Array(9), dims: [1, 9] },
      states: { type: 'float32', data, dims: [1, 1, 9, 6] },
    });
    expect(found.turned.data.slice(0, 6)).toEqual(data.slice(0, 6));
    expect(relativeError(found.lengths.data, found.before.data)).toBeLessThan(1e-6);
  });
});

describe('rotary positions refuse', () => {
  it('odd widths, and tables wider than the heads', () => {
    expect(() => rotaryFrequencies(5)).toThrow('must be even and positive, not 5');
    const graph = new Graph();
    const tables = rotaryTables(graph.input('ids', 'int64', ['rows', 'tokens']), rotaryFrequencies(8));
    const states = graph.input('states', 'float32', ['rows', 2, 'tokens', 4]);
    expect(() => rotary(states, tables)).toThrow("tables of width 8 can't turn heads of width 4");
  });
});
