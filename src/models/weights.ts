/**
 * How a checkpoint's tensors become a graph's parameters: which name is taken, turned and cut as the architecture's `sources` say, and
 * whether the shapes agree. What a checkpoint is on disk lies elsewhere; here it is names, shapes and values.
 */
import type { ConfiguredArchitecture, ParameterSource } from './architectures/types.ts';

/** A tensor of a checkpoint. float32, in C order. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a parameter is taken from. `rows` counts the first axis after `transpose`. */
export interface FoundSource extends Omit<ParameterSource, 'names'> {
  readonly name: string;
}

/** The checkpoint tensor of a parameter: the first of its names that the checkpoint has. Undefined where it has none. */
export function findSource(
  parameter: string,
  { sources }: Pick<ConfiguredArchitecture, 'sources'>,
  has: (name: string) => boolean,
): FoundSource | undefined {
  const { names, ...how } = sources?.(parameter) ?? { names: [parameter] };
  const name = names.find(has);
  return name === undefined ? undefined : { name, ...how };
}

/** The part of a stored tensor that a parameter is: transposed (matrices), then cut to rows of its first axis. A view where it can be. */
export function takeSource(stored: StoredTensor, { transpose, rows }: Omit<FoundSource, 'name'>): StoredTensor {
  const { shape, data } = transpose ? transposed(stored) : stored;
  if (!rows) return { shape, data };
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  const { from, to } = rows;
  if (from < 0 || to > shape[0] || from >= to) throw new Error(`has no rows ${from} to ${to}, only ${shape[0]}`);
  return { shape: [to - from, ...shape.slice(1)], data: data.subarray(from * width, to * width) };
}

/** [m, n] -> [n, m], copied. */
function transposed({ shape, data }: StoredTensor): StoredTensor {
  const [rows, columns] = shape;
  if (shape.length !== 2) throw new Error(`is [${shape.join(', ')}], and only a matrix can be transposed`);
  const turned = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) turned[c * rows + r] = data[r * columns + c];
  return { shape: [columns, rows], data: turned };
}
