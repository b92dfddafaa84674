/** Six steps of every optimiser against torch.optim (goldens/optimisers.py), each step from the engine's own state. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { bindFlat, flatten, layoutOf, unflatten } from '../../src/onnx/flat.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { zeros } from '../../src/onnx/initialisers.ts';
import { linear } from '../../src/onnx/layers.ts';
import * as op from '../../src/onnx/ops.ts';
import { corrections, momentCount, type OptimiserOptions, update } from '../../src/onnx/optimisers.ts';
import { serialise } from '../../src/onnx/serialise.ts';
import { openSession } from '../../src/runtime/session.ts';
import { floats, type GoldenTensors, readGolden, relativeError, typed } from './helpers.ts';

interface Step {
  readonly learningRate: number;
  readonly loss: number;
  readonly gradients: GoldenTensors;
  readonly gradientNorm: number;
  readonly parameters: GoldenTensors;
  readonly state: Readonly<Partial<Record<'momentum' | 'firstMoment' | 'secondMoment', GoldenTensors>>>;
}
interface Case {
  readonly name: string;
  readonly optimiser: 'sgd' | 'adam' | 'adamW';
  readonly settings: Readonly<Record<string, number | null>>;
  readonly problem: GoldenTensors;
  readonly initial: GoldenTensors;
  readonly steps: readonly Step[];
}

const cases = readGolden<Case[]>('optimisers.golden.json').filter((item) => 'steps' in item);

function optionsOf({ optimiser, settings }: Case): OptimiserOptions {
  const { momentum, beta1, beta2, epsilon, weightDecay, clipNorm } = settings;
  return {
    kind: optimiser === 'adamW' ? 'adamw' : optimiser,
    momentum: momentum ?? undefined,
    beta1: beta1 ?? undefined,
    beta2: beta2 ?? undefined,
    epsilon: epsilon ?? undefined,
    weightDecay: weightDecay ?? undefined,
    maxGradientNorm: clipNorm ?? undefined,
  };
}

/** One step of loss = mean((tanh(x W^T + b) - y)^2) + 0.05 sum(W^4), as a graph from vectors to vectors. */
function stepGraph(item: Case, options: OptimiserOptions) {
  const graph = new Graph();
  const [x, y] = [item.problem.inputs, item.problem.targets].map((t) => graph.constant(typed(t), t.shape));
  const weight = graph.parameter('weight', [3, 4], zeros);
  const bias = graph.parameter('bias', [3], zeros);
  const entries = [...graph.parameters.values()];
  const flat = graph.input('parameters', 'float32', [layoutOf(entries).total]);
  const layout = bindFlat(flat, entries);
  const error = op.subtract(op.tanh(linear(x, weight, bias)), y);
  const square = op.multiply(weight, weight);
  const loss = op.add(
    op.reduceMean(op.multiply(error, error)),
    op.multiply(op.reduceSum(op.multiply(square, square)), 0.05),
  );
  const moments = Array.from({ length: momentCount(options.kind) }, (_, i) =>
    graph.input(`moment:${i}`, 'float32', [layout.total]),
  );
  const rate = graph.input('rate', 'float32', []);
  const correction = graph.input('corrections', 'float32', [2]);
  const gradient = flatten(graph, gradients(loss, [weight, bias]));
  const state = update(flat, gradient, moments, rate, correction, null, options);
  graph.output('loss', loss);
  graph.output('gradient', gradient);
  graph.output('gradientNorm', state.gradientNorm);
  graph.output('next', state.parameters);
  state.moments.forEach((moment, i) => {
    graph.output(`next:${i}`, moment);
  });
  return { graph, layout, moments: moments.length };
}

const flatOf = (tensors: GoldenTensors) => [...tensors.weight.data, ...tensors.bias.data];

describe('an optimiser walks as PyTorch does', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_name, item) => {
    const options = optionsOf(item);
    const { graph, layout, moments } = stepGraph(item, options);
    const session = await openSession(serialise(graph).bytes, { device: 'cpu', threads: 1, label: item.name });
    let parameters = floats(flatOf(item.initial), [layout.total]);
    let state = Array.from({ length: moments }, () => floats(new Float32Array(layout.total), [layout.total]));
    expect(item.steps).toHaveLength(6);
    for (const [i, step] of item.steps.entries()) {
      const feeds: Record<string, ReturnType<typeof floats>> = {
        parameters,
        rate: floats([step.learningRate], []),
        corrections: floats(corrections(options, i + 1), [2]),
      };
      state.forEach((moment, m) => {
        feeds[`moment:${m}`] = moment;
      });
      const given = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)));
      const results = await session.run(given);
      const at = `step ${i + 1}`;
      expect(relativeError(results.loss.data, [step.loss]), `${at}: loss`).toBeLessThan(2e-5);
      expect(relativeError(results.gradient.data, flatOf(step.gradients)), `${at}: gradient`).toBeLessThan(5e-5);
      expect(relativeError(results.gradientNorm.data, [step.gradientNorm]), `${at}: norm`).toBeLessThan(2e-5);
      expect(relativeError(results.next.data, flatOf(step.parameters)), `${at}: parameters`).toBeLessThan(5e-5);
      const { momentum, firstMoment, secondMoment } = step.state;
      [momentum ?? firstMoment, secondMoment].forEach((expected, m) => {
        if (expected)
          expect(relativeError(results[`next:${m}`].data, flatOf(expected)), `${at}: moment ${m}`).toBeLessThan(5e-5);
      });
      parameters = floats(results.next.data as Float32Array, [layout.total]);
      state = state.map((_, m) => floats(results[`next:${m}`].data as Float32Array, [layout.total]));
    }
    await session.dispose();
  });
});

describe('weight decay', () => {
  it.each(['sgd', 'adam', 'adamw'] as const)('%s leaves masked parameters alone', async (kind) => {
    // With a gradient of zero only decay moves anything.
    const graph = new Graph();
    const vector = (values: readonly number[]) => graph.constant(Float32Array.from(values), [values.length]);
    const options = { kind, weightDecay: 0.5 };
    const state = update(
      vector([1, 1]),
      vector([0, 0]),
      [vector([0, 0]), vector([0, 0])],
      graph.scalar(0.1),
      vector([...corrections(options, 1)]),
      vector([1, 0]),
      options,
    );
    graph.output('next', state.parameters);
    const session = await openSession(serialise(graph).bytes, { device: 'cpu', threads: 1 });
    const { next } = await session.run({});
    await session.dispose();
    expect(next.data[1]).toBe(1);
    expect(Number(next.data[0])).toBeLessThan(0.96);
  });
});

describe('flat vectors', () => {
  it('give every parameter its own stretch, by name', () => {
    const layout = layoutOf([
      { name: 'a', shape: [2, 2] },
      { name: 'b', shape: [] },
      { name: 'c', shape: [3] },
    ]);
    expect(layout.total).toBe(8);
    const values = unflatten(
      Float32Array.from({ length: 8 }, (_, i) => i),
      layout,
    );
    expect([...values]).toEqual([
      ['a', Float32Array.of(0, 1, 2, 3)],
      ['b', Float32Array.of(4)],
      ['c', Float32Array.of(5, 6, 7)],
    ]);
  });
});
