/**
 * Fitting a one-hot CNN: one recipe for every architecture. Everything that is chosen (learning rate, epoch) is chosen by the task's
 * metric on the validation rows. Not here: the networks themselves (`architectures.ts`).
 */
import {
  type Device,
  type Engine,
  type Feeds,
  type FitContext,
  type FitTask,
  type FittedBaseline,
  type Graph,
  engine as loadEngine,
  type Mode,
  type Network,
  type Predictions,
  type Tensor,
  type TrainedNetwork,
  type TrainingData,
} from '../../src/index.ts';
import { type Answers, answersOf } from './answers.ts';
import type { Architecture } from './architectures.ts';
import { canonicalStrands, copyRow, encodeLetters, type Letters, longest } from './letters.ts';
import type { Recipe } from './recipe.ts';

/** The architecture between letter codes and loss. */
function networkOf(
  label: string,
  architecture: Architecture,
  engine: Engine,
  length: number,
  answers: Answers,
): Network {
  const { channels } = architecture;
  return {
    label,
    build(graph: Graph, mode: Mode) {
      const { op } = engine;
      const codes = graph.input('codes', 'uint8', ['rows', length]);
      const table = new Float32Array(5 * channels); // [5, channels]: unit rows; with four channels the last is zero
      for (let i = 0; i < channels; i++) table[i * channels + i] = 1;
      const letters = op.gather(graph.constant(table, [5, channels]), op.cast(codes, 'int32')); // [rows, length, channels]
      const x = op.transpose(letters, [0, 2, 1]); // [rows, channels, length]
      const logits = architecture.logits(x, { engine, mode, outputs: answers.outputs });
      const outputs: Record<string, Tensor> = { predictions: answers.predictions(logits, engine) };
      if (mode.training) outputs.loss = answers.loss(graph, logits, engine);
      return outputs;
    },
  };
}

/** Rows for the training loop. `augment` draws the strand of each training row; `reverse` gives the other strand of all. */
function rowsOf(letters: Letters, options: { answers?: Answers; augment?: boolean; reverse?: boolean }): TrainingData {
  const { answers, augment = false, reverse = false } = options;
  return {
    rows: letters.rows,
    feeds(rows, random): Feeds {
      const codes = new Uint8Array(rows.length * letters.length);
      rows.forEach((row, i) => {
        const flipped = augment && random !== null ? random.next() < 0.5 : reverse;
        copyRow(letters, row, flipped, codes, i * letters.length);
      });
      return {
        codes: { type: 'uint8', data: codes, dims: [rows.length, letters.length] },
        ...answers?.feeds(rows),
      };
    },
  };
}

/** Fits `architecture` by `recipe`. */
export async function fitNetwork(
  label: string,
  architecture: Architecture,
  recipe: Recipe,
  task: FitTask,
  context: FitContext,
): Promise<FittedBaseline> {
  const engine = await loadEngine();
  const { train, valid } = task;
  const length = longest(train.sequences);
  const answers = answersOf(task.definition.kind, train.targets, task.outputs);
  const network = networkOf(label, architecture, engine, length, answers);
  const both = recipe.reverseComplement === 'average';
  const augment = recipe.reverseComplement !== 'none';
  const training = rowsOf(encodeLetters(train.sequences, length), { answers, augment });

  /** Inputs of one set of sequences: one strand, or both. */
  const strandsOf = (sequences: readonly string[]): TrainingData[] => {
    if (!both) return [rowsOf(encodeLetters(sequences, length), {})];
    const letters = encodeLetters(canonicalStrands(sequences), length);
    return [rowsOf(letters, {}), rowsOf(letters, { reverse: true })];
  };
  const predictWith = async (evaluate: TrainedNetwork['evaluate'], strands: TrainingData[]): Promise<Predictions> => {
    const rows = strands[0].rows;
    const values = new Float64Array(rows * answers.outputs);
    for (const strand of strands) {
      const part = await evaluate(strand, 'predictions');
      for (let i = 0; i < values.length; i++) values[i] += part[i] / strands.length;
    }
    return { rows, columns: answers.outputs, values: answers.restore(values) };
  };

  const validStrands = strandsOf(valid.sequences);
  const perEpoch = Math.ceil(train.sequences.length / recipe.batchSize);
  const affordable = Math.floor(
    recipe.budget / (3 * recipe.learningRates.length * recipe.batchSize * architecture.multiplications(length)),
  );
  const maxSteps = Math.max(perEpoch, Math.min(perEpoch * recipe.epochs, affordable));
  const epochs = Math.ceil(maxSteps / perEpoch);
  const candidates: Record<string, unknown>[] = [];
  let best: { learningRate: number; trained: TrainedNetwork } | undefined;
  for (const [i, learningRate] of recipe.learningRates.entries()) {
    const trained = await engine.train(network, training, {
      device: context.device as Device,
      threads: context.threads,
      seed: context.seed,
      optimiser: { kind: 'adamw', weightDecay: recipe.weightDecay },
      learningRate,
      schedule: recipe.schedule,
      batchSize: Math.min(recipe.batchSize, train.sequences.length),
      epochs,
      maxSteps,
      patience: recipe.patience,
      score: async (evaluate) => context.validationScore(valid.targets, await predictWith(evaluate, validStrands)),
      progress: (fraction, message) =>
        context.progress((i + fraction) / recipe.learningRates.length, `rate ${learningRate}: ${message}`),
    });
    candidates.push({
      learningRate,
      validScore: trained.bestScore,
      bestEpoch: trained.bestEpoch,
      steps: trained.steps,
      history: trained.history,
    });
    if (!best || trained.bestScore > best.trained.bestScore) {
      await best?.trained.dispose();
      best = { learningRate, trained };
    } else await trained.dispose();
  }
  const { learningRate, trained } = best!;
  return {
    predict: (sequences) => predictWith(trained.evaluate, strandsOf(sequences)),
    validationScore: trained.bestScore,
    details: {
      parameters: trained.parameterCount,
      length,
      learningRate,
      bestEpoch: trained.bestEpoch,
      epochs,
      maxSteps,
      steps: trained.steps,
      history: trained.history,
      candidates,
    },
    dispose: () => trained.dispose(),
  };
}
