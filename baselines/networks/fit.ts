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
import { effortOf, type Recipe } from './recipe.ts';

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

/** Rows for the training loop: one strand of each, as it is. */
function strandOf(letters: Letters, reverse: boolean): TrainingData {
  return {
    rows: letters.rows,
    feeds(rows): Feeds {
      const codes = new Uint8Array(rows.length * letters.length);
      rows.forEach((row, i) => {
        copyRow(letters, row, { reverse, shift: 0 }, codes, i * letters.length);
      });
      return { codes: { type: 'uint8', data: codes, dims: [rows.length, letters.length] } };
    },
  };
}

/** Rows to train on, with their answers, each shifted and on a strand as drawn anew every time. */
function augmented(letters: Letters, answers: Answers, bothStrands: boolean, translation: number): TrainingData {
  return {
    rows: letters.rows,
    feeds(rows, random): Feeds {
      const codes = new Uint8Array(rows.length * letters.length);
      rows.forEach((row, i) => {
        const reverse = bothStrands && random !== null && random.next() < 0.5;
        const shift = random === null || translation === 0 ? 0 : random.integer(2 * translation + 1) - translation;
        copyRow(letters, row, { reverse, shift }, codes, i * letters.length);
      });
      return { codes: { type: 'uint8', data: codes, dims: [rows.length, letters.length] }, ...answers.feeds(rows) };
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
  const average = recipe.reverseComplement === 'average';
  const trainLetters = encodeLetters(train.sequences, length);

  /** Inputs of one set of sequences: one strand, or both. */
  const strandsOf = (sequences: readonly string[]): TrainingData[] => {
    if (!average) return [strandOf(encodeLetters(sequences, length), false)];
    const letters = encodeLetters(canonicalStrands(sequences), length);
    return [strandOf(letters, false), strandOf(letters, true)];
  };
  const predictWith = async (evaluate: TrainedNetwork['evaluate'], strands: TrainingData[]): Promise<Predictions> => {
    const { rows } = strands[0];
    const values = new Float64Array(rows * answers.outputs);
    for (const strand of strands) {
      const part = await evaluate(strand, 'predictions');
      for (let i = 0; i < values.length; i++) values[i] += part[i] / strands.length;
    }
    return { rows, columns: answers.outputs, values: answers.restore(values) };
  };

  const validStrands = strandsOf(valid.sequences);
  const effort = effortOf(recipe, train.sequences.length, architecture.multiplications(length), context.effort);
  const settings = recipe.translations.flatMap((translation) =>
    recipe.learningRates.map((learningRate) => ({ translation, learningRate })),
  );
  const candidates: Record<string, unknown>[] = [];
  let best: { setting: (typeof settings)[number]; trained: TrainedNetwork } | undefined;
  for (const [i, setting] of settings.entries()) {
    const { translation, learningRate } = setting;
    const data = augmented(trainLetters, answers, recipe.reverseComplement !== 'none', translation);
    const trained = await engine.train(network, data, {
      device: context.device as Device,
      threads: context.threads,
      seed: context.seed,
      optimiser: { kind: 'adamw', weightDecay: recipe.weightDecay },
      learningRate,
      schedule: recipe.schedule,
      batchSize: Math.min(recipe.batchSize, train.sequences.length),
      epochs: effort.epochs,
      maxSteps: effort.steps,
      averageDecay: recipe.averageDecay,
      score: async (evaluate) => context.validationScore(valid.targets, await predictWith(evaluate, validStrands)),
      progress: (fraction, message) =>
        context.progress(
          (i + fraction) / settings.length,
          `translation ${translation}, rate ${learningRate}: ${message}`,
        ),
    });
    const { bestScore: validScore, bestEpoch, history } = trained;
    candidates.push({ ...setting, validScore, bestEpoch, history });
    if (!best || validScore > best.trained.bestScore) {
      await best?.trained.dispose();
      best = { setting, trained };
    } else await trained.dispose();
  }
  if (!best) throw new Error(`${label}: the recipe offers no learning rate or no translation`);
  const { setting, trained } = best;
  return {
    predict: (sequences) => predictWith(trained.evaluate, strandsOf(sequences)),
    validationScore: trained.bestScore,
    details: {
      ...setting,
      parameters: trained.parameterCount,
      length,
      ...effort,
      bestEpoch: trained.bestEpoch,
      history: trained.history,
      candidates,
    },
    dispose: () => trained.dispose(),
  };
}
