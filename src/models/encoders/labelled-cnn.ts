/**
 * The barcode papers' one-hot CNN (`barcode-cnn.ts`) trained on labelled sequences and frozen as an
 * encoder: the vector of a sequence is the 500 features before the tanh. Published recipe: Adam
 * 1e-3, batches of 128, 20 epochs, cross-entropy, last epoch kept.
 *
 * As in the papers' code, letters after the 660th are cut off and positions after the end are zero
 * in all five channels; the fifth channel is for letters that are not bases. Equal barcodes with
 * one label count once, as in the papers' data.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFolderAtomic } from '../../core/atomic-file.ts';
import { hashJson, sha256, writeFileAtomic } from '../../core/files.ts';
import type { Graph, Tensor } from '../../onnx/graph.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';
import { softmaxCrossEntropy } from '../../onnx/layers/losses.ts';
import { readSafetensors, writeSafetensors } from '../../runtime/arrays/safetensors.ts';
import {
  type Compute,
  compileForward,
  type Feeds,
  type Network,
  type NetworkState,
} from '../../runtime/training/network.ts';
import { runAll, type TrainingData, train } from '../../runtime/training/train.ts';
import { oneHot } from '../../sequences/encoding.ts';
import type { Encoder, ModelContext } from '../model.ts';
import { barcodeCnnFeatures, barcodeCnnLogits } from './barcode-cnn.ts';

export interface CnnEncoderOptions {
  /** Filters of the three convolutions, and features. */
  readonly widths: readonly number[];
  readonly hidden: number;
  /** Number of letters read; longer sequences are cut. */
  readonly length: number;
  readonly learningRate: number;
  readonly batchSize: number;
  readonly epochs: number;
}

/** Sequences per run of the frozen network. */
const SEQUENCES_PER_BATCH = 64;
const LETTERS = 5;

/** One-hot letters to features, and in training to the loss over `classes` labels. */
function cnnNetwork(options: CnnEncoderOptions, classes: number): Network {
  return {
    label: 'one-hot barcode CNN',
    build(graph: Graph, mode: Mode): Readonly<Record<string, Tensor>> {
      const x = graph.input('x', 'float32', ['rows', LETTERS, options.length]);
      const features = barcodeCnnFeatures(x, mode, options); // [rows, hidden]
      const logits = barcodeCnnLogits(features, classes); // [rows, classes]
      if (!mode.training) return { features, logits };
      const labels = graph.input('labels', 'int64', ['rows']);
      return {
        features,
        logits,
        loss: softmaxCrossEntropy(logits, labels, graph.input('weights', 'float32', ['rows'])),
      };
    },
  };
}

/** Batches of one-hot sequences, with their classes where known. */
function batches(
  sequences: readonly string[],
  { length }: CnnEncoderOptions,
  classes?: readonly number[],
): TrainingData {
  return {
    rows: sequences.length,
    feeds(rows): Feeds {
      const letters = Array.from(rows, (row) => sequences[row].slice(0, length));
      const data = oneHot(letters, length, { channels: LETTERS });
      const x = { type: 'float32', data, dims: [rows.length, LETTERS, length] } as const;
      if (!classes) return { x };
      const labels = BigInt64Array.from(rows, (row) => BigInt(classes[row]));
      return {
        x,
        labels: { type: 'int64', data: labels, dims: [rows.length] },
        weights: { type: 'float32', data: new Float32Array(rows.length).fill(1), dims: [rows.length] },
      };
    },
  };
}

export interface LabelledBarcodes {
  readonly sequences: readonly string[];
  /** One per sequence. */
  readonly labels: readonly string[];
}

/** Trained weights and their training record: plain JSON. */
export interface TrainedCnn {
  readonly state: NetworkState;
  /** Number of classes that it was trained with. */
  readonly labels: number;
  readonly card: Readonly<Record<string, unknown>>;
}

/** Trains the CNN. Throws when there are fewer than two labels. */
export async function trainBarcodeCnn(
  { sequences, labels }: LabelledBarcodes,
  options: CnnEncoderOptions,
  context: Pick<ModelContext, 'seed' | 'progress'> & Compute,
): Promise<TrainedCnn> {
  const names = [...new Set(labels)].sort();
  if (names.length < 2)
    throw new Error(`the one-hot CNN encoder needs training rows of two labels or more, not of ${names.length}`);
  const distinct = new Map(sequences.map((sequence, i) => [`${labels[i]} ${sequence}`, i]));
  const rows = [...distinct.values()].sort((a, b) => a - b);
  const places = new Map(names.map((name, i) => [name, i]));
  const data = batches(
    rows.map((row) => sequences[row]),
    options,
    rows.map((row) => places.get(labels[row]) as number),
  );
  const trained = await train(cnnNetwork(options, names.length), data, {
    device: context.device,
    threads: context.threads,
    seed: `barcode-cnn:${context.seed}`,
    optimiser: { kind: 'adam' },
    learningRate: options.learningRate,
    schedule: { kind: 'constant' },
    batchSize: options.batchSize,
    epochs: options.epochs,
    progress: context.progress,
  });
  await trained.dispose();
  const card = {
    parameters: trained.parameterCount,
    trainedWithLabels: true,
    labels: names.length,
    sequences: rows.length,
    cutsAfterNucleotides: options.length,
    epochs: trained.history.length,
    steps: trained.steps,
    trainLoss: trained.history.map(({ trainLoss }) => trainLoss),
  };
  return { state: trained.state, labels: names.length, card };
}

/**
 * The frozen CNN. Its only representation is layer 0 for every pooling: there are no tokens to
 * pool.
 */
export async function barcodeCnnEncoder(
  { state, labels, card }: TrainedCnn,
  options: CnnEncoderOptions,
  compute: Compute,
): Promise<Encoder> {
  const network = cnnNetwork(options, labels);
  const forward = await compileForward(network, ['features'], compute);
  const weights = [state.parameters, state.buffers].map((values) => sha256(values));
  return {
    dimension: options.hidden,
    layers: 0,
    fingerprint: hashJson({ encoder: 'one-hot barcode CNN', options, weights }),
    card,
    async embed(sequences, representations, progress) {
      const other = representations.find(({ layer }) => layer !== 0);
      if (other)
        throw new Error(`the one-hot CNN encoder has one representation, layer 0, and no layer ${other.layer}`);
      const values = await runAll(forward, state, batches(sequences, options), 'features', SEQUENCES_PER_BATCH);
      progress?.(1, `embedded ${sequences.length} sequences`);
      return representations.map(() => ({ rows: sequences.length, columns: options.hidden, values }));
    },
    dispose: () => forward.dispose(),
  };
}

/** Writes a folder with `model.safetensors` and `card.json`, completely or not at all. */
export async function saveBarcodeCnn(folder: string, { state, card }: TrainedCnn): Promise<void> {
  const vectors = Object.entries(state).map(([name, data]) => [name, { shape: [data.length], data }] as const);
  await writeFolderAtomic(folder, async (temporary) => {
    await writeSafetensors(join(temporary, 'model.safetensors'), new Map(vectors));
    await writeFileAtomic(join(temporary, 'card.json'), `${JSON.stringify(card, null, 2)}\n`);
  });
}

/** Reads the folder that {@link saveBarcodeCnn} wrote. */
export async function readBarcodeCnn(folder: string): Promise<TrainedCnn> {
  const { tensors } = await readSafetensors(join(folder, 'model.safetensors'), ['parameters', 'buffers']);
  const [parameters, buffers] = ['parameters', 'buffers'].map((name) => tensors.get(name)?.data as Float32Array);
  const file = join(folder, 'card.json');
  const card = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const labels = card?.labels;
  if (typeof labels !== 'number') throw new Error(`${file}: the number 'labels' is missing. Remove the folder`);
  return { state: { parameters, buffers }, labels, card };
}
