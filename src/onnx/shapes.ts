/** Arithmetic on shapes whose dimensions may be symbols. Results that can't be numbers become new symbols, named by their formula. */
import { type Dim, GraphError, type Shape } from './types.ts';

/** Numpy broadcasting. A number against a symbol, or two symbols, are taken to be equal at run time unless one is 1. */
export function broadcast(...shapes: readonly Shape[]): Dim[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let dim: Dim = 1;
    for (const shape of shapes) {
      const candidate = shape[axis - (rank - shape.length)];
      if (candidate === undefined || candidate === 1) continue;
      if (dim === 1) dim = candidate;
      else if (typeof dim === 'number' && typeof candidate === 'number' && dim !== candidate)
        throw new GraphError(`shapes ${shapes.map((s) => `[${s}]`).join(' and ')} don't broadcast`);
      else if (typeof candidate === 'number') dim = candidate;
    }
    result.push(dim);
  }
  return result;
}

export function axisOf(axis: number, rank: number, what: string): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= Math.max(rank, 1))
    throw new GraphError(`${what}: axis ${axis} is outside rank ${rank}`);
  return resolved;
}

export function multiply(dims: readonly Dim[]): Dim {
  let product = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    if (typeof dim === 'number') product *= dim;
    else symbols.push(dim);
  }
  if (symbols.length === 0 || product === 0) return product;
  return product === 1 && symbols.length === 1
    ? symbols[0]
    : [...(product === 1 ? [] : [product]), ...symbols].join('*');
}

export function addDims(dims: readonly Dim[]): Dim {
  let sum = 0;
  const symbols: string[] = [];
  for (const dim of dims) {
    if (typeof dim === 'number') sum += dim;
    else symbols.push(dim);
  }
  if (symbols.length === 0) return sum;
  return sum === 0 && symbols.length === 1 ? symbols[0] : [...symbols, ...(sum === 0 ? [] : [sum])].join('+');
}

/** floor or ceil((length + padding - (dilation * (kernel - 1) + 1)) / stride) + 1 of a convolution or pooling. */
export function windowOutput(
  length: Dim,
  window: { kernel: number; stride: number; dilation: number; before: number; after: number; ceil?: boolean },
): Dim {
  const reach = window.dilation * (window.kernel - 1) + 1;
  const padding = window.before + window.after;
  if (typeof length === 'string') {
    if (window.stride === 1) return addDims([length, padding - reach + 1]);
    return `windows(${length},k${reach},s${window.stride},p${padding}${window.ceil ? ',ceil' : ''})`;
  }
  const span = (length + padding - reach) / window.stride;
  let output = (window.ceil ? Math.ceil(span) : Math.floor(span)) + 1;
  // A last window that would start beyond the input and its left padding is dropped, as PyTorch and ONNX do.
  if (window.ceil && (output - 1) * window.stride >= length + window.before) output -= 1;
  if (output < 1)
    throw new GraphError(`a window of ${reach} with stride ${window.stride} does not fit a length of ${length}`);
  return output;
}

export function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
