/** The masks themselves, by both ways to feed them. What training makes of them is in `network.test.ts`. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../src/onnx/graph.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import { DropoutSource } from '../../../src/onnx/layers/dropout.ts';
import { reshape } from '../../../src/onnx/operators/functions.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { dropoutMasks } from '../../../src/runtime/training/dropout-masks.ts';
import { type Feeds, pick } from '../../../src/runtime/training/network.ts';

const ROWS = 6;
const TOKENS = 5;
const RATES = [0.1, 0.5, 0.1];
const zeros = (...dims: number[]) =>
  ({ type: 'float32', data: new Float32Array(dims.reduce((n, dim) => n * dim, 1)), dims }) as const;
const batchOf = (rows: number): Feeds => ({ x: zeros(rows, TOKENS, 4), weights: zeros(rows) });

/** Masks of a [rows, t, 4], a [rows t, 4] and another [rows, t, 4] layer for the rows [from, to) of a batch. */
async function masksOf(feeding: 'windows' | 'banks', step: number, from = 0, to = ROWS, seed = 1) {
  const graph = new Graph();
  const source = new DropoutSource(graph, feeding);
  const x = graph.input('x', 'float32', ['rows', 't', 4]);
  const layers = [x, reshape(x, ['rows*t', 4]), x];
  layers.forEach((layer, i) => {
    graph.output(`mask ${i}`, source.mask(layer, RATES[i]));
  });
  const feeds = dropoutMasks(seed, 'masks').feeds(source, graph, batchOf(ROWS), step, from, to);
  const session = await openSession(serialise(graph).bytes, { device: 'cpu', threads: 1, optimise: 'none' });
  const result = await session.run(pick(session, { ...batchOf(to - from), ...feeds }));
  await session.dispose();
  return Object.values(result).map(({ data, dims }) => ({ data: Array.from(data as Float32Array), dims }));
}

describe('dropout masks', () => {
  it('have the shapes of their layers, and hold 0 and 1 / (1 - rate)', async () => {
    const masks = await masksOf('windows', 0);
    expect(masks.map(({ dims }) => dims)).toEqual([
      [ROWS, TOKENS, 4],
      [ROWS * TOKENS, 4],
      [ROWS, TOKENS, 4],
    ]);
    masks.forEach(({ data }, i) => {
      expect(new Set(data)).toEqual(new Set([0, Math.fround(1 / (1 - RATES[i]))]));
    });
  });

  it('are the same whether windows are fed or cut out of banks in the graph', async () => {
    for (const step of [0, 7]) expect(await masksOf('banks', step)).toEqual(await masksOf('windows', step));
  });

  it.each(['windows', 'banks'] as const)('of a part of a batch are those of its rows (%s)', async (feeding) => {
    const whole = await masksOf(feeding, 3);
    const parts = [await masksOf(feeding, 3, 0, 4), await masksOf(feeding, 3, 4, ROWS)];
    whole.forEach(({ data }, i) => {
      expect(parts.flatMap((part) => part[i].data)).toEqual(data);
    });
  });

  it('differ between layers of one rate, steps and seeds', async () => {
    const drawn = [await masksOf('windows', 0), await masksOf('windows', 1), await masksOf('windows', 0, 0, ROWS, 2)];
    const ofRate = drawn.flatMap((masks) => [masks[0], masks[2]]).map(({ data }) => data.join());
    expect(new Set(ofRate).size).toBe(6);
  });
});
