/**
 * Pre-training of BERT-style encoders of k-mers, or of the tokens of a tokenizer.json, on
 * unlabelled sequences, with any objective of `masking.ts`. Writes a folder in Hugging Face's
 * layout (`pretrained-folder.ts`). A killed run continues from its checkpoint with the same
 * numbers.
 */
import { hashJson } from '../core/files.ts';
import { createRandom } from '../core/random.ts';
import { bertMaskedLanguageModel } from '../models/architectures/bert-graph.ts';
import type { Graph, Tensor } from '../onnx/graph.ts';
import type { Mode } from '../onnx/layers/dropout.ts';
import type { Compute, Network } from '../runtime/training/network.ts';
import { type Evaluate, type TrainingData, train } from '../runtime/training/train.ts';
import { countPlaced } from '../sequences/alignment/consensus-alignment.ts';
import { barcodeBert, barcodeMaePacked, barcodeMaeZeroed } from './barcode-mae.ts';
import { checkPretrainConfig } from './config.ts';
import { type Corpus, memoryCorpus, writeCorpus } from './corpus.ts';
import { hubTrainingTokenizer } from './hub-training-tokenizer.ts';
import { causalMasking, drawMasking, feedsOf, type Objective, type TokenRows } from './masking.ts';
import {
  bertConfigOf,
  decoderConfigOf,
  kmersOf,
  onReference,
  type PretrainConfig,
  type TokenTables,
} from './presets.ts';
import { encoderSize, savePretrained } from './pretrained-folder.ts';
import {
  finishedTraining,
  openTrainingFolder,
  otherModel,
  refuseForeignFiles,
  sameSettings,
  type TrainingFolder,
  type TrainingSettings,
} from './training-folder.ts';
import type { TrainingTokenizer } from './training-tokenizers.ts';
import { untrainedNetwork } from './untrained.ts';
import { type WindowCounts, windowsOf, windowsOfStream } from './windows.ts';

export interface PretrainOptions extends Compute {
  readonly config: PretrainConfig;
  readonly seed: number;
  /**
   * Seed of the data: held-out windows, their order, masks. Default `seed`. Runs with the same data
   * seed differ only in weights and dropout.
   */
  readonly dataSeed?: number;
  /** A tokenizer.json, or its folder, instead of k-mers (`hub-training-tokenizer.ts`). */
  readonly tokenizer?: string;
  /** Tokenizer of the windows; replaces both k-mers and `tokenizer`. */
  readonly reading?: TrainingTokenizer;
  /** Keep the initial weights without training: a control. */
  readonly untrained?: boolean;
  /**
   * Output folder of the model; created if missing. During training `OUT.training` holds the
   * checkpoint.
   */
  readonly out: string;
  /** Replaces a finished model with other settings. */
  readonly overwrite?: boolean;
  readonly progress?: (fraction: number, message: string) => void;
  /** Seconds between checkpoints. Default 60. */
  readonly checkpointSeconds?: number;
  /**
   * Origin of the sequences and what was left out of them. Called after all sequences are read;
   * recorded in the report.
   */
  readonly source?: () => object;
}

export interface PretrainReport {
  readonly folder: string;
  readonly sequences: number;
  /** Sequences left out because they have no ordinary token: no k-mer with only A, C, G, T. */
  readonly leftOut: number;
  readonly windows: number;
  readonly steps: number;
  readonly parameters: number;
  /** Parameters of the encoder alone, which remains when decoder or head are discarded. */
  readonly encoderParameters: number;
  /**
   * Cross-entropy of masked tokens on held-out sequences, nats per token; a uniform guess has
   * log(vocabulary).
   */
  readonly validLoss: number;
  readonly validAccuracy: number;
  readonly uniformLoss: number;
  readonly history: readonly { epoch: number; trainLoss: number; validLoss: number }[];
  /** Training loss over time: means over intervals of steps, each labelled with its last step. */
  readonly losses: readonly { step: number; loss: number }[];
  /**
   * With a reference: number of reads tested and number aligned to it. The others are read from
   * their first letter.
   */
  readonly reference?: { readonly reads: number; readonly placed: number };
  /** The value of {@link PretrainOptions.source}. */
  readonly source?: object;
  /** The folder already contained this model; nothing was trained. */
  readonly alreadyThere?: true;
}

/** Share of windows held out to measure the loss, and their maximum number. */
const HELD_OUT = 0.05;
const HELD_OUT_MOST = 2000;

/**
 * Sequences in memory, or a stream, which is written to disk first so that memory use is constant.
 */
export type PretrainSource = readonly string[] | AsyncIterable<string>;

/** Sequences between two progress messages while reading. */
const READ_STRETCH = 10_000;

/**
 * Pre-trains and writes the model. When the folder already has the model of the same settings and
 * sequences, nothing is trained and its report is returned.
 * @throws before anything is read, for an impossible configuration (`config.ts`); when fewer than 2
 *   windows have an ordinary token; and for a folder that has another finished model, unless
 *   `overwrite` is set.
 */
export async function pretrain(sequences: PretrainSource, options: PretrainOptions): Promise<PretrainReport> {
  const { config } = options;
  checkPretrainConfig(config, { kmers: (options.reading ?? options.tokenizer) === undefined });
  const folder = await openTrainingFolder(options.out);
  try {
    return await pretrainIn(folder, sequences, options);
  } finally {
    await folder.close();
  }
}

async function pretrainIn(
  folder: TrainingFolder,
  sequences: PretrainSource,
  options: PretrainOptions,
): Promise<PretrainReport> {
  const { config, out, seed, dataSeed, untrained, overwrite } = options;
  const finished = await finishedTraining<{ report: Omit<PretrainReport, 'folder'> }>(out).catch((error: unknown) => {
    if (overwrite) return undefined;
    throw error;
  });
  if (!finished || overwrite) await refuseForeignFiles(out);
  // A consensus reference becomes part of the configuration only after the sequences are read.
  const known = { seed, dataSeed, untrained, ...(config.reference === undefined ? { config } : {}) };
  if (finished && !overwrite && !sameSettings(finished, known)) throw otherModel(out);
  const given =
    options.reading ??
    (options.tokenizer === undefined ? undefined : await hubTrainingTokenizer(options.tokenizer, config));
  const reading = given ?? kmersOf({ ...config, reference: undefined });
  const counts = { sequences: 0, leftOut: 0, tokens: 0 };
  const onSequence = () => {
    if (counts.sequences % READ_STRETCH === 0) options.progress?.(0, `${counts.sequences} sequences read`);
  };
  let corpus: Corpus | undefined;
  try {
    corpus = isStream(sequences)
      ? await writeCorpus(folder.corpus, windowsOfStream(sequences, config, reading, counts, onSequence))
      : memoryCorpus([...windowsOf(sequences, config, reading, counts)]);
    const resolved = onReference(config, corpus.rows, corpus.row);
    const tokenizer = given ?? kmersOf(resolved);
    const settings = {
      ...{ config: resolved, tokenizer: tokenizer.identity, seed, dataSeed, untrained },
      corpusHash: corpus.hash,
    };
    if (finished && sameSettings(finished, settings)) {
      await folder.forget();
      return { ...finished.report, folder: out, alreadyThere: true };
    }
    if (finished && !overwrite) throw otherModel(out);
    return await pretrainOn(corpus, counts, tokenizer, { ...options, config: resolved }, folder, settings);
  } finally {
    corpus?.close();
  }
}

const isStream = (sequences: PretrainSource): sequences is AsyncIterable<string> => Symbol.asyncIterator in sequences;

async function pretrainOn(
  corpus: Corpus,
  counts: WindowCounts,
  tokenizer: TrainingTokenizer,
  options: PretrainOptions,
  folder: TrainingFolder,
  settings: TrainingSettings,
): Promise<PretrainReport> {
  const { config, seed, dataSeed, out } = options;
  if (corpus.rows < 2)
    throw new Error(
      `pre-training needs at least 2 sequences or windows with a ${tokenizer.ordinary}; ` +
        `${counts.sequences} sequences gave ${corpus.rows}`,
    );
  const seenBy = dataSeed ?? seed;
  const order = createRandom(`held-out:${seenBy}`).shuffle(Uint32Array.from({ length: corpus.rows }, (_, i) => i));
  const heldOut = order.subarray(0, Math.min(HELD_OUT_MOST, Math.max(1, Math.round(corpus.rows * HELD_OUT))));
  const training = order.subarray(heldOut.length);
  const meanTokens = counts.tokens / corpus.rows;
  const maxSteps = Math.max(1, Math.ceil(config.maxTokens / (config.batchSize * meanTokens)));
  const network: Network = {
    label: `${config.objective} pre-training (${config.layers} x ${config.hidden})`,
    build: (graph, mode) => trainingGraph(graph, config, mode, tokenizer),
  };
  const validData = batches(corpus, heldOut, tokenizer, config, `valid:${seenBy}`);
  const validate = async (evaluate: Evaluate) => {
    const sums = await evaluate(validData, 'sums'); // [windows, 3]
    const total = [0, 0, 0];
    sums.forEach((value, i) => {
      total[i % 3] += value;
    });
    return { loss: total[0] / total[1], accuracy: total[2] / total[1] };
  };
  const started = Date.now();
  let steps = 0;
  const weightSeed = `pretrain:${seed}`;
  const compute: Compute = { device: options.device, threads: options.threads };
  const optimise = () =>
    train(network, batches(corpus, training, tokenizer, config, ''), {
      ...compute,
      seed: weightSeed,
      dataSeed: dataSeed === undefined ? undefined : `pretrain:${dataSeed}`,
      optimiser: { kind: 'adamw', weightDecay: config.weightDecay, maxGradientNorm: config.maxGradientNorm },
      learningRate: config.learningRate,
      schedule: { kind: config.schedule, warmUp: config.warmUp },
      batchSize: config.batchSize,
      epochs: config.epochs,
      maxSteps,
      evaluationBatch: config.batchSize,
      score: async (evaluate) => -(await validate(evaluate)).loss,
      checkpoint: { path: folder.checkpoint, seconds: options.checkpointSeconds ?? 60, keep: true },
      fingerprint: hashJson({ config, seed, dataSeed, corpusHash: corpus.hash, tokenizer: tokenizer.identity }),
      onStep: () => {
        steps += 1;
      },
      progress: (fraction, message) => {
        const speed = (steps * config.batchSize * meanTokens * 1000) / Math.max(1, Date.now() - started);
        options.progress?.(fraction, `${message}, ${speed.toFixed(0)} tokens/s`);
      },
    });
  const trained = options.untrained
    ? untrainedNetwork(network, weightSeed, compute, config.batchSize)
    : await optimise();
  const valid = await validate(trained.evaluate);
  await trained.dispose();
  const report: PretrainReport = {
    folder: out,
    sequences: counts.sequences,
    leftOut: counts.leftOut,
    windows: corpus.rows,
    steps: trained.steps,
    parameters: trained.parameterCount,
    encoderParameters: encoderSize(trained),
    validLoss: valid.loss,
    validAccuracy: valid.accuracy,
    uniformLoss: Math.log(config.objective === 'masked-lm' ? tokenizer.vocabulary.size : tokenizer.vocabulary.classes),
    history: trained.history.map(({ epoch, trainLoss, validScore }) => ({ epoch, trainLoss, validLoss: -validScore })),
    losses: trained.losses,
    ...(config.reference === undefined ? {} : { reference: countPlaced(config.reference, corpus.rows, corpus.row) }),
    ...(options.source ? { source: options.source() } : {}),
  };
  const { folder: _, ...facts } = report;
  await folder.save((temporary) =>
    savePretrained(temporary, tokenizer, trained, config, { ...settings, report: facts }),
  );
  return report;
}

/** The graph of an objective: `loss` in training, `sums` at evaluation. */
export function trainingGraph(
  graph: Graph,
  config: PretrainConfig,
  mode: Mode,
  tokens: TokenTables = kmersOf(config),
): Record<string, Tensor> {
  const encoder = bertConfigOf(config, tokens);
  const labels = tokens.vocabulary.classes;
  const mae = () => ({ encoder, decoder: decoderConfigOf(config, tokens), labels });
  const graphs: Record<Objective, () => Record<string, Tensor>> = {
    'masked-lm': () => bertMaskedLanguageModel(graph, encoder, mode),
    barcodebert: () => barcodeBert(graph, encoder, labels, mode, false).outputs,
    causal: () => barcodeBert(graph, encoder, labels, mode, true).outputs,
    'mae-v1': () => barcodeMaeZeroed(graph, mae(), mode).outputs,
    'mae-v2': () => barcodeMaePacked(graph, mae(), mode).outputs,
  };
  return graphs[config.objective]();
}

/**
 * Batches of windows of mixed length. In training, masks and a random reading frame are drawn from
 * the random numbers of the step; at evaluation, masks depend only on `fixed` and the window.
 */
function batches(
  corpus: Corpus,
  windows: Uint32Array,
  tokenizer: TrainingTokenizer,
  config: PretrainConfig,
  fixed: string,
): TrainingData {
  return {
    rows: windows.length,
    feeds(rows, random) {
      const chosen = Array.from(rows, (row) => corpus.row(windows[row]));
      const offsets = chosen.map(({ length }) =>
        random && tokenizer.randomOffset ? tokenizer.drawOffset(length, random) : 0,
      );
      const { ids, mask, tokens } = tokenizer.encode(chosen, offsets);
      const batch: TokenRows = { ids, mask, rows: rows.length, tokens, vocabulary: tokenizer.vocabulary };
      const masking =
        config.objective === 'causal'
          ? causalMasking(batch)
          : drawMasking(batch, config, (i) => random ?? createRandom(`${fixed}:${rows[i]}`));
      return feedsOf(batch, masking, config, random !== null);
    },
  };
}
