/**
 * Stored floating-point values as float32: F32 as it is, F64 rounded, IEEE half precision (F16) and bfloat16 (BF16) widened, which loses
 * nothing. Little-endian, as every format here stores them. Integers have no rule: they may not fit.
 */

/** Bytes of one stored element, by the names that the safetensors format gives its types. */
export const BYTES_PER_ELEMENT = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
} as const;
export type StoredType = keyof typeof BYTES_PER_ELEMENT;

/** IEEE 754 half precision: 1 sign bit, 5 of exponent, 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of each of the 65,536 halves, made when first needed: a look-up is ten times the speed of the arithmetic. */
let halfValues: Float32Array | undefined;

function halves(buffer: ArrayBuffer): Float32Array {
  halfValues ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToNumber(bits));
  const bits = new Uint16Array(buffer);
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halfValues[bits[i]];
  return values;
}

/** bfloat16 is the upper half of a float32. */
function upperHalves(buffer: ArrayBuffer): Float32Array {
  const bits = new Uint16Array(buffer);
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}

const RULES: Partial<Record<StoredType, (buffer: ArrayBuffer) => Float32Array>> = {
  F32: (buffer) => new Float32Array(buffer),
  F64: (buffer) => new Float32Array(new Float64Array(buffer)),
  F16: halves,
  BF16: upperHalves,
};

export function isFloatType(type: StoredType): boolean {
  return RULES[type] !== undefined;
}

/** Stored bytes as float32; for F32 a view of the buffer given. Throws, naming `what`, for types that are not read as float32. */
export function toFloat32(type: StoredType, buffer: ArrayBuffer, what: string): Float32Array {
  const rule = RULES[type];
  if (!rule)
    throw new Error(
      `${what} has dtype ${type}, which is not read as float32; read are ${Object.keys(RULES).join(', ')}.`,
    );
  return rule(buffer);
}
