/**
 * A small multi-layer perceptron on standardised features: one hidden layer with ReLU and dropout, trained with AdamW, cosine
 * schedule and early stopping on the validation score; weight decay chosen on validation rows. Regression targets are
 * standardised for training and predicted on their own scale.
 */

import { requireFinite } from '../algebra/finite.ts';
import type { Matrix, Predictions } from '../core/matrix.ts';
import type { Graph } from '../onnx/graph.ts';
import { dropout, type Mode } from '../onnx/layers/dropout.ts';
import { dense } from '../onnx/layers/layers.ts';
import * as op from '../onnx/operators/functions.ts';
import type { Feeds, Network } from '../runtime/training/network.ts';
import {
  type Evaluate,
  type TrainedNetwork,
  type TrainingData,
  train as trainNetwork,
} from '../runtime/training/train.ts';
import { probeDeviceName } from './linear/linear-map.ts';
import { choosePath } from './linear/path.ts';
import { fitStandardiser, type Standardiser } from './linear/standardise.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from './probe.ts';
import { encodeTargets, type TargetEncoding, targetLoss } from './target-encoding.ts';

export interface MlpOptions {
  readonly hidden: number;
  readonly dropout: number;
  readonly learningRate: number;
  /** Decoupled weight decays to choose among. */
  readonly weightDecay: readonly number[];
  readonly batchSize: number;
  readonly epochs: number;
  /** Epochs without a better validation score before stopping. */
  readonly patience: number;
}

export const MLP_DEFAULTS: MlpOptions = {
  hidden: 256,
  dropout: 0.2,
  learningRate: 1e-3,
  weightDecay: [1, 0.01],
  batchSize: 128,
  epochs: 50,
  patience: 8,
};

function network(dim: number, { kind, outputs }: ProbeContext, options: MlpOptions): Network {
  return {
    label: 'MLP probe',
    build(graph: Graph, mode: Mode) {
      const x = graph.input('x', 'float32', ['rows', dim]);
      const hidden = dropout(op.relu(dense(x, 'hidden', options.hidden)), options.dropout, mode); // [rows, hidden]
      const scores = dense(hidden, 'output', outputs); // [rows, outputs]
      return { scores, loss: targetLoss(scores, kind, outputs) };
    },
  };
}

/** Rows of features as batches; without targets for prediction. */
function batches(features: Matrix, standardiser: Standardiser, encoding?: TargetEncoding): TrainingData {
  const { values, columns } = standardiser.apply(features);
  return {
    rows: features.rows,
    feeds(rows): Feeds {
      const x = new Float32Array(rows.length * columns);
      for (const [i, row] of rows.entries()) x.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
      return {
        x: { type: 'float32', data: x, dims: [rows.length, columns] },
        weights: { type: 'float32', data: new Float32Array(rows.length).fill(1), dims: [rows.length] },
        ...(encoding ? { y: encoding.target(rows) } : {}),
      };
    },
  };
}

/** A multi-layer perceptron as a probe; see the head of this file. */
export function mlpProbe(changes: Partial<MlpOptions> = {}): Probe {
  const options = { ...MLP_DEFAULTS, ...changes };
  if (options.weightDecay.length === 0) throw new Error('MLP: give at least one weight decay.');
  return {
    id: 'mlp',
    title: `Multi-layer perceptron (${options.hidden} hidden units, weight decay chosen on validation)`,
    citation: 'Rumelhart et al. 1986, Nature 323:533; Loshchilov & Hutter 2019, ICLR (AdamW)',
    kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
    stochastic: true,
    options: { ...options },
    fit: (train, valid, context) => fitMlp(train, valid, context, options),
  };
}

async function fitMlp(
  train: ProbeData,
  valid: ProbeData,
  context: ProbeContext,
  options: MlpOptions,
): Promise<FittedProbe> {
  if (train.features.rows !== train.targets.rows) {
    throw new Error(`Training has ${train.features.rows} rows of features but ${train.targets.rows} rows of targets.`);
  }
  const standardiser = fitStandardiser(train.features);
  const encoding = encodeTargets(train.targets, context);
  const data = batches(train.features, standardiser, encoding);
  requireFinite(valid.features, 'Validation features');
  const validData = batches(valid.features, standardiser);
  const where = { device: probeDeviceName(context.device), threads: context.threads };
  const predictWith = async (evaluate: Evaluate, rows: TrainingData): Promise<Predictions> =>
    encoding.predictions(await evaluate(rows, 'scores'), rows.rows);

  const open: TrainedNetwork[] = [];
  try {
    const chosen = await choosePath({
      settings: [...options.weightDecay],
      patience: options.weightDecay.length,
      context: { ...context, progress: () => undefined },
      describe: (weightDecay) => `weight decay ${weightDecay}`,
      evaluate: async (weightDecay) => {
        const done = open.length / options.weightDecay.length;
        const trained = await trainNetwork(network(train.features.columns, context, options), data, {
          ...where,
          seed: context.seed,
          optimiser: { kind: 'adamw', weightDecay },
          learningRate: options.learningRate,
          schedule: { kind: 'cosine', warmUp: 0.05 },
          batchSize: options.batchSize,
          epochs: options.epochs,
          patience: options.patience,
          score: async (evaluate) => context.validationScore(valid.targets, await predictWith(evaluate, validData)),
          progress: (fraction, message) =>
            context.progress(done + fraction / options.weightDecay.length, `weight decay ${weightDecay}: ${message}`),
        });
        open.push(trained);
        const record = {
          weightDecay,
          bestEpoch: trained.bestEpoch,
          epochs: trained.history.length,
          steps: trained.steps,
        };
        return { score: trained.bestScore, fitted: trained, record };
      },
    });
    const { fitted } = chosen;
    return {
      predict: async (features) => {
        requireFinite(features, 'Features');
        return predictWith(fitted.evaluate, batches(features, standardiser));
      },
      validationScore: chosen.score,
      details: {
        weightDecay: chosen.setting,
        path: chosen.path,
        parameters: fitted.parameterCount,
        history: fitted.history.map(({ epoch, trainLoss, validScore }) => ({ epoch, trainLoss, validScore })),
      },
      dispose: async () => {
        for (const trained of open) await trained.dispose();
      },
    };
  } catch (error) {
    for (const trained of open) await trained.dispose();
    throw error;
  }
}
