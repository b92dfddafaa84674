/** Arithmetic on shapes whose dimensions may be symbols. Results that can't be numbers become new symbols, named by their formula. */
import { type Dim, GraphError, type Shape } from './tensor-type.ts';

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

/** Splits a formula at a sign that stands outside of all parentheses. */
function splitOutside(formula: string, sign: '*' | '+'): string[] {
  const parts = [''];
  let depth = 0;
  for (const letter of formula) {
    if (letter === '(') depth += 1;
    if (letter === ')') depth -= 1;
    if (letter === sign && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

/** Numbers multiplied, symbols listed: a product as far as it is known. Sums among the factors stay whole. */
function factorise(dims: readonly Dim[]): { product: number; symbols: string[] } {
  let product = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    const text = String(dim);
    const factors = splitOutside(text, '+').length > 1 ? [text] : splitOutside(text, '*');
    for (const factor of factors) {
      if (/^-?\d+$/.test(factor)) product *= Number(factor);
      else symbols.push(/^\([^()]*\)$/.test(factor) ? factor.slice(1, -1) : factor);
    }
  }
  return { product, symbols: symbols.sort() };
}

export function multiply(dims: readonly Dim[]): Dim {
  const { product, symbols } = factorise(dims);
  if (symbols.length === 0 || product === 0) return product;
  if (product === 1 && symbols.length === 1) return symbols[0];
  const wrapped = symbols.map((symbol) => (splitOutside(symbol, '+').length > 1 ? `(${symbol})` : symbol));
  return [...(product === 1 ? [] : [product]), ...wrapped].join('*');
}

/** The dimension that -1 stands for in a reshape: the product of `input` over that of `others`, symbols cancelled by name. */
export function divide(input: Shape, others: readonly Dim[]): Dim {
  const from = factorise(input);
  const to = factorise(others);
  const unknown = `quotient(${multiply(input)},${multiply(others)})`;
  for (const symbol of to.symbols) {
    const at = from.symbols.indexOf(symbol);
    if (at < 0) return unknown;
    from.symbols.splice(at, 1);
  }
  const ratio = from.product / to.product;
  if (Number.isInteger(ratio)) return multiply([ratio, ...from.symbols]);
  if (from.symbols.length > 0) return unknown;
  throw new GraphError(`can't reshape [${input}]: ${from.product} elements don't divide by ${to.product}`);
}

export function addDims(dims: readonly Dim[]): Dim {
  let sum = 0;
  const symbols: string[] = [];
  // Sums of earlier calls are taken apart, so that what was added and then cut off cancels.
  for (const term of dims.flatMap((dim) => splitOutside(String(dim), '+'))) {
    if (/^-?\d+$/.test(term)) sum += Number(term);
    else symbols.push(term);
  }
  if (symbols.length === 0) return sum;
  return [...symbols.sort(), ...(sum === 0 ? [] : [sum])].join('+');
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

/** Size of a tensor's last axis, which must be a number. `what` is named in the error. */
export function lastAxis({ name, shape }: { readonly name: string; readonly shape: Shape }, what: string): number {
  const width = shape[shape.length - 1];
  if (typeof width !== 'number') throw new GraphError(`'${what}': the last axis of '${name}' must be a number`);
  return width;
}
