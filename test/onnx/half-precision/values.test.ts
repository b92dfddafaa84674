/** float32 to half precision: exact where a half is the value, else the nearest, ties to even; what is too large is refused. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { LARGEST_HALF, toHalves } from '../../../src/onnx/half-precision/values.ts';
import { toFloat32 } from '../../../src/runtime/arrays/float-values.ts';

const read = (halves: Uint16Array) => toFloat32('F16', Uint16Array.from(halves).buffer, 'halves');
const rounded = (value: number) => read(toHalves(Float32Array.of(value)))[0];
/** Bits of all halves from 0 to the largest, in order of their values. */
const POSITIVE = Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits);

describe('values as halves', () => {
  it('come back where they are halves, of either sign, subnormals too', () => {
    expect(toHalves(read(POSITIVE))).toEqual(POSITIVE);
    const negative = POSITIVE.map((bits) => bits | 0x8000);
    expect(toHalves(read(negative))).toEqual(negative);
    expect(read(POSITIVE).at(-1)).toBe(LARGEST_HALF);
  });

  it('go to the even one of two that are as near, and to the nearer one just beside the middle', () => {
    const values = read(POSITIVE);
    const middles = Float32Array.from(values.subarray(1), (value, i) => (value + values[i]) / 2); // exact in float32
    const even = POSITIVE.subarray(1).map((bits) => (bits % 2 === 0 ? bits : bits - 1));
    expect(toHalves(middles)).toEqual(even);
    const [up, down] = [1 + 2 ** -20, 1 - 2 ** -20];
    expect(toHalves(middles.map((value) => value * up))).toEqual(POSITIVE.subarray(1));
    expect(toHalves(middles.map((value) => value * down))).toEqual(POSITIVE.subarray(0, -1));
  });

  it('are never further off than half a step', () => {
    const random = createRandom('halves');
    for (let i = 0; i < 2000; i++) {
      const value = Math.fround((random.next() - 0.5) * 2 ** (random.integer(30) - 15));
      const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10));
      expect(Math.abs(rounded(value) - value)).toBeLessThanOrEqual(step / 2);
    }
    expect(rounded(1e-9)).toBe(0);
    expect(Object.is(rounded(-1e-9), -0)).toBe(true);
  });

  it('are refused beyond the largest half, and where they are no number', () => {
    expect(rounded(65_519)).toBe(LARGEST_HALF);
    for (const value of [65_520, -1e6, Number.POSITIVE_INFINITY, Number.NaN])
      expect(() => toHalves(Float32Array.of(1, value))).toThrow(`value 1, ${value}, is beyond float16`);
  });

  it('are read from a part of a larger array', () => {
    expect(toHalves(Float32Array.of(7, 1, 2).subarray(1))).toEqual(toHalves(Float32Array.of(1, 2)));
  });
});
