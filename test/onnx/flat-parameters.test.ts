/** All parameters as one vector. */
import { describe, expect, it } from 'vitest';
import { layoutOf, unflatten } from '../../src/onnx/flat-parameters.ts';

describe('flat vectors', () => {
  it('give every parameter its own stretch, by name', () => {
    const layout = layoutOf([
      { name: 'a', shape: [2, 2] },
      { name: 'b', shape: [] },
      { name: 'c', shape: [3] },
    ]);
    expect(layout.total).toBe(8);
    const values = unflatten(
      Float32Array.from({ length: 8 }, (_, i) => i),
      layout,
    );
    expect([...values]).toEqual([
      ['a', Float32Array.of(0, 1, 2, 3)],
      ['b', Float32Array.of(4)],
      ['c', Float32Array.of(5, 6, 7)],
    ]);
  });
});
