/**
 * Dropout masks of a training step, as its inputs: for each rate one long bank of independent masks, and for each layer where its
 * window begins. A pure function of (seed, step) and of the layer's place; not of how a batch is cut into parts.
 */
import type { DropoutSource } from '../onnx/dropout.ts';
import type { Graph, Shape } from '../onnx/graph.ts';
import { createRandom } from '../random.ts';
import { type Feeds, vector } from './network.ts';
import type { TensorValue } from './session.ts';

/** Windows begin below this: banks are longer by it than the largest layer. */
const OFFSETS = 2 ** 20;

export interface DropoutMasks {
  /**
   * Banks long enough for the whole batch that `feeds` are, and the window starts of `step`, moved to the batch's row `from`.
   * @param graph in which `source` drew its masks: names the symbolic dimensions.
   */
  feeds(source: DropoutSource, graph: Graph, feeds: Feeds, step: number, from: number): Feeds;
}

/** @param label names the network in errors. */
export function dropoutMasks(seed: number | string, label: string): DropoutMasks {
  const banks = new Map<number, Float32Array>();
  return {
    feeds(source, graph, feeds, step, from) {
      if (source.layers === 0) return {};
      const rows = feeds.weights.dims[0];
      const sizes = source.shapes.map((shape) => elementsOf(shape, graph, feeds, label)); // of the whole batch
      const longest = Math.max(...sizes) + OFFSETS;
      const inputs: Record<string, TensorValue> = {};
      for (const rate of source.rates.keys()) {
        let bank = banks.get(rate);
        if (!bank || bank.length < longest) {
          bank = maskBank(rate, Math.ceil(longest / 2 ** 16) * 2 ** 16, seed);
          banks.set(rate, bank);
        }
        inputs[`dropout:${rate}`] = vector(bank);
      }
      const random = createRandom(`dropout:${seed}:${step}`);
      const offsets = sizes.map((size) => BigInt(random.integer(OFFSETS) + from * (size / rows)));
      inputs['dropout:offsets'] = { type: 'int64', data: BigInt64Array.from(offsets), dims: [offsets.length] };
      return inputs;
    },
  };
}

/** Elements of a tensor whose symbolic dimensions are those of inputs (or products of such) once `feeds` are given. */
function elementsOf(shape: Shape, graph: Graph, feeds: Feeds, label: string): number {
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
  return shape
    .flatMap((dim) => String(dim).split('*'))
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
