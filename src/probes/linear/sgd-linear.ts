/**
 * The linear probe of the BarcodeBERT and BarcodeMAE papers as their code has it (bioscan-ml/BarcodeBERT, baselines/linear_probing.py):
 * features minus one mean, divided by one standard deviation, both over the whole training matrix; one linear layer; SGD with momentum at a
 * constant rate for a fixed number of epochs; the last epoch's weights are kept. Nothing is chosen on validation rows, which are scored once.
 *
 * One scale for all columns leaves them as unequal as they were, and at this rate SGD need not settle: `logistic` is the probe that does.
 */

import { requireFinite } from '../../algebra/finite.ts';
import type { Matrix, Predictions, Targets } from '../../core/matrix.ts';
import type { Graph } from '../../onnx/graph.ts';
import { dense } from '../../onnx/layers/layers.ts';
import { softmaxCrossEntropy } from '../../onnx/layers/losses.ts';
import type { Compute, Feeds, Network } from '../../runtime/training/network.ts';
import { type TrainedNetwork, type TrainingData, train } from '../../runtime/training/train.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from '../probe.ts';
import { probeDeviceName } from './linear-map.ts';
import { probabilities } from './logistic-objective.ts';

export interface SgdLinearOptions {
  readonly learningRate: number;
  readonly momentum: number;
  /** Added to the gradient times the weights; on the matrix only, where PyTorch's SGD also takes the bias (1e-9 of it: below float32). */
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
}

export const SGD_LINEAR_DEFAULTS: SgdLinearOptions = {
  learningRate: 1,
  momentum: 0.95,
  weightDecay: 1e-9,
  batchSize: 1024,
  epochs: 200,
};

/** One mean and one standard deviation (divisor n) for all values of a matrix. */
export interface GlobalScale {
  readonly mean: number;
  readonly deviation: number;
}

/** Measures the scale of training features, in float64 and in two passes. Throws where they are empty, not finite, or all equal. */
export function globalScale(features: Matrix): GlobalScale {
  requireFinite(features, 'Training features');
  const { values } = features;
  if (values.length === 0) throw new Error(`Training features are empty: [${features.rows}, ${features.columns}].`);
  let mean = 0;
  for (const value of values) mean += value;
  mean /= values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const deviation = Math.sqrt(squares / values.length);
  if (deviation === 0) throw new Error(`Every training feature is ${mean}; there is nothing to fit.`);
  return { mean, deviation };
}

/** Rows for the training loop, scaled batch by batch; without labels for prediction. */
function batches(features: Matrix, { mean, deviation }: GlobalScale, labels?: Targets): TrainingData {
  const { values, columns } = features;
  return {
    rows: features.rows,
    feeds(rows): Feeds {
      const x = new Float32Array(rows.length * columns); // [rows, columns]
      for (const [i, row] of rows.entries())
        for (let c = 0; c < columns; c++) x[i * columns + c] = (values[row * columns + c] - mean) / deviation;
      const scaled = { x: { type: 'float32', data: x, dims: [rows.length, columns] } } as const;
      if (!labels) return scaled;
      const y = BigInt64Array.from(rows, (row) => BigInt(labels.values[row]));
      return {
        ...scaled,
        y: { type: 'int64', data: y, dims: [rows.length] },
        weights: { type: 'float32', data: new Float32Array(rows.length).fill(1), dims: [rows.length] },
      };
    },
  };
}

function linearNetwork(dim: number, outputs: number): Network {
  return {
    label: 'linear probe by SGD',
    build(graph: Graph) {
      const x = graph.input('x', 'float32', ['rows', dim]);
      const scores = dense(x, 'linear', outputs); // [rows, outputs]
      const y = graph.input('y', 'int64', ['rows']);
      return { scores, loss: softmaxCrossEntropy(scores, y, graph.input('weights', 'float32', ['rows'])) };
    },
  };
}

function checkTargets({ features, targets }: ProbeData, outputs: number): void {
  if (features.rows !== targets.rows)
    throw new Error(`Training has ${features.rows} rows of features but ${targets.rows} rows of targets.`);
  const wrong = targets.values.findIndex((y) => !(Number.isInteger(y) && y >= 0 && y < outputs));
  if (targets.columns !== 1 || wrong >= 0)
    throw new Error(
      `Target in row ${Math.max(0, wrong)} is ${targets.values[Math.max(0, wrong)]}, not a class index from 0 to ${outputs - 1}.`,
    );
}

/**
 * The training alone: the weights `[outputs, dim]`, then the biases `[outputs]`, are the state's parameters. First weights and the order of the
 * rows follow from the seed as everywhere in the training loop.
 */
export function trainSgdLinear(
  data: ProbeData,
  scale: GlobalScale,
  options: SgdLinearOptions,
  context: Pick<ProbeContext, 'outputs' | 'seed' | 'progress'> & Compute,
): Promise<TrainedNetwork> {
  const { learningRate, momentum, weightDecay, batchSize, epochs } = options;
  const network = linearNetwork(data.features.columns, context.outputs);
  return train(network, batches(data.features, scale, data.targets), {
    device: context.device,
    threads: context.threads,
    seed: context.seed,
    optimiser: { kind: 'sgd', momentum, weightDecay },
    learningRate,
    schedule: { kind: 'constant' },
    batchSize,
    epochs,
    progress: context.progress,
  });
}

/** The papers' linear probe; see the head of this file. */
export function sgdLinearProbe(changes: Partial<SgdLinearOptions> = {}): Probe {
  const options = { ...SGD_LINEAR_DEFAULTS, ...changes };
  return {
    id: 'linear-sgd-paper',
    title: 'Linear layer by SGD, as in the BarcodeMAE paper (one scale for all features, last epoch, last layer)',
    citation:
      'Millan Arias et al. 2023, arXiv:2311.02401; Safari et al. 2025, arXiv:2502.18405 (baselines/linear_probing.py)',
    kinds: ['binary', 'multiclass'],
    stochastic: true,
    layers: 'last',
    options: { ...options },
    fit: (train, valid, context) => fitSgdLinear(train, valid, context, options),
  };
}

async function fitSgdLinear(
  data: ProbeData,
  valid: ProbeData,
  context: ProbeContext,
  options: SgdLinearOptions,
): Promise<FittedProbe> {
  const { outputs } = context;
  checkTargets(data, outputs);
  requireFinite(valid.features, 'Validation features');
  const scale = globalScale(data.features);
  const trained = await trainSgdLinear(data, scale, options, {
    ...context,
    device: probeDeviceName(context.device),
  });
  const predict = async (features: Matrix): Promise<Predictions> => {
    requireFinite(features, 'Features');
    if (features.columns !== data.features.columns)
      throw new Error(
        `Features have ${features.columns} columns, but the probe was fitted on ${data.features.columns}.`,
      );
    const values = await trained.evaluate(batches(features, scale), 'scores');
    return probabilities('softmax', { rows: features.rows, columns: outputs, values });
  };
  try {
    const { history, steps, parameterCount } = trained;
    return {
      predict,
      validationScore: context.validationScore(valid.targets, await predict(valid.features)),
      details: {
        ...scale,
        epochs: history.length,
        steps,
        parameters: parameterCount,
        trainLoss: history.map(({ trainLoss }) => trainLoss),
      },
      dispose: () => trained.dispose(),
    };
  } catch (error) {
    await trained.dispose();
    throw error;
  }
}
