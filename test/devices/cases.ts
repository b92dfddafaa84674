/**
 * What a device must compute as the CPU does, as numbers that can be compared: hidden states of every architecture, gradients of training steps,
 * probes and searches, diagnostics. Small enough for a GPU that is made of software.
 */
import { type Architecture, barcodeCnn, chipCnn, resNet } from '../../baselines/networks/architectures.ts';
import { createRandom } from '../../src/core/random.ts';
import { measure } from '../../src/diagnostics/model-diagnostics.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { engine } from '../../src/index.ts';
import type { Pooling } from '../../src/models/model.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { softmaxCrossEntropy } from '../../src/onnx/layers/losses.ts';
import { causalMasking, drawMasking, feedsOf, type Objective } from '../../src/pretraining/masking.ts';
import { PRESETS } from '../../src/pretraining/presets.ts';
import { trainingGraph } from '../../src/pretraining/pretrain.ts';
import { kmerVocabulary } from '../../src/pretraining/training-tokenizers.ts';
import { openLogisticSolver } from '../../src/probes/linear/logistic.ts';
import { openNeighbourSearch } from '../../src/probes/neighbours/knn.ts';
import type { Compute, Feeds, Network } from '../../src/runtime/training/network.ts';
import { initialState } from '../../src/runtime/training/network.ts';
import { compileTrainingStep } from '../../src/runtime/training/training-step.ts';
import { CHECKPOINTS, checkpointFolder } from '../models/checkpoint-folders.ts';

export interface DeviceCase {
  readonly group: 'float32' | 'float16' | 'training' | 'probe' | 'diagnostics';
  readonly name: string;
  /** Largest difference from the CPU, relative to the CPU's largest number. */
  readonly tolerance: number;
  /** Numbers that depend on nothing but the device. */
  values(compute: Compute): Promise<ArrayLike<number>>;
}

const SEQUENCES = ['ACGTACGTAC', 'ACTTTGA', 'GGATTACAGG', 'GATT', 'TTAACCGGT'];
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'first'];

const embeddings = (name: string, group: 'float32' | 'float16', tolerance: number): DeviceCase => ({
  group,
  name,
  tolerance,
  async values(compute) {
    const model = await loadModelFolder(checkpointFolder(name));
    // On the CPU, what float16 is compared with is float32.
    const precision = compute.device === 'cpu' ? 'float32' : group;
    const encoder = encoderOf(model, compute, { precision });
    const layers = Array.from({ length: model.layers + 1 }, (_, layer) => layer);
    const asked = layers.flatMap((layer) => POOLINGS.map((pooling) => ({ layer, pooling })));
    const matrices = await encoder.embed(SEQUENCES, asked);
    await encoder.dispose();
    return matrices.flatMap(({ values }) => Array.from(values));
  },
});

/** The gradient of one step: what plain descent at rate 1 takes away. */
const gradient = (name: string, network: () => Promise<Network>, feeds: () => Feeds): DeviceCase => ({
  group: 'training',
  name,
  tolerance: 1e-3,
  async values(compute) {
    const built = await network();
    const { state } = initialState(built, 1);
    const before = state.parameters.slice();
    const step = await compileTrainingStep(built, { kind: 'sgd' }, 1, compute);
    await step.run(state, [new Float32Array(before.length)], feeds(), 1, 0);
    await step.dispose();
    return before.map((value, i) => value - state.parameters[i]);
  },
});

const CNN = { rows: 12, length: 96, classes: 3 };
const cnnNetwork =
  (name: string, { channels, logits }: Architecture) =>
  async (): Promise<Network> => {
    const own = await engine();
    return {
      label: name,
      build(graph, mode) {
        const x = graph.input('x', 'float32', ['rows', channels, CNN.length]);
        const [y, weights] = [graph.input('y', 'int64', ['rows']), graph.input('weights', 'float32', ['rows'])];
        return {
          loss: softmaxCrossEntropy(logits(x, { engine: own, mode, outputs: CNN.classes }), y, weights),
        };
      },
    };
  };
const cnnFeeds = (channels: number) => (): Feeds => {
  const { rows, length, classes } = CNN;
  const random = createRandom('device');
  const x = new Float32Array(rows * channels * length);
  for (let row = 0; row < rows; row++)
    for (let t = 0; t < length; t++) x[(row * channels + random.integer(4)) * length + t] = 1;
  const y = BigInt64Array.from({ length: rows }, (_, row) => BigInt(row % classes));
  return {
    x: { type: 'float32', data: x, dims: [rows, channels, length] },
    y: { type: 'int64', data: y, dims: [rows] },
    weights: { type: 'float32', data: new Float32Array(rows).fill(1), dims: [rows] },
  };
};
const cnn = (name: string, architecture: Architecture) =>
  gradient(name, cnnNetwork(name, architecture), cnnFeeds(architecture.channels));

const pretraining = (objective: Objective): DeviceCase => {
  const shape = { k: 3, hidden: 32, layers: 2, heads: 4, feedForward: 64, length: 60, reference: undefined };
  const decoder = objective.startsWith('mae') ? { decoderLayers: 1 } : { decoderLayers: undefined };
  const config = { ...PRESETS['barcodemae-6-6-6'], ...decoder, ...shape, objective };
  const feeds = (): Feeds => {
    const random = createRandom('device');
    const vocabulary = kmerVocabulary(config.k);
    const [rows, tokens] = [6, config.length / config.k];
    const ids = Int32Array.from({ length: rows * tokens }, () => vocabulary.idOf(random.integer(vocabulary.classes)));
    const batch = { ids, mask: new Uint8Array(rows * tokens).fill(1), rows, tokens, vocabulary };
    return feedsOf(
      batch,
      objective === 'causal' ? causalMasking(batch) : drawMasking(batch, config, () => random),
      config,
      true,
    );
  };
  return gradient(
    `${objective}, dropout 0.1`,
    async () => ({ label: objective, build: (graph, mode) => trainingGraph(graph, config, mode) }),
    feeds,
  );
};

const matrix = (rows: number, columns: number, seed: string) => {
  const random = createRandom(seed);
  return { rows, columns, values: Float32Array.from({ length: rows * columns }, () => random.normal()) };
};

const PROBES: readonly DeviceCase[] = [
  {
    group: 'probe',
    name: 'logistic regression, optimum',
    tolerance: 1e-3,
    async values(compute) {
      const features = matrix(200, 24, 'device');
      const labels = Int32Array.from({ length: 200 }, (_, row) => (features.values[row * 24] > 0 ? 1 : row % 3));
      const solver = await openLogisticSolver({ features, labels, columns: 3, link: 'softmax' }, compute);
      const { parameters } = await solver.solve(1);
      await solver.dispose();
      return parameters;
    },
  },
  {
    group: 'probe',
    name: 'nearest neighbours, cosine',
    tolerance: 0,
    async values(compute) {
      const search = await openNeighbourSearch(matrix(300, 16, 'train'), 'cosine', compute);
      const indices = await search.nearest(matrix(40, 16, 'queries'), 5);
      await search.dispose();
      return indices;
    },
  },
];

const DIAGNOSTICS: readonly DeviceCase[] = ['bert', 'gpt2'].map((name) => ({
  group: 'diagnostics',
  name: `${name}: entropy, KL, Fisher share`,
  tolerance: 1e-3,
  async values(compute) {
    const model = await loadModelFolder(checkpointFolder(name));
    const measured = await measure(model as Parameters<typeof measure>[0], SEQUENCES, { compute, seed: 1 });
    return numbersIn(measured);
  },
}));

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(numbersIn) : [];
}

export const DEVICE_CASES: readonly DeviceCase[] = [
  ...CHECKPOINTS.map((name) => embeddings(name, 'float32', 1e-4)),
  ...CHECKPOINTS.map((name) => embeddings(name, 'float16', 2e-2)),
  cnn('one-hot chip_cnn', chipCnn([8, 8, 8], 16)),
  cnn('one-hot ResNet', resNet([8, 8], [16, 16])),
  cnn('barcode CNN', barcodeCnn([8, 8, 4], 16)),
  ...(['masked-lm', 'barcodebert', 'mae-v2', 'mae-v1', 'causal'] as const).map(pretraining),
  ...PROBES,
  ...DIAGNOSTICS,
];

/** For child processes (`runtime/jobs/job.ts`), which a driver may take down with it. */
export async function valuesOfCase({ at, compute }: { readonly at: number; readonly compute: Compute }) {
  return Array.from(await DEVICE_CASES[at].values(compute));
}
