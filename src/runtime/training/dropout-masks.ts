/**
 * Dropout masks of a training step, as its inputs: windows of one long bank of independent masks per rate. A pure function of (seed,
 * step) and of the layer's place; not of how a batch is cut into parts, nor of how the masks are fed (`onnx/layers/dropout.ts`).
 */

import { createRandom } from '../../core/random.ts';
import type { Dim, Graph } from '../../onnx/graph.ts';
import type { DropoutSource } from '../../onnx/layers/dropout.ts';
import type { TensorValue } from '../session.ts';
import { type Feeds, vector } from './network.ts';

/** Windows begin below this: banks are longer by it than the largest layer. */
const OFFSETS = 2 ** 20;

export interface DropoutMasks {
  /**
   * Masks of `step` for the rows [from, to) of the batch that `feeds` are.
   * @param graph in which `source` drew its masks: names the symbolic dimensions.
   */
  feeds(source: DropoutSource, graph: Graph, feeds: Feeds, step: number, from: number, to: number): Feeds;
}

/** @param label names the network in errors. */
export function dropoutMasks(seed: number | string, label: string): DropoutMasks {
  const banks = new Map<number, Float32Array>();
  const bankOf = (rate: number, length: number): Float32Array => {
    let bank = banks.get(rate);
    if (!bank || bank.length < length) {
      bank = maskBank(rate, Math.ceil(length / 2 ** 16) * 2 ** 16, seed);
      banks.set(rate, bank);
    }
    return bank;
  };
  return {
    feeds(source, graph, feeds, step, from, to) {
      if (source.layers.length === 0) return {};
      const rows = feeds.weights.dims[0];
      const random = createRandom(`dropout:${seed}:${step}`);
      const windows = source.layers.map(({ rate, shape }) => {
        const dims = shape.map((dim) => sizeOf(dim, shape, graph, feeds, label)); // of the whole batch
        const size = dims.reduce((product, dim) => product * dim, 1);
        const start = random.integer(OFFSETS) + from * (size / rows);
        return { rate, dims, size, start };
      });
      const longest = Math.max(...windows.map(({ size }) => size)) + OFFSETS;
      if (source.feeding === 'windows') {
        const share = (to - from) / rows;
        const mask = ({ rate, dims: [first, ...rest], size, start }: (typeof windows)[number]): TensorValue => ({
          type: 'float32',
          data: bankOf(rate, longest).subarray(start, start + size * share),
          dims: [first * share, ...rest],
        });
        return Object.fromEntries(windows.map((window, i) => [`dropout:layer:${i}`, mask(window)]));
      }
      const rates = new Set(source.layers.map(({ rate }) => rate));
      const starts = BigInt64Array.from(windows, ({ start }) => BigInt(start));
      return {
        ...Object.fromEntries([...rates].map((rate) => [`dropout:${rate}`, vector(bankOf(rate, longest))])),
        'dropout:offsets': { type: 'int64', data: starts, dims: [starts.length] },
      };
    },
  };
}

/** Run-time size of a dimension that is a number, the size of an input's axis, or a product of such, once `feeds` are given. */
function sizeOf(dim: Dim, shape: readonly Dim[], graph: Graph, feeds: Feeds, label: string): number {
  const size = (symbol: string): number => {
    if (/^\d+$/.test(symbol)) return Number(symbol);
    for (const input of graph.inputs) {
      const axis = input.shape.indexOf(symbol);
      if (axis >= 0 && feeds[input.name]) return feeds[input.name].dims[axis];
    }
    throw new Error(
      `${label}: dropout on [${shape.join(', ')}], where '${symbol}' is the size of no input, so its mask can't be drawn ahead; give that axis a fixed length`,
    );
  };
  return String(dim)
    .split('*')
    .map(size)
    .reduce((product, factor) => product * factor, 1);
}

function maskBank(rate: number, length: number, seed: number | string): Float32Array {
  const random = createRandom(`bank:${seed}:${rate}`);
  const kept = 1 / (1 - rate);
  const bank = new Float32Array(length);
  for (let i = 0; i < length; i++) bank[i] = random.next() < rate ? 0 : kept;
  return bank;
}
