/**
 * Projections that a checkpoint stores as one matrix of stacked row blocks: query, key and value; a
 * gate and its input. Here each block is a separate parameter, `name.part.weight`, so that the
 * graph does not split the matrix in every run; weights that stay in their file are mapped at their
 * offset.
 */
import type { Initialiser, Tensor } from '../../onnx/graph.ts';
import { type DenseOptions, dense } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { ParameterSource } from './architecture.ts';

export const QUERY_KEY_VALUE = ['query', 'key', 'value'] as const;
export const GATED = ['gate', 'up'] as const;

/** x [..., in] -> one [..., rows] per part. */
export function packedDense<Part extends string>(
  x: Tensor,
  name: string,
  parts: readonly Part[],
  rows: number,
  options: DenseOptions & { readonly weight: Initialiser },
): Tensor[] {
  return parts.map((part) => dense(x, `${name}.${part}`, rows, options));
}

/** Gated linear unit over a packed projection: activation(gate) * up (Shazeer 2020). x [..., in] -> [..., rows] */
export function gatedDense(
  x: Tensor,
  name: string,
  rows: number,
  activation: (gate: Tensor) => Tensor,
  options: DenseOptions & { readonly weight: Initialiser },
): Tensor {
  const [gate, up] = packedDense(x, name, GATED, rows, options);
  return op.multiply(activation(gate), up);
}

/** Packed projection (the end of its name) -> its parts, and the rows of each. */
export type Packed = Readonly<Record<string, { readonly parts: readonly string[]; readonly rows: number }>>;

/**
 * Location of a part's parameter in the checkpoint; undefined for parameters that are not a part.
 */
export function packedSource(parameter: string, packed: Packed): ParameterSource | undefined {
  const [, name, part, kind] = /^(.+)\.(\w+)\.(weight|bias)$/.exec(parameter) ?? [];
  const ending = Object.keys(packed).find((end) => name?.endsWith(end));
  if (ending === undefined) return undefined;
  const { parts, rows } = packed[ending];
  const at = parts.indexOf(part);
  return at < 0 ? undefined : { names: [`${name}.${kind}`], rows: { from: at * rows, to: (at + 1) * rows } };
}
