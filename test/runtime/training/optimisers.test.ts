/** Six steps of every optimiser against torch.optim (test/onnx/goldens/optimisers.py), each step from the engine's own state. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { bindFlat, flatten, layoutOf } from '../../../src/onnx/flat-parameters.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import { zeros } from '../../../src/onnx/layers/initialisers.ts';
import { linear } from '../../../src/onnx/layers/layers.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { momentCount, type OptimiserOptions, update } from '../../../src/runtime/training/optimisers.ts';
import { floats, type GoldenTensors, readGolden, relativeError, typed } from '../../onnx/helpers.ts';

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

/** Loss and gradient of mean((tanh(x W^T + b) - y)^2) + 0.05 sum(W^4), as a graph of the flat parameters. */
function lossGraph(item: Case) {
  const graph = new Graph();
  const [x, y] = [item.problem.inputs, item.problem.targets].map((t) => graph.constant(typed(t), t.shape));
  const weight = graph.parameter('weight', [3, 4], zeros);
  const bias = graph.parameter('bias', [3], zeros);
  const entries = [...graph.parameters.values()];
  const layout = bindFlat(graph.input('parameters', 'float32', [layoutOf(entries).total]), entries);
  const error = op.subtract(op.tanh(linear(x, weight, bias)), y);
  const square = op.multiply(weight, weight);
  const loss = op.add(
    op.reduceMean(op.multiply(error, error)),
    op.multiply(op.reduceSum(op.multiply(square, square)), 0.05),
  );
  graph.output('loss', loss);
  graph.output('gradient', flatten(graph, gradients(loss, [weight, bias])));
  return { graph, total: layout.total };
}

const flatOf = (tensors: GoldenTensors) => [...tensors.weight.data, ...tensors.bias.data];

describe('an optimiser walks as PyTorch does', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_name, item) => {
    const options = optionsOf(item);
    const { graph, total } = lossGraph(item);
    const session = await openSession(serialise(graph).bytes, { device: 'cpu', threads: 1, label: item.name });
    const parameters = Float32Array.from(flatOf(item.initial));
    const moments = Array.from({ length: momentCount(options.kind) }, () => new Float32Array(total));
    // Two stretches, so that neither the first nor the last value is another's.
    const stretches = [
      { from: 0, to: 12, decay: true },
      { from: 12, to: total, decay: true },
    ];
    expect(item.steps).toHaveLength(6);
    for (const [i, step] of item.steps.entries()) {
      const results = await session.run({ parameters: floats(parameters, [total]) });
      const gradient = results.gradient.data as Float32Array;
      const at = `step ${i + 1}`;
      expect(relativeError(results.loss.data, [step.loss]), `${at}: loss`).toBeLessThan(2e-5);
      expect(relativeError(gradient, flatOf(step.gradients)), `${at}: gradient`).toBeLessThan(5e-5);
      const norm = update({ parameters, gradient, moments }, stretches, step.learningRate, i, options);
      expect(relativeError([norm], [step.gradientNorm]), `${at}: norm`).toBeLessThan(2e-5);
      expect(relativeError(parameters, flatOf(step.parameters)), `${at}: parameters`).toBeLessThan(5e-5);
      const { momentum, firstMoment, secondMoment } = step.state;
      [momentum ?? firstMoment, secondMoment].forEach((expected, m) => {
        if (expected) expect(relativeError(moments[m], flatOf(expected)), `${at}: moment ${m}`).toBeLessThan(5e-5);
      });
    }
    await session.dispose();
  });
});

/** One step of rate 0.1 from parameters of 1, [value, value]. */
function step(kind: OptimiserOptions['kind'], gradient: readonly number[], options: Partial<OptimiserOptions> = {}) {
  const vectors = {
    parameters: Float32Array.of(1, 1),
    gradient: Float32Array.from(gradient),
    moments: Array.from({ length: momentCount(kind) }, () => new Float32Array(2)),
  };
  const stretches = [0, 1].map((from) => ({ from, to: from + 1, decay: from === 0 }));
  update(vectors, stretches, 0.1, 0, { kind, ...options });
  return vectors;
}

describe.each(['sgd', 'adam', 'adamw'] as const)('%s', (kind) => {
  it('decays the stretches that say so, and leaves the others alone', () => {
    // With a gradient of zero only decay moves anything.
    const { parameters } = step(kind, [0, 0], { weightDecay: 0.5 });
    expect(parameters[1]).toBe(1);
    expect(parameters[0]).toBeLessThan(0.96);
  });

  it('keeps no moment too small for a normal float32 number, and no other sign or size', () => {
    const { moments } = step(kind, [1e-40, -1e-15]);
    for (const moment of moments) expect(moment[0]).toBe(0);
    expect(moments[0][1]).toBeLessThan(0);
    if (moments.length > 1) expect(moments[1][1] / (0.001 * 1e-30)).toBeCloseTo(1, 4);
  });
});
