/**
 * The training loop: epochs of shuffled batches, a schedule, a score on validation rows after every epoch, early stopping with the
 * best weights restored, and checkpoints from which a killed run goes on with the same numbers. Everything random (first weights, order
 * of rows, dropout, augmentation) is a pure function of the seed and of where in the run it happens.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { momentCount, type OptimiserOptions } from '../onnx/optimisers.ts';
import { createRandom, type Random } from '../random.ts';
import {
  type Compute,
  compileForward,
  compileTrainingStep,
  type Feeds,
  type Forward,
  initialState,
  type Network,
  type NetworkLayout,
  type NetworkState,
} from './network.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { Plateau, rateAt, type Schedule } from './schedules.ts';

export interface TrainingData {
  readonly rows: number;
  /** Inputs of one batch. `random` is for augmentation: null at evaluation, otherwise seeded by (seed, step). */
  feeds(rows: Int32Array, random: Random | null): Feeds;
}

export interface EpochRecord {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validScore: number;
  readonly learningRate: number;
  readonly seconds: number;
}

/** Runs the network, with the weights of the moment, on rows of some data. */
export type Evaluate = (data: TrainingData, output: string) => Promise<Float32Array>;

export interface TrainOptions extends Compute {
  readonly seed: number | string;
  readonly optimiser: OptimiserOptions;
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly batchSize: number;
  readonly epochs: number;
  /** Stop after this many epochs without a better validation score. Default: never. */
  readonly patience?: number;
  /** Stop after this many steps, whatever the epoch; the schedule then spans these steps. */
  readonly maxSteps?: number;
  /** Rows per epoch-end evaluation batch. Default: batchSize * 4. */
  readonly evaluationBatch?: number;
  /** Score of the weights of the moment, larger is better. Without it the last weights are kept. */
  readonly score?: (evaluate: Evaluate) => Promise<number>;
  readonly progress?: (fraction: number, message: string) => void;
  /** Called after every step; throwing ends the run. */
  readonly onStep?: (step: number, loss: number) => void;
  /** File from which a killed run goes on, written every `seconds`. Removed when the run ends, unless `keep`. */
  readonly checkpoint?: { readonly path: string; readonly seconds: number; readonly keep?: boolean };
  /** Names the set-up in checkpoints: one of another set-up is refused. */
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
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly parameterCount: number;
  /** Outputs for every row of `data`, concatenated. */
  evaluate: Evaluate;
  dispose(): Promise<void>;
}

interface Position {
  epoch: number;
  step: number;
  stale: number;
  best: number;
  bestEpoch: number;
  history: EpochRecord[];
  losses: { step: number; loss: number }[];
  plateau?: { best: number; bad: number; rate: number };
  /** Sum and count of this epoch's losses so far. */
  lossSum: number;
  lossCount: number;
}

/** Trains `network` on `data`. Throws when the loss is not finite. */
export async function train(network: Network, data: TrainingData, options: TrainOptions): Promise<TrainedNetwork> {
  if (data.rows === 0) throw new Error(`${network.label}: there are no rows to train on`);
  const compute: Compute = { device: options.device, threads: options.threads };
  const { state: first, layout } = initialState(network, options.seed);
  const state: NetworkState = options.initial
    ? { parameters: options.initial.parameters.slice(), buffers: options.initial.buffers.slice() }
    : first;
  if (state.parameters.length !== layout.parameters.total)
    throw new Error(
      `${network.label}: initial weights have ${state.parameters.length} values, ${layout.parameters.total} are needed`,
    );
  let moments: Float32Array[] = Array.from(
    { length: momentCount(options.optimiser.kind) },
    () => new Float32Array(layout.parameters.total),
  );
  let best: NetworkState = { parameters: state.parameters.slice(), buffers: state.buffers.slice() };
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

  const perEpoch = Math.ceil(data.rows / options.batchSize);
  const totalSteps = Math.min(options.maxSteps ?? Number.POSITIVE_INFINITY, perEpoch * options.epochs);
  const fingerprint = options.fingerprint ?? '';
  if (options.checkpoint) {
    const saved = await loadCheckpoint(options.checkpoint.path, fingerprint, network);
    if (saved) {
      Object.assign(at, saved.position);
      state.parameters = saved.tensors.parameters;
      state.buffers = saved.tensors.buffers ?? state.buffers;
      best = { parameters: saved.tensors.bestParameters, buffers: saved.tensors.bestBuffers ?? best.buffers };
      moments = moments.map((_, i) => saved.tensors[`moment${i}`]);
    }
  }
  const plateau = options.schedule.kind === 'plateau' ? new Plateau(options.schedule, options.learningRate) : undefined;
  if (plateau && at.plateau) plateau.restore(at.plateau);

  const step = await compileTrainingStep(network, options.optimiser, options.seed, compute);
  let forward: Forward | undefined;
  const forwards = new Map<string, Forward>();
  const evaluateWith =
    (weights: () => NetworkState): Evaluate =>
    async (rows, output) => {
      forward = forwards.get(output) ?? (await compileForward(network, [output], compute));
      forwards.set(output, forward);
      return runAll(forward, weights(), rows, output, options.evaluationBatch ?? options.batchSize * 4);
    };

  let savedAt = Date.now();
  let finished = at.step >= totalSteps || (options.patience !== undefined && at.stale > options.patience);
  const startStep = at.step;
  const started = Date.now();
  try {
    while (!finished && at.epoch < options.epochs) {
      const epochStart = Date.now();
      const order = createRandom(`order:${options.seed}:${at.epoch}`).shuffle(
        Array.from({ length: data.rows }, (_, i) => i),
      );
      for (let batch = at.step - at.epoch * perEpoch; batch < perEpoch && at.step < totalSteps; batch++) {
        const rows = Int32Array.from(order.slice(batch * options.batchSize, (batch + 1) * options.batchSize));
        // Batch statistics of a single row are meaningless: a lone last row waits for another epoch.
        if (rows.length === 1 && layout.buffers.total > 0 && perEpoch > 1) {
          at.step += 1;
          continue;
        }
        const feeds = data.feeds(rows, createRandom(`augment:${options.seed}:${at.step}`));
        const rate = plateau ? plateau.rate : rateAt(options.schedule, options.learningRate, at.step, totalSteps);
        const { loss } = await step.run(state, moments, feeds, rate, at.step);
        if (!Number.isFinite(loss))
          throw new Error(
            `${network.label}: the loss became ${loss} at step ${at.step + 1} (epoch ${at.epoch + 1}, learning rate ${rate.toPrecision(3)}). ` +
              'Lower the learning rate or clip the gradient; if it happens at step 1, look for NaN in the input.',
          );
        at.step += 1;
        at.lossSum += loss;
        at.lossCount += 1;
        at.losses.push({ step: at.step, loss });
        options.onStep?.(at.step, loss);
        const speed = (at.step - startStep) / Math.max(1, Date.now() - started);
        options.progress?.(
          at.step / totalSteps,
          `epoch ${at.epoch + 1}/${options.epochs}, step ${at.step}/${totalSteps}, loss ${loss.toPrecision(4)}, ${(speed * 1000 * options.batchSize).toFixed(0)} rows/s`,
        );
        if (options.checkpoint && Date.now() - savedAt > options.checkpoint.seconds * 1000) {
          at.plateau = plateau?.state();
          await saveCheckpoint(options.checkpoint.path, fingerprint, at, state, best, moments);
          savedAt = Date.now();
        }
      }
      const score = options.score ? await options.score(evaluateWith(() => state)) : at.epoch;
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
        best = { parameters: state.parameters.slice(), buffers: state.buffers.slice() };
      } else at.stale += 1;
      plateau?.observe(score);
      at.epoch += 1;
      finished = at.step >= totalSteps || (options.patience !== undefined && at.stale > options.patience);
    }
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
    dispose: async () => {
      for (const session of forwards.values()) await session.dispose();
    },
  };
}

/** One output for all rows, in order, batch by batch. Rows out must be rows in. */
export async function runAll(
  forward: Forward,
  state: NetworkState,
  data: TrainingData,
  output: string,
  batchSize: number,
): Promise<Float32Array> {
  let values: Float32Array | undefined;
  for (let start = 0; start < data.rows; start += batchSize) {
    const rows = Int32Array.from({ length: Math.min(batchSize, data.rows - start) }, (_, i) => start + i);
    const result = (await forward.run(state, data.feeds(rows, null)))[output];
    const width = result.data.length / rows.length;
    if (result.dims[0] !== rows.length)
      throw new Error(`output '${output}' has ${result.dims[0]} rows for ${rows.length} given`);
    values ??= new Float32Array(data.rows * width);
    values.set(result.data as Float32Array, start * width);
  }
  return values ?? new Float32Array(0);
}

const CHECKPOINT_FORMAT = 'glm-bench/checkpoint@1';

async function saveCheckpoint(
  path: string,
  fingerprint: string,
  position: Position,
  state: NetworkState,
  best: NetworkState,
  moments: readonly Float32Array[],
): Promise<void> {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const add = (name: string, data: Float32Array) => {
    if (data.length > 0) tensors.set(name, { shape: [data.length], data });
  };
  add('parameters', state.parameters);
  add('buffers', state.buffers);
  add('bestParameters', best.parameters);
  add('bestBuffers', best.buffers);
  moments.forEach((moment, i) => {
    add(`moment${i}`, moment);
  });
  // JSON has no -Infinity: an unset best is null.
  const text = JSON.stringify({ ...position, best: Number.isFinite(position.best) ? position.best : null });
  await writeSafetensors(path, tensors, { format: CHECKPOINT_FORMAT, fingerprint, position: text });
}

async function loadCheckpoint(
  path: string,
  fingerprint: string,
  network: Network,
): Promise<{ position: Position; tensors: Record<string, Float32Array> } | undefined> {
  if (!existsSync(path)) return undefined;
  const file = await readSafetensors(path);
  const { format, fingerprint: found, position } = file.metadata;
  if (format !== CHECKPOINT_FORMAT || found !== fingerprint)
    throw new Error(
      `${path} is the checkpoint of another training set-up than '${network.label}' with these settings. Delete it to start anew, or give the settings it was made with.`,
    );
  const parsed = JSON.parse(position) as Position & { best: number | null };
  return {
    position: { ...parsed, best: parsed.best ?? Number.NEGATIVE_INFINITY },
    tensors: Object.fromEntries([...file.tensors].map(([name, tensor]) => [name, tensor.data])),
  };
}
