/** Dropout (Srivastava et al. 2014), whose masks are inputs of the graph, and the mode that decides whether there is any. */
import type { Graph, Shape, Tensor } from '../graph.ts';
import * as op from '../operators/functions.ts';

/** Whether a network is being trained, and what training needs: batch statistics and dropout masks. */
export interface Mode {
  readonly training: boolean;
  readonly dropout?: DropoutSource;
}
export const INFERENCE: Mode = { training: false };

/** One dropout layer's mask: its rate, and its shape, the batch first. */
export interface DropoutLayer {
  readonly rate: number;
  readonly shape: Shape;
}

/**
 * Where dropout masks come from. For each rate there is one long bank of independent masks (0 or 1 / (1 - rate)), and every layer of every
 * step reads a window of it. So masks are a pure function of (seed, step, layer): the same on every device and after a resume. Windows of
 * different steps may overlap, shifted.
 *
 * `windows`: each layer's window is an input of its own, `dropout:layer:0`, `dropout:layer:1`, ...; on the CPU the bank's memory itself, without a
 * copy. `banks`: the banks are inputs, `dropout:0.1`, and the graph cuts the windows out, so that a device with memory of its own
 * gets one bank rather than a window for every layer. The masks are the same.
 */
export class DropoutSource {
  /** In the order the layers were built. */
  readonly layers: DropoutLayer[] = [];
  private readonly banks = new Map<number, Tensor>();
  private offsets: Tensor | undefined;

  constructor(
    private readonly graph: Graph,
    readonly feeding: 'windows' | 'banks' = 'windows',
  ) {}

  /** A mask of x's shape. */
  mask(x: Tensor, rate: number): Tensor {
    const layer = this.layers.push({ rate, shape: x.shape }) - 1;
    if (this.feeding === 'windows') return this.graph.input(`dropout:layer:${layer}`, 'float32', x.shape);
    let bank = this.banks.get(rate);
    if (!bank) {
      bank = this.graph.input(`dropout:${rate}`, 'float32', [`dropout:${rate}:length`]);
      this.banks.set(rate, bank);
    }
    this.offsets ??= this.graph.input('dropout:offsets', 'int64', ['dropout:layers']);
    const start = op.slice(this.offsets, 0, layer, layer + 1); // [1]
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
