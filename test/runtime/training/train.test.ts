/** The training loop: what a run's numbers depend on, what is kept, and what a killed run goes on with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../../src/runtime/arrays/safetensors.ts';
import { initialState } from '../../../src/runtime/training/network.ts';
import {
  type TrainedNetwork,
  type TrainingData,
  type TrainOptions,
  train,
} from '../../../src/runtime/training/train.ts';
import { relativeError } from '../../onnx/helpers.ts';
import { score, TOY_OPTIONS, toyData, toyNetwork } from '../fixtures/toy-network.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-'));
});
afterAll(() => rm(folder, { recursive: true }));

const data = toyData(50, 1, 0.3);
const valid = toyData(30, 2);
const plain = toyNetwork();
/** Everything random and everything that carries over from step to step. */
const everything = toyNetwork({ dropout: 0.2, batchNorm: true });
const scored = { score: (evaluate: TrainedNetwork['evaluate']) => score(evaluate, valid) };

async function run(
  network = plain,
  options: Partial<TrainOptions> = {},
  rows: TrainingData = data,
): Promise<TrainedNetwork> {
  const trained = await train(network, rows, { ...TOY_OPTIONS, ...options });
  await trained.dispose();
  return trained;
}
/** What must be equal in two runs that are the same run. */
const numbers = ({ state, losses, history, bestEpoch, bestScore, steps }: TrainedNetwork) => ({
  state,
  losses,
  history: history.map(({ seconds, ...record }) => record),
  bestEpoch,
  bestScore,
  steps,
});

/** Makes `score` give these values, epoch by epoch. */
const scripted = (scores: readonly number[]) => {
  let epoch = 0;
  return { score: async () => scores[epoch++], epochs: scores.length };
};

describe('the numbers of a run', () => {
  it('are a function of the seed', async () => {
    const first = await run(everything, scored);
    expect(numbers(await run(everything, scored))).toEqual(numbers(first));
    const other = await run(everything, { ...scored, seed: 2 });
    expect(other.state.parameters).not.toEqual(first.state.parameters);
    expect(other.losses[0]).not.toEqual(first.losses[0]);
  });

  it('are of the same rows in the same order with the same augmentation where the data has a seed of its own', async () => {
    const seenBy = async (options: Partial<TrainOptions>) => {
      const seen: unknown[] = [];
      const watched: TrainingData = {
        rows: data.rows,
        feeds(rows, random) {
          seen.push([...rows], random?.next());
          return data.feeds(rows, random);
        },
      };
      const { state } = await run(everything, { ...options, epochs: 2 }, watched);
      return { seen, weights: state.parameters };
    };
    const first = await seenBy({ seed: 1, dataSeed: 9 });
    const other = await seenBy({ seed: 2, dataSeed: 9 });
    expect(other.seen).toEqual(first.seen);
    expect(other.weights).not.toEqual(first.weights);
    expect((await seenBy({ seed: 1, dataSeed: 8 })).seen).not.toEqual(first.seen);
    expect((await seenBy({ seed: 9 })).seen).toEqual(first.seen);
  });

  it('cover every row once per epoch, the last batch being what is left', async () => {
    const seen: number[] = [];
    const feeds: typeof data.feeds = (rows, random) => {
      seen.push(...rows);
      return data.feeds(rows, random);
    };
    await run(plain, { epochs: 2 }, { ...data, feeds });
    const all = Array.from({ length: 50 }, (_, row) => row);
    const [first, second] = [seen.slice(0, 50), seen.slice(50)];
    expect(first.toSorted((a, b) => a - b)).toEqual(all);
    expect(second.toSorted((a, b) => a - b)).toEqual(all);
    expect(second).not.toEqual(first);
  });

  it('leave out a lone last row where batch statistics are taken, and only there', async () => {
    const rows = toyData(33, 1);
    expect((await run(everything, { epochs: 2 }, rows)).losses.map(({ step }) => step)).toEqual([1, 2, 4, 5]);
    expect((await run(plain, { epochs: 2 }, rows)).losses.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('stop at the step asked for, with that epoch scored', async () => {
    const trained = await run(plain, { ...scored, maxSteps: 6 });
    expect(trained.steps).toBe(6);
    expect(trained.history.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(trained.history[1].validScore).toBe(await rescore(trained));
  });

  it('may start from given weights, which stay as they are', async () => {
    const { state } = initialState(plain, 5);
    const before = state.parameters.slice();
    const trained = await run(plain, { initial: state, learningRate: 0, epochs: 1, optimiser: { kind: 'sgd' } });
    expect(trained.state.parameters).toEqual(before);
    expect(state.parameters).toEqual(before);
    const wrong = { ...state, buffers: new Float32Array(2) };
    await expect(run(plain, { initial: wrong })).rejects.toThrow('toy: initial buffers have 2 values, 0 are needed');
  });
});

async function rescore(trained: TrainedNetwork, network = plain): Promise<number> {
  const again = await train(network, data, {
    ...TOY_OPTIONS,
    ...scored,
    initial: trained.state,
    optimiser: { kind: 'sgd' },
    learningRate: 0,
    epochs: 1,
  });
  await again.dispose();
  return again.bestScore;
}

describe('early stopping', () => {
  it('gives back the weights of the best epoch: they have its score', async () => {
    // Few rows and a high rate: soon overfitted.
    const trained = await train(plain, toyData(20, 1), { ...TOY_OPTIONS, ...scored, learningRate: 0.1, epochs: 12 });
    const scores = trained.history.map(({ validScore }) => validScore);
    expect(trained.bestScore).toBe(Math.max(...scores));
    expect(trained.bestEpoch).toBe(scores.indexOf(trained.bestScore) + 1);
    expect(trained.bestEpoch).toBeLessThan(12);
    expect(await score(trained.evaluate, valid)).toBe(trained.bestScore);
    await trained.dispose();
  });

  it.each([
    [2, [1, 3, 2, 3, 9], 4],
    [1, [1, 0, 9], 2],
    [0, [1, 0, 9], 2],
    [3, [1, 0, 0, 5, 4], 5],
  ])('after %d epochs without a better score: %o ends after epoch %d', async (patience, scores, epochs) => {
    const trained = await run(plain, { patience, ...scripted(scores) });
    expect(trained.history).toHaveLength(epochs);
    expect(trained.bestScore).toBe(Math.max(...scores.slice(0, epochs)));
  });

  it('needs a score, and without one the last weights are kept', async () => {
    await expect(run(plain, { patience: 3 })).rejects.toThrow('give `score`');
    const schedule = { kind: 'plateau', factor: 0.5, patience: 1, minimum: 1e-6 } as const;
    await expect(run(plain, { schedule })).rejects.toThrow('give `score`');
    expect((await run()).bestEpoch).toBe(TOY_OPTIONS.epochs);
  });

  it('refuses a score that is not a number', async () => {
    await expect(run(plain, scripted([1, Number.NaN]))).rejects.toThrow(
      'toy: the validation score after epoch 2 is not a number',
    );
  });
});

describe('a schedule', () => {
  it('that follows the plateau lowers the rate when the score stalls', async () => {
    const schedule = { kind: 'plateau', factor: 0.5, patience: 1, minimum: 1e-6 } as const;
    const trained = await run(plain, { schedule, learningRate: 0.1, ...scripted([-3, -2, -2, -2, -2, -1]) });
    expect(trained.history.map(({ learningRate }) => learningRate)).toEqual([0.1, 0.1, 0.1, 0.1, 0.05, 0.05]);
  });

  it('spans the steps that are made', async () => {
    const trained = await run(plain, { schedule: { kind: 'cosine' }, maxSteps: 6 });
    expect(trained.history[1].learningRate).toBeCloseTo(0.02 * 0.5 * (1 + Math.cos((Math.PI * 5) / 6)), 10);
  });
});

describe('the moving average of weights', () => {
  it('is what is scored and kept', async () => {
    const steady = { ...scored, schedule: { kind: 'constant' }, epochs: 1 } as const;
    const slow = await run(plain, { ...steady, averageDecay: 0.3 });
    // By hand, from the weights that the same run without it has after each step.
    const average = initialState(plain, 1).state.parameters;
    for (let step = 0; step < slow.steps; step++) {
      const share = 1 - Math.min(0.3, (1 + step) / (10 + step));
      const { state } = await run(plain, { ...steady, maxSteps: step + 1 });
      for (let i = 0; i < average.length; i++) average[i] += share * (state.parameters[i] - average[i]);
    }
    expect(relativeError(slow.state.parameters, average)).toBeLessThan(1e-6);
    expect(slow.bestScore).toBe(await rescore(slow));
    expect(slow.losses).toEqual((await run(plain, steady)).losses);
  });
});

describe('a run that goes wrong', () => {
  it('stops at the step whose loss is not a number', async () => {
    const poisoned = {
      ...data,
      feeds: (rows: Int32Array) => {
        const feeds = data.feeds(rows, null);
        if (rows.includes(7)) (feeds.x.data as Float32Array)[3] = Number.NaN;
        return feeds;
      },
    };
    const steps: number[] = [];
    const failed = run(plain, { onStep: (step) => steps.push(step) }, poisoned);
    const message = await failed.catch((error: Error) => error.message);
    expect(message).toContain(
      `toy: the loss became NaN, its gradient's norm NaN, at step ${steps.length + 1} (epoch 1`,
    );
    expect(message).toContain('look for NaN in the input');
  });

  it('refuses settings that make no sense', async () => {
    await expect(run(plain, { batchSize: 0 })).rejects.toThrow('batchSize must be a whole number above 0, not 0');
    await expect(run(plain, { epochs: 1.5 })).rejects.toThrow('epochs must be a whole number above 0, not 1.5');
    await expect(run(plain, { maxSteps: 0 })).rejects.toThrow('maxSteps must be a whole number above 0, not 0');
    await expect(run(plain, {}, toyData(0, 1))).rejects.toThrow('toy: there are no rows to train on');
  });
});

describe('a killed run goes on from its checkpoint with the same numbers', () => {
  const SETTINGS: readonly (readonly [string, Partial<TrainOptions>])[] = [
    ['cosine', {}],
    ['plateau', { schedule: { kind: 'plateau', factor: 0.1, patience: 0, minimum: 1e-6 }, learningRate: 0.3 }],
    ['average', { averageDecay: 0.9, schedule: { kind: 'oneCycle' } }],
    ['short', { maxSteps: 14 }],
  ];

  it.each(SETTINGS)('%s: killed anywhere', async (name, options) => {
    const settings = { ...scored, patience: 3, ...options };
    const whole = numbers(await run(everything, settings));
    const path = join(folder, `${name}.safetensors`);
    const checkpoint = { path, seconds: 0 };
    // Killed again and again: in the first epoch of 4 steps, at the start of another, in the last.
    let interrupted = 0;
    for (const stop of [2, 5, 9, 14, 16]) {
      const onStep = (step: number) => {
        if (step === stop) throw new Error('pulled the plug');
      };
      const failed = await run(everything, { ...settings, checkpoint, onStep }).catch((error: Error) => error);
      if (!(failed instanceof Error)) break;
      expect(failed.message).toBe('pulled the plug');
      interrupted += 1;
    }
    expect(interrupted).toBeGreaterThan(2);
    expect(numbers(await run(everything, { ...settings, checkpoint }))).toEqual(whole);
    expect(existsSync(path)).toBe(false);
  });

  it.each([4, 16])('killed after step %d was saved and before its epoch was scored', async (stop) => {
    const whole = numbers(await run(everything, scored));
    const checkpoint = { path: join(folder, `unscored${stop}.safetensors`), seconds: 0 };
    let steps = 0;
    const dying = async (evaluate: TrainedNetwork['evaluate']) => {
      if (steps === stop) throw new Error('pulled the plug');
      return score(evaluate, valid);
    };
    const killed = run(everything, { checkpoint, score: dying, onStep: (step) => (steps = step) });
    await expect(killed).rejects.toThrow('pulled the plug');
    expect(numbers(await run(everything, { ...scored, checkpoint }))).toEqual(whole);
  });

  it('killed by the operating system', async () => {
    const path = join(folder, 'killed.safetensors');
    const script = fileURLToPath(new URL('../fixtures/train-and-die.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (text: Buffer) => {
      if (Number(text.toString().trim().split('\n').at(-1)) >= 6) child.kill('SIGKILL');
    });
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
    const { position } = (await readSafetensors(path)).metadata;
    expect(JSON.parse(position).step).toBeGreaterThanOrEqual(5);
    expect(JSON.parse(position).step).toBeLessThan(16);
    const resumed = await run(everything, { ...scored, checkpoint: { path, seconds: 0 } });
    expect(numbers(resumed)).toEqual(numbers(await run(everything, scored)));
  });
});

describe('a checkpoint', () => {
  const path = () => join(folder, 'kept.safetensors');
  const kept = () => ({ checkpoint: { path: path(), seconds: 0, keep: true }, fingerprint: 'these rows' });
  beforeAll(() => run(plain, kept()));

  it.each([
    ['seed', { seed: 2 }],
    ['learning rate', { learningRate: 0.01 }],
    ['optimiser', { optimiser: { kind: 'sgd' } }],
    ['number of epochs', { epochs: 5 }],
    ['data', { fingerprint: 'other rows' }],
  ] as const)('of another %s is refused', async (_what, change) => {
    await expect(run(plain, { ...kept(), ...change })).rejects.toThrow(
      /kept\.safetensors is the checkpoint of another training set-up than 'toy'.*Delete it/,
    );
  });

  it('of another network is refused, and a damaged one too', async () => {
    await expect(run(everything, kept())).rejects.toThrow('another training set-up');
    await writeFile(path(), 'not a checkpoint');
    await expect(run(plain, kept())).rejects.toThrow(/kept\.safetensors: .*safetensors/);
  });
});
