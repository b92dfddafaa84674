/**
 * The public API: what a plugin (task, baseline, model, suite) is declared with and built from, and `run`, which the command
 * line itself is a thin layer over. Importing it starts no engine: whatever is heavy is loaded when it is first used.
 */
import './runtime/telemetry.ts';

export * from './harness/contracts.ts';
export { UsageError } from './harness/errors.ts';
export type { Result, RunManifest, TaskRecord } from './harness/result.ts';
export type { RunOptions, RunSummary } from './harness/run.ts';
export type { RunEvent } from './harness/run-types.ts';
export { metric, metricsFor } from './metrics/registry.ts';
export * from './metrics/types.ts';
export type { Architecture, ConfiguredArchitecture } from './models/architectures/types.ts';
export * from './models/types.ts';
export type { Mode } from './onnx/dropout.ts';
export type { Graph, Tensor } from './onnx/graph.ts';
export * from './probes/types.ts';
export { createRandom, type Random } from './random.ts';
export type { Device } from './runtime/device.ts';
export type { Feeds, Network } from './runtime/network.ts';
export type { RestartedNetwork, RestartOptions, RestartRecord } from './runtime/restarts.ts';
export type { TrainedNetwork, TrainingData, TrainOptions } from './runtime/train.ts';
export { ALIGNMENT_SCORES } from './sequences/alignment.ts';
export {
  ALIGNMENT_SEARCH_DEFAULTS,
  type AlignmentHit,
  type AlignmentSearch,
  type AlignmentSearchOptions,
  openAlignmentSearch,
} from './sequences/alignment-search.ts';
export { applyAlphabet, reverseComplement } from './sequences/alphabet.ts';
export {
  askBarcodes,
  type BarcodeQuestion,
  type BarcodeRows,
  type ClusterLabel,
  describeBarcodes,
} from './sequences/barcode-questions.ts';
export {
  type BarcodeReadOptions,
  type BarcodeRecord,
  type BarcodeReport,
  createBarcodeReport,
  readBarcodes,
} from './sequences/barcode-records.ts';
export {
  type BarcodeCounts,
  BarcodeSet,
  barcodesOfPart,
  drawSplits,
  givenSplits,
  type SplitBarcodes,
} from './sequences/barcode-splits.ts';
export { encodeBases, kmerCounts, kmerNames, oneHot } from './sequences/encode.ts';
export { type ReadOptions, readDataPath, readLabelled } from './sequences/readers.ts';
export { SequenceError } from './sequences/sequence-error.ts';
export * from './sequences/types.ts';

import type { RunOptions, RunSummary } from './harness/run.ts';

/**
 * What a plugin that trains networks of its own is built from: operators, layers, losses, initialisers, the one-hot CNN that is an encoder
 * too, and the training loop.
 * Loaded when first asked for.
 */
export async function engine() {
  const [op, layers, attention, dropout, losses, initialisers, barcodeCnn, { train }, { trainWithRestarts }] =
    await Promise.all([
      import('./onnx/ops.ts'),
      import('./onnx/layers.ts'),
      import('./onnx/attention.ts'),
      import('./onnx/dropout.ts'),
      import('./onnx/losses.ts'),
      import('./onnx/initialisers.ts'),
      import('./models/barcode-cnn.ts'),
      import('./runtime/train.ts'),
      import('./runtime/restarts.ts'),
    ]);
  return {
    op,
    layers: { ...layers, ...attention, ...dropout },
    losses,
    initialisers,
    barcodeCnn,
    train,
    trainWithRestarts,
  };
}
export type Engine = Awaited<ReturnType<typeof engine>>;

/**
 * Readers of models, for plugins that choose a file or a folder themselves: what lies at a path, as `--model PATH` takes it; the checkpoint of a known
 * architecture, or the same architecture with random weights; an ONNX export; embeddings made elsewhere; what turns a frozen model into
 * an encoder; and the scores of a checkpoint's own classifier. Loaded when first asked for.
 */
export async function modelReaders() {
  const [{ ARCHITECTURES }, paths, folders, { onnxModel }, { precomputedEmbeddings }, { encoderOf }, { classScores }] =
    await Promise.all([
      import('./models/architectures/registry.ts'),
      import('./models/model-path.ts'),
      import('./models/model-folder.ts'),
      import('./models/onnx-folder.ts'),
      import('./models/precomputed.ts'),
      import('./embeddings/extract.ts'),
      import('./embeddings/class-scores.ts'),
    ]);
  const { loadModelFolder, randomModel } = folders;
  const { modelAtPath } = paths;
  return {
    architectures: ARCHITECTURES,
    modelAtPath,
    loadModelFolder,
    randomModel,
    onnxModel,
    precomputedEmbeddings,
    encoderOf,
    classScores,
  };
}
export type ModelReaders = Awaited<ReturnType<typeof modelReaders>>;

/**
 * What a model is like without labels: the whole diagnosis on a corpus, the few measures that stand beside scores, empirical Fisher information and input
 * gradients of a model that can be differentiated. Loaded when first asked for.
 */
export async function diagnostics() {
  const [{ diagnose }, { measure }, { empiricalFisher }, { fisherBatches }, { differentiableModel }, saliency] =
    await Promise.all([
      import('./diagnostics/diagnose.ts'),
      import('./diagnostics/measures.ts'),
      import('./diagnostics/fisher.ts'),
      import('./diagnostics/fisher-batches.ts'),
      import('./diagnostics/differentiable-model.ts'),
      import('./diagnostics/saliency.ts'),
    ]);
  const { openSaliency, spreadOverLetters } = saliency;
  return { diagnose, measure, empiricalFisher, fisherBatches, differentiableModel, openSaliency, spreadOverLetters };
}
export type Diagnostics = Awaited<ReturnType<typeof diagnostics>>;

/** The linear probes, for baselines that fit them on features of their own. Loaded when first asked for. */
export async function linearProbes() {
  const [{ logisticProbe }, { ridgeProbe }] = await Promise.all([
    import('./probes/logistic.ts'),
    import('./probes/ridge.ts'),
  ]);
  return { logisticProbe, ridgeProbe };
}

/** Plans the cells of a suite or of the tasks and contenders named, runs those not yet stored, and stores each result. */
export async function run(options: RunOptions): Promise<RunSummary> {
  const harness = await import('./harness/run.ts');
  return harness.run(options);
}

/** Writes `leaderboard.{json,csv,md,html}` of a results folder from what is stored there, and gives the board. */
export async function writeReport(folder: string, options: { readonly title?: string } = {}) {
  const report = await import('./report/report.ts');
  return report.writeReport(folder, options);
}
