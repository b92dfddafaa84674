/** Compiled networks: weights as vectors, dropout masks, and training steps that are run in parts where memory is short. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Graph } from '../../../src/onnx/graph.ts';
import { dropout, type Mode } from '../../../src/onnx/layers/dropout.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { OutOfMemoryError } from '../../../src/runtime/session.ts';
import { compileForward, initialState, type Network } from '../../../src/runtime/training/network.ts';
import { train } from '../../../src/runtime/training/train.ts';
import { compileTrainingStep } from '../../../src/runtime/training/training-step.ts';
import { relativeError } from '../../onnx/helpers.ts';
import { score, TOY_OPTIONS, toyData, toyNetwork } from '../fixtures/toy-network.ts';

/** What a device with room for so many rows per run would do. */
const memory = vi.hoisted(() => ({ rows: Number.POSITIVE_INFINITY, refused: [] as number[] }));
vi.mock('../../../src/runtime/session.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../src/runtime/session.ts')>();
  const openSession: typeof original.openSession = async (model, options) => {
    const session = await original.openSession(model, options);
    return {
      ...session,
      run(feeds, outputs) {
        const rows = feeds.x?.dims[0] ?? 0;
        if (rows > memory.rows) {
          memory.refused.push(rows);
          return Promise.reject(new original.OutOfMemoryError(`${session.label}: no memory for ${rows} rows`));
        }
        return session.run(feeds, outputs);
      },
    };
  };
  return { ...original, openSession };
});
afterEach(() => {
  memory.rows = Number.POSITIVE_INFINITY;
  memory.refused = [];
});

const COMPUTE = { device: 'cpu', threads: 1 } as const;
const run = (network: Network, options = {}) => train(network, toyData(50, 1), { ...TOY_OPTIONS, ...options });

describe('a network', () => {
  it('starts from weights that only its seed decides, and buffers as declared', () => {
    const network = toyNetwork({ batchNorm: true });
    const { state, layout } = initialState(network, 7);
    expect(layout.parameters.names).toContain('second.weight');
    expect(state.parameters).toEqual(initialState(network, 7).state.parameters);
    expect(state.parameters).not.toEqual(initialState(network, 8).state.parameters);
    const { names, offsets, sizes } = layout.buffers;
    names.forEach((name, i) => {
      const values = state.buffers.subarray(offsets[i], offsets[i] + sizes[i]);
      expect(new Set(values), name).toEqual(new Set([name.endsWith('var') ? 1 : 0]));
    });
  });

  it('names the outputs it has when asked for another', async () => {
    await expect(compileForward(toyNetwork(), ['scores'], COMPUTE)).rejects.toThrow(
      "toy: the network has no output 'scores', only logits",
    );
  });
});

describe('where memory is short', () => {
  it.each([
    ['adamw', { kind: 'adamw', weightDecay: 0.01, maxGradientNorm: 0.5 }],
    ['sgd', { kind: 'sgd', momentum: 0.9 }],
  ] as const)('%s makes the same steps in parts as in whole batches, dropout included', async (_name, optimiser) => {
    const network = toyNetwork({ dropout: 0.3 });
    const whole = await run(network, { optimiser });
    memory.rows = 5; // 16 -> 8 -> 4 rows
    const parts = await run(network, { optimiser });
    expect(memory.refused).toEqual([16, 8]);
    parts.losses.forEach(({ loss }, i) => {
      expect(Math.abs(loss - whole.losses[i].loss), `loss ${i}`).toBeLessThan(1e-5);
    });
    expect(relativeError(parts.state.parameters, whole.state.parameters)).toBeLessThan(1e-5);
    expect(relativeError(whole.state.parameters, initialState(network, 1).state.parameters)).toBeGreaterThan(0.05);
  });

  it('evaluation halves its batches and gives every row once', async () => {
    const data = toyData(50, 1);
    const trained = await run(toyNetwork(), { epochs: 1 });
    const whole = await trained.evaluate(data, 'logits');
    memory.rows = 7;
    expect(relativeError(await trained.evaluate(data, 'logits'), whole)).toBeLessThan(1e-6);
    expect(memory.refused.length).toBeGreaterThan(0);
    await trained.dispose();
  });

  it('batch normalisation, which needs the whole batch, is an error that says so', async () => {
    memory.rows = 5;
    const failed = run(toyNetwork({ batchNorm: true }));
    await expect(failed).rejects.toThrow(OutOfMemoryError);
    await expect(failed).rejects.toThrow(
      /toy: a batch of 16 rows .* batch normalisation needs the whole batch\. Lower/,
    );
  });

  it('a row that does not fit alone ends the run', async () => {
    memory.rows = 0;
    await expect(run(toyNetwork())).rejects.toThrow('no memory for 1 rows');
  });
});

/** Two layers of dropout on x, each scaled by a weight of its own, so that the weights' gradients show the masks' means. */
const WIDTH = 400;
function maskNetwork(rate: number, symbolic = false): Network {
  return {
    label: 'masks',
    build(graph: Graph, mode: Mode) {
      const x = graph.input('x', 'float32', ['rows', symbolic ? 'width' : WIDTH]);
      const v = graph.parameter('v', [2], (_random, shape) => new Float32Array(shape[0]).fill(1));
      const scale = (i: number) => op.slice(v, 0, i, i + 1);
      const first = dropout(op.multiply(x, scale(0)), rate, mode);
      const second = dropout(op.multiply(x, scale(1)), rate, mode);
      return { loss: op.reduceMean(op.multiply(op.add(first, second), x)) };
    },
  };
}

/** Per step the mean of mask x^2 of both layers, from an SGD step of rate 1. */
async function maskMeans(network: Network, x: Float32Array, rows: number, steps: number, seed = 1) {
  const step = await compileTrainingStep(network, { kind: 'sgd' }, seed, COMPUTE);
  const means: [number, number][] = [];
  for (let i = 0; i < steps; i++) {
    const { state } = initialState(network, seed);
    const feeds = {
      x: { type: 'float32', data: x, dims: [rows, x.length / rows] },
      weights: { type: 'float32', data: new Float32Array(rows).fill(1), dims: [rows] },
    } as const;
    await step.run(state, [new Float32Array(2)], feeds, 1, i);
    const [first, second] = state.parameters;
    means.push([1 - first, 1 - second]);
  }
  await step.dispose();
  return means;
}

describe('dropout', () => {
  const ones = new Float32Array(100 * WIDTH).fill(1);

  it.each([0.1, 0.5, 0.8])('drops a share of %d and scales the rest, so that the mean stays', async (rate) => {
    const means = (await maskMeans(maskNetwork(rate), ones, 100, 3)).flat();
    const deviation = Math.sqrt(rate / (1 - rate) / ones.length);
    for (const mean of means) expect(Math.abs(mean - 1)).toBeLessThan(5 * deviation);
  });

  it('draws another mask for every layer, step and seed, and the same one again', async () => {
    const spread = Float32Array.from(ones, (_, i) => Math.sqrt((i * 7919) % 1009));
    const network = maskNetwork(0.5);
    const means = await maskMeans(network, spread, 100, 4);
    expect(new Set(means.flat().map((mean) => mean.toFixed(3))).size).toBe(8);
    expect(await maskMeans(network, spread, 100, 4)).toEqual(means);
    expect(await maskMeans(network, spread, 100, 4, 2)).not.toEqual(means);
  });

  it('is the same on an axis whose length only the batch knows, however long', async () => {
    const fixed = await maskMeans(maskNetwork(0.5), ones, 100, 2);
    expect(await maskMeans(maskNetwork(0.5, true), ones, 100, 2)).toEqual(fixed);
    const long = new Float32Array(2 ** 21).fill(1);
    const [[mean]] = await maskMeans(maskNetwork(0.5, true), long, 2, 1);
    expect(mean).toBeCloseTo(1, 2);
  });

  it('does not depend on how a batch is split, on such an axis either', async () => {
    const spread = Float32Array.from(ones, (_, i) => Math.sqrt((i * 7919) % 1009));
    const whole = await maskMeans(maskNetwork(0.5, true), spread, 100, 2);
    memory.rows = 30;
    const parts = await maskMeans(maskNetwork(0.5, true), spread, 100, 2);
    expect(memory.refused).toEqual([100, 50]);
    expect(relativeError(parts.flat(), whole.flat())).toBeLessThan(1e-5);
  });

  it('keeps away from axes whose length no input gives', async () => {
    const network: Network = {
      label: 'strided',
      build(graph, mode) {
        const x = graph.input('x', 'float32', ['rows', 'width']);
        const v = graph.parameter('v', [1], (_random, shape) => new Float32Array(shape[0]));
        return { loss: op.reduceMean(dropout(op.multiply(op.slice(x, 1, 0, 2 ** 31, 2), v), 0.5, mode)) };
      },
    };
    await expect(maskMeans(network, ones, 100, 1)).rejects.toThrow(/strided: dropout on \[rows, .*fixed length/);
  });
});

it('the toy network learns what it is for', async () => {
  const trained = await run(toyNetwork(), { epochs: 10 });
  expect(await score(trained.evaluate, toyData(200, 1))).toBeGreaterThan(-Math.log(3) + 0.2);
  await trained.dispose();
});
