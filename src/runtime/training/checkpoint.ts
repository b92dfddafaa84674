/** The state of a training run in one `.safetensors` file, from which a killed run goes on with the same numbers. */
import { existsSync } from 'node:fs';
import { readSafetensors, writeSafetensors } from '../arrays/safetensors.ts';
import type { NetworkState } from './network.ts';

export interface EpochRecord {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validScore: number;
  readonly learningRate: number;
  readonly seconds: number;
}

/** The mean loss of the `steps` steps that end with `step`. */
export interface LossPoint {
  step: number;
  loss: number;
  steps: number;
}

const LOSS_POINTS = 1000;

/** Adds a step's loss to a curve that never holds more than a thousand points: when it is full, neighbours are joined. */
export function recordLoss(points: LossPoint[], step: number, loss: number): void {
  const stretch = points[0]?.steps ?? 1;
  const last = points[points.length - 1];
  if (last && last.steps < stretch) {
    last.loss += (loss - last.loss) / (last.steps + 1);
    last.steps += 1;
    last.step = step;
    return;
  }
  if (points.length === LOSS_POINTS) {
    const joined = Array.from({ length: LOSS_POINTS / 2 }, (_, i): LossPoint => {
      const [a, b] = [points[2 * i], points[2 * i + 1]];
      return { step: b.step, loss: (a.loss + b.loss) / 2, steps: a.steps + b.steps };
    });
    points.splice(0, points.length, ...joined);
  }
  points.push({ step, loss, steps: 1 });
}

/** Where in the run the loop is, and what it has seen. */
export interface Position {
  epoch: number;
  step: number;
  /** Epochs since the best one. */
  stale: number;
  best: number;
  bestEpoch: number;
  history: EpochRecord[];
  losses: LossPoint[];
  plateau?: { best: number; bad: number; rate: number };
  /** Sum and count of this epoch's losses so far. */
  lossSum: number;
  lossCount: number;
}

const FORMAT = 'glm-bench/checkpoint@1';

/** Writes position, weights, best and average weights, and moments. `setUp` names what the run was made of. */
export async function saveCheckpoint(
  path: string,
  setUp: string,
  position: Position,
  state: NetworkState,
  best: NetworkState,
  moments: readonly Float32Array[],
  average: NetworkState | undefined,
): Promise<void> {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const add = (name: string, data: Float32Array) => {
    if (data.length > 0) tensors.set(name, { shape: [data.length], data });
  };
  add('parameters', state.parameters);
  add('buffers', state.buffers);
  add('bestParameters', best.parameters);
  add('bestBuffers', best.buffers);
  if (average) {
    add('averageParameters', average.parameters);
    add('averageBuffers', average.buffers);
  }
  moments.forEach((moment, i) => {
    add(`moment${i}`, moment);
  });
  // JSON has no -Infinity: a score not yet set becomes null.
  await writeSafetensors(path, tensors, { format: FORMAT, setUp, position: JSON.stringify(position) });
}

/** The checkpoint, or undefined where there is no file. Throws where it is damaged or that of another set-up. */
export async function loadCheckpoint(
  path: string,
  setUp: string,
  label: string,
): Promise<{ position: Position; tensors: Record<string, Float32Array> } | undefined> {
  if (!existsSync(path)) return undefined;
  const { metadata, tensors } = await readSafetensors(path);
  if (metadata.format !== FORMAT || metadata.setUp !== setUp)
    throw new Error(
      `${path} is the checkpoint of another training set-up than '${label}' with these settings and data. ` +
        'Delete it to start anew, or give the settings it was made with.',
    );
  const position = JSON.parse(metadata.position) as Position;
  const { plateau } = position;
  return {
    position: {
      ...position,
      best: scoreOf(position.best),
      plateau: plateau && { ...plateau, best: scoreOf(plateau.best) },
    },
    tensors: Object.fromEntries([...tensors].map(([name, tensor]) => [name, tensor.data])),
  };
}

const scoreOf = (stored: number | null): number => stored ?? Number.NEGATIVE_INFINITY;
