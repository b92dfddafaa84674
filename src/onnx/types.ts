/** Types and shapes of tensors, and the error of everything that builds graphs. */

export type DType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';
export type Dim = number | string;
export type Shape = readonly Dim[];
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array
  | Uint16Array;

/** Bytes of a weight that stay in their file: ONNX external data. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}
export type ConstantData = TypedArray | ExternalData;

/** ONNX TensorProto.DataType numbers. */
export const DTYPE_CODES: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};

export class GraphError extends Error {
  override name = 'GraphError';
}
