/**
 * The public API: what a plugin (task, baseline, model, suite) is declared with and built from, and `run`, which the command
 * line itself is a thin layer over. Importing it starts no engine: whatever is heavy is loaded when it is first used.
 */
import './runtime/telemetry.ts';

export {
  askBarcodes,
  type BarcodeQuestion,
  type BarcodeRows,
  type ClusterLabel,
  describeBarcodes,
} from './barcodes/questions.ts';
export {
  type BarcodeReadOptions,
  type BarcodeRecord,
  type BarcodeReport,
  createBarcodeReport,
  readBarcodes,
} from './barcodes/records.ts';
export {
  type BarcodeCounts,
  BarcodeSet,
  barcodesOfPart,
  drawSplits,
  givenSplits,
  type SplitBarcodes,
} from './barcodes/splits.ts';
export { UsageError } from './core/errors.ts';
export * from './core/matrix.ts';
export { createRandom, type Random } from './core/random.ts';
export * from './harness/contracts.ts';
export type { RunOptions, RunSummary } from './harness/run.ts';
export type { RunEvent } from './harness/run-types.ts';
export type { Result, RunManifest, TaskRecord } from './harness/store/result.ts';
export * from './metrics/metric.ts';
export { metric, metricsFor } from './metrics/metric-table.ts';
export type { Architecture, ConfiguredArchitecture } from './models/architectures/architecture.ts';
export * from './models/model.ts';
export type { Graph, Tensor } from './onnx/graph.ts';
export type { Mode } from './onnx/layers/dropout.ts';
export * from './probes/probe.ts';
export type { Question } from './quality/questions.ts';
export type { FittedRule, Rule, RuleData } from './quality/rules/rule.ts';
export type { Device } from './runtime/device.ts';
export { type Lock, type WaitOptions, withLock } from './runtime/lock.ts';
export type { Feeds, Network } from './runtime/training/network.ts';
export type { RestartedNetwork, RestartOptions, RestartRecord } from './runtime/training/restarts.ts';
export type { TrainedNetwork, TrainingData, TrainOptions } from './runtime/training/train.ts';
export { ALIGNMENT_SCORES } from './sequences/alignment/overlap-alignment.ts';
export {
  ALIGNMENT_SEARCH_DEFAULTS,
  type AlignmentHit,
  type AlignmentSearch,
  type AlignmentSearchOptions,
  openAlignmentSearch,
} from './sequences/alignment/search.ts';
export { applyAlphabet, reverseComplement } from './sequences/alphabet.ts';
export { encodeBases, kmerCounts, kmerNames, oneHot } from './sequences/encoding.ts';
export { type ReadOptions, readDataPath, readLabelled } from './sequences/formats/readers.ts';
export * from './sequences/labelled-sequence.ts';
export { SequenceError } from './sequences/sequence-error.ts';

import type { RunOptions, RunSummary } from './harness/run.ts';

/**
 * What a plugin that trains networks of its own is built from: operators, layers, losses, initialisers, the one-hot CNN that is an encoder
 * too, and the training loop.
 * Loaded when first asked for.
 */
export async function engine() {
  const [op, layers, attention, dropout, losses, initialisers, barcodeCnn, { train }, { trainWithRestarts }] =
    await Promise.all([
      import('./onnx/operators/functions.ts'),
      import('./onnx/layers/layers.ts'),
      import('./onnx/layers/attention.ts'),
      import('./onnx/layers/dropout.ts'),
      import('./onnx/layers/losses.ts'),
      import('./onnx/layers/initialisers.ts'),
      import('./models/encoders/barcode-cnn.ts'),
      import('./runtime/training/train.ts'),
      import('./runtime/training/restarts.ts'),
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
      import('./models/architectures/known-architectures.ts'),
      import('./models/model-path.ts'),
      import('./models/model-folder.ts'),
      import('./models/exports/folder.ts'),
      import('./models/precomputed/precomputed.ts'),
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
      import('./diagnostics/model-diagnostics.ts'),
      import('./diagnostics/fisher/fisher.ts'),
      import('./diagnostics/fisher/batches.ts'),
      import('./diagnostics/fisher/differentiable-model.ts'),
      import('./diagnostics/attribution/saliency.ts'),
    ]);
  const { openSaliency, spreadOverLetters } = saliency;
  return { diagnose, measure, empiricalFisher, fisherBatches, differentiableModel, openSaliency, spreadOverLetters };
}
export type Diagnostics = Awaited<ReturnType<typeof diagnostics>>;

/** The linear probes, for baselines that fit them on features of their own. Loaded when first asked for. */
export async function linearProbes() {
  const [{ logisticProbe }, { ridgeProbe }] = await Promise.all([
    import('./probes/linear/logistic.ts'),
    import('./probes/linear/ridge.ts'),
  ]);
  return { logisticProbe, ridgeProbe };
}

/** Plans the cells of a suite or of the tasks and contenders named, runs those not yet stored, and stores each result. */
export async function run(options: RunOptions): Promise<RunSummary> {
  const harness = await import('./harness/run.ts');
  return harness.run(options);
}

/** Writes `leaderboard.{json,csv,md,html}` of a results folder from what is stored there, and gives the board. */
export async function writeReport(
  folder: string,
  options: { readonly title?: string; readonly includeFailed?: boolean } = {},
) {
  const report = await import('./report/report.ts');
  return report.writeReport(folder, options);
}

/** The rules that need no model, and what fits and compares them: shared by the audit and the baseline `row-zero`. Loaded when first asked for. */
export async function modelFreeRules() {
  const [{ MODEL_FREE_RULES, crossValidate, rowsWhere }, { ruleData }, { questionsOf, widthOf }] = await Promise.all([
    import('./quality/rules/model-free-rules.ts'),
    import('./quality/rules/rule.ts'),
    import('./quality/questions.ts'),
  ]);
  return { rules: MODEL_FREE_RULES, crossValidate, rowsWhere, ruleData, questionsOf, widthOf };
}
export type ModelFreeRules = Awaited<ReturnType<typeof modelFreeRules>>;
