/** Dropout (Srivastava et al. 2014), whose masks are inputs of the graph, and the mode that decides whether there is any. */
import type { Graph, Shape, Tensor } from './graph.ts';
import * as op from './ops.ts';

/** Whether a network is being trained, and what training needs: batch statistics and dropout masks. */
export interface Mode {
  readonly training: boolean;
  readonly dropout?: DropoutSource;
}
export const INFERENCE: Mode = { training: false };

/**
 * Where dropout masks come from. For each rate one long bank of independent masks (0 or 1 / (1 - rate)) is fed or bound, and every
 * layer of every step reads a window of it at an offset fed at run time. So masks are a pure function of (seed, step, layer): the
 * same on every device, after a resume, and at the price of a copy. Windows of different steps may overlap, shifted.
 */
export class DropoutSource {
  readonly rates = new Map<number, Tensor>();
  /** One window start per dropout layer, in the order the layers were built. */
  readonly offsets: Tensor;
  layers = 0;
  /** Shape of each layer's mask, the batch first. */
  readonly shapes: Shape[] = [];

  constructor(private readonly graph: Graph) {
    this.offsets = graph.input('dropout:offsets', 'int64', ['dropout:layers']);
  }

  /** A mask of x's shape. */
  mask(x: Tensor, rate: number): Tensor {
    let bank = this.rates.get(rate);
    if (!bank) {
      bank = this.graph.input(`dropout:${rate}`, 'float32', [`dropout:${rate}:length`]);
      this.rates.set(rate, bank);
    }
    const start = op.slice(this.offsets, 0, this.layers, this.layers + 1); // [1]
    this.layers += 1;
    this.shapes.push(x.shape);
    const size = op.reshape(this.graph.node('Size', [x])[0], [1]);
    const inputs = [bank, start, op.add(start, size), this.graph.integers([0])];
    const total = x.shape.every((dim) => typeof dim === 'number')
      ? x.shape.reduce<number>((product, dim) => product * Number(dim), 1)
      : x.shape.join('*');
    const window = this.graph.node('Slice', inputs, {}, { inferred: [{ dtype: 'float32', shape: [total] }] })[0];
    return op.reshapeLike(window, x);
  }
}

/** Zeroes a share `rate` of the values and scales the rest by 1 / (1 - rate); the identity at inference. */
export function dropout(x: Tensor, rate: number, mode: Mode): Tensor {
  if (!mode.training || rate === 0 || !mode.dropout) return x;
  return op.multiply(x, mode.dropout.mask(x, rate));
}
