/** The long convolution against the sum that defines it, taken in double precision; its adjoint likewise. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { type Dim, Graph } from '../../../src/onnx/graph.ts';
import { longConvolution, longConvolutionBlock } from '../../../src/onnx/layers/long-convolution.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { floats, relativeError, runGraph } from '../helpers.ts';

const ROWS = 2;
const CHANNELS = 3;

function draw(size: number, seed: string): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: size }, () => 2 * random.next() - 1);
}

/** Calls `each` for all pairs of places that meet: output [row, channel, t], input [row, channel, s], filter [channel, t - s]. */
function meetings(tokens: number, each: (output: number, input: number, filter: number) => void): void {
  for (let row = 0; row < ROWS; row++)
    for (let channel = 0; channel < CHANNELS; channel++)
      for (let t = 0; t < tokens; t++)
        for (let s = 0; s <= t; s++) {
          const start = (row * CHANNELS + channel) * tokens;
          each(start + t, start + s, channel * tokens + t - s);
        }
}

async function run(tokens: number, block: number, length: Dim) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['rows', CHANNELS, length]);
  const filter = graph.input('filter', 'float32', [CHANNELS, length]);
  const seed = graph.input('seed', 'float32', ['rows', CHANNELS, length]);
  const y = longConvolution(x, filter, block);
  expect(y.shape).toEqual(['rows', CHANNELS, length]);
  graph.output('y', y);
  const [toX, toFilter] = gradients(op.reduceSum(op.multiply(y, seed)), [x, filter]);
  graph.output('toX', toX);
  graph.output('toFilter', toFilter);
  const signal = draw(ROWS * CHANNELS * tokens, 'x');
  const taps = draw(CHANNELS * tokens, 'filter');
  const weights = draw(ROWS * CHANNELS * tokens, 'seed');
  const dims = [ROWS, CHANNELS, tokens];
  const results = await runGraph(graph, {
    x: floats(signal, dims),
    filter: floats(taps, [CHANNELS, tokens]),
    seed: floats(weights, dims),
  });
  const expected = {
    y: new Float64Array(signal.length),
    toX: new Float64Array(signal.length),
    toFilter: new Float64Array(taps.length),
  };
  meetings(tokens, (output, input, tap) => {
    expected.y[output] += taps[tap] * signal[input];
    expected.toX[input] += taps[tap] * weights[output];
    expected.toFilter[tap] += signal[input] * weights[output];
  });
  return { results, expected };
}

describe('the long convolution', () => {
  // Shorter than a block, a whole block, a token more, several blocks; many rows of few columns and the other way round.
  it.each([
    [1, 8],
    [5, 8],
    [8, 8],
    [9, 8],
    [100, 8],
    [300, 4],
    [257, 128],
    [1000, 64],
  ])('of %i tokens in blocks of %i is the plain sum, and so are its gradients', async (tokens, block) => {
    for (const length of [tokens, 'tokens']) {
      const { results, expected } = await run(tokens, block, length);
      for (const which of ['y', 'toX', 'toFilter'] as const)
        expect(relativeError(results[which].data as Float32Array, expected[which]), which).toBeLessThan(5e-6);
    }
  });

  it('says what it needs', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['rows', 4, 'tokens']);
    expect(() => longConvolution(x, graph.input('filter', 'float32', [4, 7]), 8)).toThrow(
      'x [rows,4,tokens] and filter [4,7] must be [b, c, t] and [c, t]',
    );
    expect(() => longConvolution(x, graph.input('other', 'float32', [4, 'tokens']), 0)).toThrow('a block of 0');
  });

  it('takes the block that needs the fewest products, within bounds', () => {
    expect([24, 1026, 32770, 1_000_002].map(longConvolutionBlock)).toEqual([8, 64, 256, 512]);
  });
});
