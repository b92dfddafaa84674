/** float32 values as IEEE 754 half precision (binary16), to the nearest, ties to even. `runtime/arrays/float-values.ts` reads them back. */

/** The largest finite half, and where rounding goes beyond it. */
export const LARGEST_HALF = 65_504;
const OVERFLOW = 65_520;

/** The bits of each value. Those too small become 0, or a subnormal. Throws for values that no finite half is near, and for NaN. */
export function toHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (!(Math.abs(values[i]) < OVERFLOW))
      throw new Error(`value ${i}, ${values[i]}, is beyond float16, which ends at ${LARGEST_HALF}; use float32`);
    halves[i] = ((bits[i] >>> 16) & 0x8000) | magnitude(bits[i] & 0x7fffffff);
  }
  return halves;
}

/** Bits of a float32 without its sign -> bits of the half. */
function magnitude(bits: number): number {
  const exponent = (bits >>> 23) - 112; // of the half; 113 is its smallest normal
  const [kept, dropped] = exponent > 0 ? [bits - (112 << 23), 13] : [(bits & 0x7fffff) | 0x800000, 14 - exponent];
  if (dropped > 24) return 0; // below half of the smallest subnormal
  const floor = kept >>> dropped;
  const rest = kept & ((1 << dropped) - 1);
  const middle = 1 << (dropped - 1);
  // A carry out of the fraction is the next exponent, as it should be.
  return rest > middle || (rest === middle && (floor & 1) === 1) ? floor + 1 : floor;
}
