/** Sessions that write into tensors given to them, and do nothing else with their outputs. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/onnx/graph.ts';
import { multiply } from '../../src/onnx/ops.ts';
import { serialise } from '../../src/onnx/serialise.ts';
import { openSession } from '../../src/runtime/session.ts';

const SIZE = 2 ** 22;
const vector = (data: Float32Array) => ({ type: 'float32', data, dims: [data.length] }) as const;

/** y = 2 x and z = 3 x. */
function open(inPlace: boolean) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['n']);
  graph.output('y', multiply(x, 2));
  graph.output('z', multiply(x, 3));
  return openSession(serialise(graph).bytes, { device: 'cpu', threads: 1, label: 'doubles', inPlace });
}

/** Bytes of fresh arrays that a run leaves behind: the most of some runs, since garbage is collected when it likes. */
async function left(inPlace: boolean): Promise<number> {
  const session = await open(inPlace);
  const [x, y, z] = [1, 0, 0].map((value) => vector(new Float32Array(SIZE).fill(value)));
  const runs: number[] = [];
  for (let i = 0; i < 6; i++) {
    const before = process.memoryUsage().arrayBuffers;
    await session.run({ x }, { y, z });
    runs.push(process.memoryUsage().arrayBuffers - before);
  }
  expect([y.data[SIZE - 1], z.data[SIZE - 1]]).toEqual([2, 3]);
  await session.dispose();
  return Math.max(...runs);
}

describe('a session opened with inPlace', () => {
  it('leaves no copy of its outputs behind, as the runtime does on its own', async () => {
    expect(await left(true)).toBeLessThan(4 * SIZE);
    // Where this fails the runtime has learnt not to copy, and `in-place.ts` can go.
    expect(await left(false)).toBeGreaterThanOrEqual(2 * 4 * SIZE);
  });

  it('has the outputs of its model and no other', async () => {
    const session = await open(true);
    expect(session.outputNames).toEqual(['y', 'z']);
    await session.dispose();
  });

  it('still throws what goes wrong, and asks for tensors to write into', async () => {
    const session = await open(true);
    const x = vector(new Float32Array(3));
    const short = vector(new Float32Array(2));
    await expect(session.run({ x }, { y: short })).rejects.toThrow(/doubles: running the model failed/);
    await expect(session.run({ x })).rejects.toThrow('doubles: opened with `inPlace`');
    await session.dispose();
  });
});
