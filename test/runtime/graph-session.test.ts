/** A graph with large weights as a session: the same numbers as with the weights written into the model, and no copy of them in it. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { zeros } from '../../src/onnx/layers/initialisers.ts';
import { dense } from '../../src/onnx/layers/layers.ts';
import { openGraph } from '../../src/runtime/graph-session.ts';
import { openSession } from '../../src/runtime/session.ts';

const cpu = { device: 'cpu', threads: 1 } as const;
const WIDTH = 160;

function network() {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['rows', WIDTH]);
  const initial = { biasInitialiser: zeros };
  graph.output('y', dense(dense(x, 'first', WIDTH, initial), 'second', WIDTH, initial));
  return graph;
}
const random = createRandom('weights');
const drawn = new Map(
  [...network().parameters.values()].map(({ name, shape }) => {
    const length = shape.reduce((size, dim) => size * dim, 1);
    // A view into a larger buffer, as weights of one file are.
    const buffer = Float32Array.from({ length: length + 5 }, () => random.normal() / WIDTH);
    return [name, buffer.subarray(3, 3 + length)] as const;
  }),
);
const feeds = {
  x: { type: 'float32', data: Float32Array.from({ length: 2 * WIDTH }, () => random.normal()), dims: [2, WIDTH] },
} as const;

describe('openGraph', () => {
  it('gives what the model with its weights inside gives, while they may be moved or gone', async () => {
    const inside = await openSession(serialise(network(), { values: drawn }).bytes, cpu);
    const copies = new Map([...drawn].map(([name, values]) => [name, values.slice()]));
    const beside = await openGraph(network(), { values: copies }, { ...cpu, label: 'beside' });
    const [expected] = [(await inside.run(feeds)).y];
    for (const values of copies.values()) values.fill(0); // the session has its own by now
    expect((await beside.run(feeds)).y).toEqual(expected);
    await Promise.all([inside.dispose(), beside.dispose()]);
  });

  it('names the weights that are missing', async () => {
    const [first] = [...drawn];
    await expect(openGraph(network(), { values: new Map([first]) }, { ...cpu, label: 'model' })).rejects.toThrow(
      /model: the weights lack .*second\.weight/,
    );
  });
});
