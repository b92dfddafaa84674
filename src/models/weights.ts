/**
 * How a checkpoint's tensors become a graph's parameters: which name is taken, turned and cut as the architecture's `sources` say, and
 * whether the shapes agree. What a checkpoint is on disk lies elsewhere; here it is names, shapes and values.
 */
import type { BufferInfo, ConstantData, ParameterInfo } from '../onnx/graph.ts';
import type { SessionOptions } from '../runtime/session.ts';
import type { ConfiguredArchitecture, ParameterSource } from './architectures/architecture.ts';
import type { Checkpoint } from './checkpoints/checkpoint.ts';

/** A tensor of a checkpoint. float32, in C order. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a parameter is taken from. `rows` counts the first axis after `transpose`. */
export interface FoundSource extends Omit<ParameterSource, 'names'> {
  readonly name: string;
}

/** A parameter or a buffer that a graph declares. */
export type Declared = ParameterInfo | BufferInfo;

/** Names that the tensor of a parameter may have, in order of preference. */
export function sourceNames(
  parameter: string,
  { sources }: Pick<ConfiguredArchitecture, 'sources'>,
): readonly string[] {
  return sources?.(parameter)?.names ?? [parameter];
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
  if (!hasRows(shape, rows)) throw new Error(`has no rows ${from} to ${to}, only ${shape[0]}`);
  return { shape: [to - from, ...shape.slice(1)], data: data.subarray(from * width, to * width) };
}

const hasRows = (shape: readonly number[], { from, to }: NonNullable<FoundSource['rows']>) =>
  from >= 0 && from < to && to <= shape[0];

/** [m, n] -> [n, m], copied. */
function transposed({ shape, data }: StoredTensor): StoredTensor {
  const [rows, columns] = shape;
  if (shape.length !== 2) throw new Error(`is [${shape.join(', ')}], and only a matrix can be transposed`);
  const turned = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) turned[c * rows + r] = data[r * columns + c];
  return { shape: [columns, rows], data: turned };
}

/** Does `takeSource` of a tensor of that shape give `shape`? */
function gives(stored: readonly number[], { transpose, rows }: FoundSource, shape: readonly number[]): boolean {
  const turned = transpose ? [...stored].reverse() : stored;
  if (rows && !hasRows(turned, rows)) return false;
  return (rows ? [rows.to - rows.from, ...turned.slice(1)] : turned).join() === shape.join();
}

export interface BoundWeights {
  readonly values: ReadonlyMap<string, ConstantData>;
  /** Files that values point into. */
  readonly externalData: NonNullable<SessionOptions['externalData']>;
}

export interface BindOptions {
  /** `config.json`, which asks for the shapes; for messages. */
  readonly where: string;
  /** Leave float32 weights in their file, for the runtime to map. Default false: all are read. */
  readonly external?: boolean;
}

/** Does the checkpoint have all of these? */
export function hasAll(
  declared: readonly Declared[],
  configured: ConfiguredArchitecture,
  checkpoint: Checkpoint,
): boolean {
  return declared.every(({ name }) => findSource(name, configured, checkpoint.has) !== undefined);
}

/** Values for what a graph declares. Throws, naming the checkpoint's file and the tensor, where one is missing or has another shape. */
export async function bindWeights(
  declared: readonly Declared[],
  configured: ConfiguredArchitecture,
  checkpoint: Checkpoint,
  { where, external = false }: BindOptions,
): Promise<BoundWeights> {
  const file = checkpoint.files[0];
  const found = declared.map(({ name, shape }) => {
    const source = findSource(name, configured, checkpoint.has);
    if (!source) throw new Error(`${file}: tensor '${name}' is missing, which ${where} asks for`);
    const stored = checkpoint.entry(source.name).shape;
    if (!gives(stored, source, shape))
      throw new Error(
        `${file}: '${source.name}' is [${stored.join(', ')}], ${where} asks for [${shape.join(', ')}]${describeCut(source)}`,
      );
    return { name, source, stored };
  });
  const values = new Map<string, ConstantData>();
  const files = new Map<string, string>();
  for (const { name, source, stored } of found) {
    const mapped = external && !source.transpose ? checkpoint.external(source.name) : undefined;
    if (mapped) {
      files.set(mapped.location, mapped.path);
      values.set(name, { location: mapped.location, ...byteRange(mapped, stored, source.rows) });
    } else {
      const data = await checkpoint.read(source.name);
      values.set(name, takeSource({ shape: stored, data }, source).data);
    }
  }
  return { values, externalData: [...files].map(([path, data]) => ({ path, data })) };
}

const describeCut = ({ transpose, rows }: FoundSource) =>
  `${transpose ? ' of it transposed' : ''}${rows ? ` as its rows ${rows.from} to ${rows.to}` : ''}`;

/** Bytes of a tensor's rows within its file. */
function byteRange(
  { offset, length }: { offset: number; length: number },
  shape: readonly number[],
  rows: FoundSource['rows'],
): { offset: number; length: number } {
  if (!rows) return { offset, length };
  const perRow = length / shape[0];
  return { offset: offset + rows.from * perRow, length: (rows.to - rows.from) * perRow };
}
