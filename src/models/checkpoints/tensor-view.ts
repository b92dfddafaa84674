/**
 * Tensors in torch's representation: a block of values (storage) and a view on it (first element,
 * shape, strides, all in elements). Views are checked before anything is read: they must be inside
 * their storage and must not be larger than it.
 */
import { BYTES_PER_ELEMENT, type StoredType } from '../../runtime/arrays/float-values.ts';
import { CheckpointError } from './stored-file.ts';

/** Axes that torch allows a tensor. */
const MAX_RANK = 64;

/**
 * A block of `elements` values and its key in the file; the file format determines the location of
 * the bytes.
 */
export class TorchStorage {
  constructor(
    readonly type: StoredType,
    readonly key: string,
    readonly elements: number,
    /**
     * First element within the block stored under `key`: legacy files have storages inside
     * storages.
     */
    readonly start = 0,
  ) {}
}

export class TensorView {
  /** Values of the tensor. */
  readonly size: number;
  /** Elements of the storage from the first to the last that the view reads, inclusive. */
  readonly span: number;
  readonly contiguous: boolean;

  /**
   * Throws {@link CheckpointError}, with a message that starts with `where`, for an invalid view.
   */
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    where: string,
  ) {
    const fail = (what: string): never => {
      const text = `offset ${offset}, shape [${shape.join(', ')}], strides [${strides.join(', ')}]`;
      throw new CheckpointError(`${where}: a tensor (${text}) on ${storage.elements} stored values ${what}.`);
    };
    if (shape.length > MAX_RANK) throw new CheckpointError(`${where}: a tensor of ${shape.length} axes.`);
    if (shape.length !== strides.length) fail('has not one stride per axis');
    if (![offset, ...shape, ...strides].every((value) => Number.isSafeInteger(value) && value >= 0))
      fail('has a size that is negative or not a whole number');
    this.size = shape.includes(0) ? 0 : shape.reduce((product, length) => product * length, 1);
    // Both sums overflow to a float that is too large, never to a small number.
    this.span = this.size === 0 ? 0 : 1 + shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis], 0);
    if (this.size > storage.elements)
      fail('repeats values (an expanded view); save it with .contiguous(), or the file is damaged');
    if (offset + this.span > storage.elements) fail('reaches outside them');
    this.contiguous = isContiguous(shape, strides);
  }

  /** The same for two views of the same values. */
  get identity(): string {
    const { type, key, start } = this.storage;
    return JSON.stringify([type, key, start + this.offset, this.shape, this.contiguous ? 'contiguous' : this.strides]);
  }

  /** Byte range of the span within the bytes stored under its storage's key. */
  get byteRange(): { offset: number; length: number } {
    const width = BYTES_PER_ELEMENT[this.storage.type];
    return { offset: (this.storage.start + this.offset) * width, length: this.span * width };
  }
}

/** Row-major without gaps. The strides of axes of length 1 are not used. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true;
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** The values of a view in row-major order, copied from its span. */
export function gather(span: Float32Array, { size, shape, strides }: TensorView): Float32Array {
  const values = new Float32Array(size);
  const index = new Array<number>(shape.length).fill(0);
  const last = shape.length - 1;
  let from = 0;
  for (let to = 0; to < size; ) {
    for (let i = 0; i < shape[last]; i++) values[to++] = span[from + i * strides[last]];
    // Counts over all axes except the last, with the last of them fastest.
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      from += strides[axis];
      index[axis] += 1;
      if (index[axis] < shape[axis]) break;
      from -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return values;
}
