/**
 * Fine-tuning: all weights of a model are trained further on the labelled sequences, under a linear head on the mean over tokens of
 * the last hidden states. The protocol of BarcodeBERT's `finetuning.py` (Millan Arias et al. 2023): AdamW, one-cycle schedule, peak
 * rate 1e-4 and weight decay 1e-5 at batches of 64, the rate growing with the batch. Ours beside theirs: ten times the rate is offered
 * too, since narrow models and a few hundred steps want it, and validation rows choose; the weights of the epoch with the best
 * validation score are kept; only matrices decay, and momentum does not cycle with the rate. The head is drawn as transformers draws it
 * (normal, 0.02). Every seed draws head, order of rows and dropout anew; the model stays the same.
 */

import type { Predictions } from '../core/matrix.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Mode } from '../onnx/layers/dropout.ts';
import { normal, zeros } from '../onnx/layers/initialisers.ts';
import { dense, maskedMean } from '../onnx/layers/layers.ts';
import { initialState, type Network, type NetworkState } from '../runtime/training/network.ts';
import {
  type Evaluate,
  type TrainedNetwork,
  type TrainingData,
  train as trainNetwork,
} from '../runtime/training/train.ts';
import { unusable } from '../sequences/sequence-error.ts';
import { probeDeviceName } from './linear/linear-map.ts';
import { choosePath } from './linear/path.ts';
import type { ModelProbe, ProbeContext, SequenceData, TunableModel, TunedModel } from './probe.ts';
import { encodeTargets, type TargetEncoding, targetLoss } from './target-encoding.ts';

export interface FineTuneOptions {
  /** Peak rates at batches of {@link RATE_BATCH} rows, to choose among on validation rows. */
  readonly learningRates: readonly number[];
  /** Decoupled; of matrices only. */
  readonly weightDecay: number;
  readonly batchSize: number;
  /** At full effort. */
  readonly epochs: number;
  /** Epochs without a better validation score before stopping. */
  readonly patience: number;
}

export const FINE_TUNE_DEFAULTS: FineTuneOptions = {
  learningRates: [1e-4, 1e-3],
  weightDecay: 1e-5,
  batchSize: 32,
  epochs: 10,
  patience: 5,
};

/** Rows per batch at which a rate is what its name says. */
const RATE_BATCH = 64;

/** The peak rate for batches of another size: linear in the size. */
export const scaledRate = (rate: number, batchSize: number): number => (rate * batchSize) / RATE_BATCH;

/** The model, the masked mean of its last hidden states, and the head `head.weight` [outputs, dimension], `head.bias`. */
export function fineTuneNetwork(
  model: TunableModel,
  { kind, outputs }: Pick<ProbeContext, 'kind' | 'outputs'>,
): Network {
  return {
    label: `fine-tuned ${model.label}`,
    build(graph: Graph, mode: Mode) {
      const { hiddenStates, attentionMask } = model.build(graph, mode);
      const pooled = maskedMean(hiddenStates[hiddenStates.length - 1], attentionMask); // [rows, dimension]
      const scores = dense(pooled, 'head', outputs, { weight: normal(0.02), biasInitialiser: zeros }); // [rows, outputs]
      return { scores, loss: targetLoss(scores, kind, outputs) };
    },
  };
}

/** The model's weights where it has them; the head as drawn from the seed. Throws where the model lacks a weight of its own. */
export function startingWeights(model: TunableModel, network: Network, seed: number | string): NetworkState {
  const { state, layout } = initialState(network, seed);
  for (const part of ['parameters', 'buffers'] as const) {
    const { names, sizes, offsets } = layout[part];
    for (const [i, name] of names.entries()) {
      if (name.startsWith('head.')) continue;
      const values = model.values.get(name);
      if (!(values instanceof Float32Array) || values.length !== sizes[i]) {
        const found = values ? `${values.length} values of ${values.constructor.name}` : 'none';
        throw new Error(`${model.label}: the weight ${name} needs ${sizes[i]} float32 values, the model has ${found}`);
      }
      state[part].set(values, offsets[i]);
    }
  }
  return state;
}

/** Sequences as batches, each padded to its longest; without targets for prediction. */
export function sequenceBatches(
  model: TunableModel,
  sequences: readonly string[],
  encoding?: TargetEncoding,
): TrainingData {
  return {
    rows: sequences.length,
    feeds: (rows) => ({
      ...model.encode(Array.from(rows, (row) => sequences[row])),
      weights: { type: 'float32', data: new Float32Array(rows.length).fill(1), dims: [rows.length] },
      ...(encoding ? { y: encoding.target(rows) } : {}),
    }),
  };
}

/** Scores of all sequences, run shortest first so that batches have little padding, given back in their own order. */
async function predict(
  model: TunableModel,
  sequences: readonly string[],
  evaluate: Evaluate,
  encoding: TargetEncoding,
  outputs: number,
): Promise<Predictions> {
  const tokens = tokensOf(model, sequences);
  const order = [...sequences.keys()].sort((a, b) => tokens[a] - tokens[b] || a - b);
  const sorted = await evaluate(
    sequenceBatches(
      model,
      order.map((row) => sequences[row]),
    ),
    'scores',
  );
  const scores = new Float32Array(sorted.length); // [rows, outputs]
  for (const [i, row] of order.entries()) scores.set(sorted.subarray(i * outputs, (i + 1) * outputs), row * outputs);
  return encoding.predictions(scores, sequences.length);
}

/** Tokens of every sequence. Throws, naming the row, where the model can't read one whole. */
function tokensOf(model: TunableModel, sequences: readonly string[]): number[] {
  return sequences.map((sequence, row) => {
    try {
      return model.tokens(sequence);
    } catch (error) {
      throw unusable(error, row, sequences.length, model.label);
    }
  });
}

/** Fine-tuning as a probe; see the head of this file. */
export function fineTuneProbe(changes: Partial<FineTuneOptions> = {}): ModelProbe {
  const options = { ...FINE_TUNE_DEFAULTS, ...changes };
  if (options.learningRates.length === 0) throw new Error('Fine-tuning: give at least one learning rate.');
  return {
    id: 'fine-tune',
    title: 'Fine-tuning (all weights)',
    citation:
      'Millan Arias et al. 2023, BarcodeBERT (arXiv 2311.02401); Loshchilov & Hutter 2019, ICLR (AdamW); Smith & Topin 2019 (one-cycle)',
    kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
    stochastic: true,
    options: { ...options },
    tune: (model, train, valid, context) => tune(model, train, valid, context, options),
  };
}

async function tune(
  model: TunableModel,
  train: SequenceData,
  valid: SequenceData,
  context: ProbeContext,
  options: FineTuneOptions,
): Promise<TunedModel> {
  if (train.sequences.length !== train.targets.rows) {
    throw new Error(`Training has ${train.sequences.length} sequences but ${train.targets.rows} rows of targets.`);
  }
  tokensOf(model, train.sequences); // a sequence that the model can't read ends the run here, not in its middle
  const encoding = encodeTargets(train.targets, context);
  const network = fineTuneNetwork(model, context);
  const seed = `fine-tune:${context.seed}`;
  const initial = startingWeights(model, network, seed);
  const data = sequenceBatches(model, train.sequences, encoding);
  const epochs = Math.max(1, Math.round(options.epochs * (context.effort ?? 1)));
  const predictWith = (evaluate: Evaluate, sequences: readonly string[]) =>
    predict(model, sequences, evaluate, encoding, context.outputs);

  const open: TrainedNetwork[] = [];
  const close = async () => {
    for (const trained of open.splice(0)) await trained.dispose();
  };
  try {
    const chosen = await choosePath({
      settings: options.learningRates,
      patience: options.learningRates.length,
      context: { ...context, progress: () => undefined },
      describe: (rate) => `learning rate ${rate}`,
      evaluate: async (rate) => {
        const done = open.length / options.learningRates.length;
        const trained = await trainNetwork(network, data, {
          device: probeDeviceName(context.device),
          threads: context.threads,
          seed,
          initial,
          optimiser: { kind: 'adamw', weightDecay: options.weightDecay },
          learningRate: scaledRate(rate, options.batchSize),
          schedule: { kind: 'oneCycle' },
          batchSize: options.batchSize,
          epochs,
          patience: options.patience,
          score: async (evaluate) =>
            context.validationScore(valid.targets, await predictWith(evaluate, valid.sequences)),
          progress: (fraction, message) =>
            context.progress(done + fraction / options.learningRates.length, `fine-tuning: ${message}`),
        });
        open.push(trained);
        const { bestEpoch, history, steps, bestScore } = trained;
        return {
          score: bestScore,
          fitted: trained,
          record: { learningRate: rate, bestEpoch, epochs: history.length, steps },
        };
      },
    });
    const { fitted } = chosen;
    return {
      predict: (sequences) => predictWith(fitted.evaluate, sequences),
      validationScore: chosen.score,
      details: {
        learningRate: chosen.setting,
        peakRate: scaledRate(chosen.setting, options.batchSize),
        path: chosen.path,
        parameters: fitted.parameterCount,
        history: fitted.history.map(({ epoch, trainLoss, validScore }) => ({ epoch, trainLoss, validScore })),
      },
      dispose: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
