import { describe, expect, it } from 'vitest';
import {
  type Architecture,
  barcodeCnn,
  chipCnn,
  genomicBenchmarksCnn,
  repCnn,
  resNet,
} from '../../baselines/networks/architectures.ts';
import { engine as loadEngine } from '../../src/index.ts';
import { Graph } from '../../src/onnx/graph.ts';
import type { TypedArray } from '../../src/onnx/tensor-type.ts';
import {
  expectClose,
  floats,
  type GoldenTensor,
  type GoldenTensors,
  readGolden,
  runGraph,
  typed,
} from '../onnx/helpers.ts';

interface NetworkCase {
  readonly name: string;
  readonly network: string;
  readonly settings: {
    readonly outputs: number;
    readonly widths: number[];
    readonly dense: number | number[];
    readonly embedding: number;
    readonly epsilon: number;
  };
  readonly inputs: GoldenTensors;
  readonly parameters: GoldenTensors;
  readonly runningStatistics: GoldenTensors;
  readonly logits: GoldenTensor;
  readonly evaluationLogits: GoldenTensor;
}

const cases = readGolden<NetworkCase[]>('networks.golden.json');
const engine = await loadEngine();

/** The golden's network at its widths, and its input as [rows, channels, length]. */
const BUILDERS: Record<string, (golden: NetworkCase) => { architecture: Architecture; x: GoldenTensor }> = {
  chipCnn: ({ settings, inputs }) => ({
    architecture: chipCnn(settings.widths, Number(settings.dense)),
    x: inputs.input,
  }),
  resNet: ({ settings, inputs }) => ({
    architecture: resNet(settings.widths, settings.dense as number[]),
    x: inputs.input,
  }),
  barcodeCnn({ settings, inputs }) {
    const [rows, , length, letters] = inputs.input.shape; // [rows, 1, length, letters]
    const { data } = inputs.input;
    const turned = data.map((_, i) => {
      const [row, letter, t] = [Math.floor(i / (letters * length)), Math.floor(i / length) % letters, i % length];
      return data[(row * length + t) * letters + letter];
    });
    const x: GoldenTensor = { shape: [rows, letters, length], dtype: 'float32', data: turned };
    return { architecture: barcodeCnn(settings.widths, settings.embedding), x };
  },
  genomicBenchmarksCnn({ settings, inputs }) {
    const [rows, length] = inputs.input.shape; // tokens
    const data = new Array<number>(rows * 5 * length).fill(0);
    inputs.input.data.forEach((token, i) => {
      data[(Math.floor(i / length) * 5 + token) * length + (i % length)] = 1;
    });
    const architecture = genomicBenchmarksCnn(settings.widths, settings.embedding, Number(settings.dense));
    return { architecture, x: { shape: [rows, 5, length], dtype: 'float32', data } };
  },
};

/** Weights by our names; an embedding table [letters, width] is a kernel [width, letters, 1] here. */
function weightsOf({ parameters, runningStatistics }: NetworkCase): Record<string, TypedArray> {
  return Object.fromEntries(
    Object.entries({ ...parameters, ...runningStatistics }).map(([name, tensor]) => {
      if (name !== 'embeddings.weight') return [name, typed(tensor)];
      const [letters, width] = tensor.shape;
      const kernel = Float32Array.from(
        tensor.data,
        (_, i) => tensor.data[(i % letters) * width + Math.floor(i / letters)],
      );
      return [name, kernel];
    }),
  );
}

async function logitsOf(golden: NetworkCase, training: boolean) {
  const { architecture, x } = BUILDERS[golden.network](golden);
  const graph = new Graph();
  const input = graph.input('x', 'float32', ['rows', ...x.shape.slice(1)]);
  const build = { engine, mode: { training }, outputs: golden.settings.outputs };
  graph.output('logits', architecture.logits(input, build));
  return (await runGraph(graph, { x: floats(x.data, x.shape) }, weightsOf(golden))).logits;
}

describe('the architectures compute what the PyTorch networks of the same widths compute', () => {
  // Goldens with Keras' epsilon judge the engine, not these networks.
  const fitting = cases.filter(({ network, settings }) => network in BUILDERS && settings.epsilon === 1e-5);
  it.each(fitting)('$name', async (golden) => {
    expectClose(await logitsOf(golden, true), golden.logits, 'training');
    expectClose(await logitsOf(golden, false), golden.evaluationLogits, 'evaluation');
  });
});

describe('at their full widths', () => {
  const parametersAt = (architecture: Architecture, length: number): number => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['rows', architecture.channels, length]);
    const logits = architecture.logits(x, { engine, mode: { training: false }, outputs: 3 });
    expect(logits.shape).toEqual(['rows', 3]);
    return [...graph.parameters.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  };

  // Counted by hand from the sources' layer lists, for four letters (five where stated), 660 positions and three outputs.
  it.each([
    // conv 64*4*7+64, 96*64*5+96, 128*96*5+128; BN 2*(64+96+128+256); dense 128*20*256+256; head 256*3+3
    ['chip_cnn', chipCnn(), 1856 + 30816 + 61568 + 1088 + 655616 + 771],
    // five letters: conv 64*3+64, 32*64*3+32, 16*32*3+16; BN 2*(64+32+16+1920); 1920*500+500; 500*3+3
    ['barcode CNN', barcodeCnn(), 256 + 6176 + 1552 + 4064 + 960500 + 1503],
    // embedding 5*100; conv 16*100*8+16, 8*16*8+8, 4*8*8+4; BN 2*28; lengths 660 326 159 76; 304*512+512; 512*3+3
    ['Genomic Benchmarks CNN', genomicBenchmarksCnn(), 500 + 12816 + 1032 + 260 + 56 + 156160 + 1539],
  ])('%s has the number of weights that its source has', (_, architecture, expected) => {
    expect(parametersAt(architecture, 660)).toBe(expected);
  });

  it.each([1, 2, 7, 20, 41, 60])(
    'all take sequences of %i letters: pools stop when the length is exhausted',
    (length) => {
      for (const architecture of [chipCnn(), resNet(), barcodeCnn(), genomicBenchmarksCnn(), repCnn()])
        expect(parametersAt(architecture, length)).toBeGreaterThan(0);
    },
  );
});
