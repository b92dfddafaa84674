/**
 * The training loop: epochs of shuffled batches, a schedule, a score on validation rows after every epoch, early stopping with the
 * best weights restored, and checkpoints from which a killed run goes on with the same numbers. Everything random (first weights, order
 * of rows, dropout, augmentation) is a pure function of the seed and of where in the run it happens.
 */
import { rm } from 'node:fs/promises';
import { hashJson } from '../../core/files.ts';
import { createRandom, type Random } from '../../core/random.ts';
import { runInBatches } from '../batches.ts';
import {
  type EpochRecord,
  type LossPoint,
  loadCheckpoint,
  type Position,
  recordLoss,
  saveCheckpoint,
} from './checkpoint.ts';
import {
  type Compute,
  compileForward,
  type Feeds,
  type Forward,
  initialState,
  type Network,
  type NetworkLayout,
  type NetworkState,
} from './network.ts';
import { momentCount, type OptimiserOptions } from './optimisers.ts';
import { Plateau, rateAt, type Schedule } from './schedules.ts';
import { compileTrainingStep } from './training-step.ts';

export type { EpochRecord };

export interface TrainingData {
  readonly rows: number;
  /** Inputs of one batch. `random` is for augmentation: null at evaluation, otherwise seeded by (seed, step). */
  feeds(rows: Int32Array, random: Random | null): Feeds;
}

/** Runs the network, with the weights of the moment, on rows of some data. */
export type Evaluate = (data: TrainingData, output: string) => Promise<Float32Array>;

export interface TrainOptions extends Compute {
  readonly seed: number | string;
  /** Seed of what is seen, the order of rows and `feeds`' random numbers, where it is not `seed`: weights and dropout then differ alone. */
  readonly dataSeed?: number | string;
  readonly optimiser: OptimiserOptions;
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly batchSize: number;
  readonly epochs: number;
  /** Stop after this many epochs without a better validation score. Default: never. */
  readonly patience?: number;
  /** Stop after this many steps, whatever the epoch; the schedule then spans these steps. */
  readonly maxSteps?: number;
  /**
   * Keep an exponential moving average of weights and running statistics, and score, keep and return that: the share of the old
   * average per step (Polyak and Juditsky 1992), ramped up as (1 + step) / (10 + step) while that is smaller. Default: none.
   */
  readonly averageDecay?: number;
  /** Rows per epoch-end evaluation batch. Default: batchSize. */
  readonly evaluationBatch?: number;
  /** Score of the weights of the moment, larger is better. Without it the last weights are kept. */
  readonly score?: (evaluate: Evaluate) => Promise<number>;
  readonly progress?: (fraction: number, message: string) => void;
  /** Called after every step; throwing ends the run. */
  readonly onStep?: (step: number, loss: number) => void;
  /** File from which a killed run goes on, written every `seconds`. Removed when the run ends, unless `keep`. */
  readonly checkpoint?: { readonly path: string; readonly seconds: number; readonly keep?: boolean };
  /** Names data and network in checkpoints: one of other data, another network or other options is refused. */
  readonly fingerprint?: string;
  /** Start from these weights instead of drawing them. */
  readonly initial?: NetworkState;
}

export interface TrainedNetwork {
  readonly state: NetworkState;
  readonly layout: NetworkLayout;
  readonly history: readonly EpochRecord[];
  /** Epoch (1-based) whose weights were kept, and its score. */
  readonly bestEpoch: number;
  readonly bestScore: number;
  readonly steps: number;
  /** Mean training loss over stretches of equally many steps, at most a thousand of them. */
  readonly losses: readonly LossPoint[];
  readonly parameterCount: number;
  /** Outputs for every row of `data`, concatenated. */
  evaluate: Evaluate;
  dispose(): Promise<void>;
}

/** Moves `average` towards `state`, as {@link TrainOptions.averageDecay} says. */
function follow(average: NetworkState, state: NetworkState, decay: number, step: number): void {
  const share = 1 - Math.min(decay, (1 + step) / (10 + step));
  for (const name of ['parameters', 'buffers'] as const) {
    const [slow, fast] = [average[name], state[name]];
    for (let i = 0; i < slow.length; i++) slow[i] += share * (fast[i] - slow[i]);
  }
}

/** Trains `network` on `data`. Throws when the loss is not finite. */
export async function train(network: Network, data: TrainingData, options: TrainOptions): Promise<TrainedNetwork> {
  checkOptions(network, data, options);
  const compute: Compute = { device: options.device, threads: options.threads };
  const { state: first, layout } = initialState(network, options.seed);
  const state: NetworkState = options.initial
    ? { parameters: options.initial.parameters.slice(), buffers: options.initial.buffers.slice() }
    : first;
  for (const part of ['parameters', 'buffers'] as const)
    if (state[part].length !== layout[part].total)
      throw new Error(
        `${network.label}: initial ${part} have ${state[part].length} values, ${layout[part].total} are needed`,
      );
  let moments: Float32Array[] = Array.from(
    { length: momentCount(options.optimiser.kind) },
    () => new Float32Array(layout.parameters.total),
  );
  let best: NetworkState = { parameters: state.parameters.slice(), buffers: state.buffers.slice() };
  const average: NetworkState | undefined =
    options.averageDecay === undefined
      ? undefined
      : { parameters: state.parameters.slice(), buffers: state.buffers.slice() };
  const at: Position = {
    epoch: 0,
    step: 0,
    stale: 0,
    best: Number.NEGATIVE_INFINITY,
    bestEpoch: 0,
    history: [],
    losses: [],
    lossSum: 0,
    lossCount: 0,
  };

  const { dataSeed = options.seed } = options;
  const perEpoch = Math.ceil(data.rows / options.batchSize);
  const totalSteps = Math.min(options.maxSteps ?? Number.POSITIVE_INFINITY, perEpoch * options.epochs);
  const setUp = setUpOf(data, options, layout);
  if (options.checkpoint) {
    const saved = await loadCheckpoint(options.checkpoint.path, setUp, network.label);
    if (saved) {
      Object.assign(at, saved.position);
      state.parameters = saved.tensors.parameters;
      state.buffers = saved.tensors.buffers ?? state.buffers;
      best = { parameters: saved.tensors.bestParameters, buffers: saved.tensors.bestBuffers ?? best.buffers };
      if (average) {
        average.parameters = saved.tensors.averageParameters;
        average.buffers = saved.tensors.averageBuffers ?? average.buffers;
      }
      moments = moments.map((_, i) => saved.tensors[`moment${i}`]);
    }
  }
  const plateau = options.schedule.kind === 'plateau' ? new Plateau(options.schedule, options.learningRate) : undefined;
  if (plateau && at.plateau) plateau.restore(at.plateau);

  const step = await compileTrainingStep(network, options.optimiser, options.seed, compute);
  const forwards = new Map<string, Forward>();
  const closeForwards = async () => {
    for (const forward of forwards.values()) await forward.dispose();
  };
  const evaluateWith =
    (weights: () => NetworkState): Evaluate =>
    async (rows, output) => {
      const forward = forwards.get(output) ?? (await compileForward(network, [output], compute));
      forwards.set(output, forward);
      return runAll(forward, weights(), rows, output, options.evaluationBatch ?? options.batchSize);
    };

  let savedAt = Date.now();
  // A checkpoint of the very last step still lacks that epoch's score.
  let finished = false;
  const startStep = at.step;
  const started = Date.now();
  try {
    while (!finished && at.epoch < options.epochs) {
      const epochStart = Date.now();
      const order = createRandom(`order:${dataSeed}:${at.epoch}`).shuffle(
        Uint32Array.from({ length: data.rows }, (_, i) => i),
      );
      for (let batch = at.step - at.epoch * perEpoch; batch < perEpoch && at.step < totalSteps; batch++) {
        const rows = Int32Array.from(order.slice(batch * options.batchSize, (batch + 1) * options.batchSize));
        // Batch statistics of a single row are meaningless: a lone last row waits for another epoch.
        if (rows.length === 1 && layout.buffers.total > 0 && perEpoch > 1) {
          at.step += 1;
          continue;
        }
        const feeds = data.feeds(rows, createRandom(`augment:${dataSeed}:${at.step}`));
        const rate = plateau ? plateau.rate : rateAt(options.schedule, options.learningRate, at.step, totalSteps);
        const { loss, gradientNorm } = await step.run(state, moments, feeds, rate, at.step);
        if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
          throw new Error(
            `${network.label}: the loss became ${loss}, its gradient's norm ${gradientNorm}, at step ${at.step + 1} (epoch ${at.epoch + 1}, learning rate ${rate.toPrecision(3)}). ` +
              'Lower the learning rate or clip the gradient; if it happens at step 1, look for NaN in the input.',
          );
        if (average && options.averageDecay !== undefined) follow(average, state, options.averageDecay, at.step);
        at.step += 1;
        at.lossSum += loss;
        at.lossCount += 1;
        recordLoss(at.losses, at.step, loss);
        options.onStep?.(at.step, loss);
        const speed = (at.step - startStep) / Math.max(1, Date.now() - started);
        options.progress?.(
          at.step / totalSteps,
          `epoch ${at.epoch + 1}/${options.epochs}, step ${at.step}/${totalSteps}, loss ${loss.toPrecision(4)}, ${(speed * 1000 * options.batchSize).toFixed(0)} rows/s`,
        );
        if (options.checkpoint && Date.now() - savedAt >= options.checkpoint.seconds * 1000) {
          at.plateau = plateau?.state();
          await saveCheckpoint(options.checkpoint.path, setUp, at, state, best, moments, average);
          savedAt = Date.now();
        }
      }
      const score = options.score ? await options.score(evaluateWith(() => average ?? state)) : at.epoch;
      if (Number.isNaN(score))
        throw new Error(`${network.label}: the validation score after epoch ${at.epoch + 1} is not a number`);
      at.history.push({
        epoch: at.epoch + 1,
        trainLoss: at.lossSum / Math.max(1, at.lossCount),
        validScore: score,
        learningRate: plateau ? plateau.rate : rateAt(options.schedule, options.learningRate, at.step - 1, totalSteps),
        seconds: (Date.now() - epochStart) / 1000,
      });
      at.lossSum = 0;
      at.lossCount = 0;
      if (score > at.best) {
        at.best = score;
        at.bestEpoch = at.epoch + 1;
        at.stale = 0;
        const kept = average ?? state;
        best = { parameters: kept.parameters.slice(), buffers: kept.buffers.slice() };
      } else at.stale += 1;
      plateau?.observe(score);
      at.epoch += 1;
      finished = at.step >= totalSteps || (options.patience !== undefined && at.stale >= Math.max(1, options.patience));
    }
  } catch (error) {
    await closeForwards();
    throw error;
  } finally {
    await step.dispose();
  }
  if (options.checkpoint && !options.checkpoint.keep) await rm(options.checkpoint.path, { force: true });
  return {
    state: best,
    layout,
    history: at.history,
    bestEpoch: at.bestEpoch,
    bestScore: at.best,
    steps: at.step,
    losses: at.losses,
    parameterCount: layout.parameters.total,
    evaluate: evaluateWith(() => best),
    dispose: closeForwards,
  };
}

function checkOptions(network: Network, data: TrainingData, options: TrainOptions): void {
  if (data.rows === 0) throw new Error(`${network.label}: there are no rows to train on`);
  const { batchSize, epochs, maxSteps } = options;
  for (const [name, value] of Object.entries({ batchSize, epochs, maxSteps }))
    if (value !== undefined && (!Number.isInteger(value) || value < 1))
      throw new Error(`${network.label}: ${name} must be a whole number above 0, not ${value}`);
  if (!options.score && (options.patience !== undefined || options.schedule.kind === 'plateau'))
    throw new Error(`${network.label}: patience and the plateau schedule follow a validation score: give \`score\``);
}

/** Hash of everything that decides the numbers of a run, as far as the loop can see it. */
function setUpOf(data: TrainingData, options: TrainOptions, layout: NetworkLayout): string {
  const { seed, optimiser, learningRate, schedule, batchSize, epochs, patience, maxSteps, averageDecay } = options;
  const parts = { seed, optimiser, learningRate, schedule, batchSize, epochs, patience, maxSteps, averageDecay };
  const { dataSeed, fingerprint } = options;
  const { names, shapes } = layout.parameters;
  return hashJson({ ...parts, dataSeed, fingerprint, rows: data.rows, names, shapes });
}

/** One output for all rows, in order, batch by batch (smaller ones where memory is short). Rows out must be rows in. */
export async function runAll(
  forward: Forward,
  state: NetworkState,
  data: TrainingData,
  output: string,
  batchSize: number,
): Promise<Float32Array> {
  let values: Float32Array | undefined;
  await runInBatches(data.rows, batchSize, async (start, end) => {
    const rows = Int32Array.from({ length: end - start }, (_, i) => start + i);
    const result = (await forward.run(state, data.feeds(rows, null)))[output];
    if (result.dims[0] !== rows.length)
      throw new Error(`output '${output}' is [${result.dims.join(', ')}] for ${rows.length} rows given`);
    const width = result.data.length / rows.length;
    values ??= new Float32Array(data.rows * width);
    if (values.length !== data.rows * width)
      throw new Error(`output '${output}' has ${width} values per row, and had ${values.length / data.rows} before`);
    values.set(result.data as Float32Array, start * width);
  });
  return values ?? new Float32Array(0);
}
