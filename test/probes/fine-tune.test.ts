/** Fine-tuning: PyTorch's weights after the same steps, learning what no frozen probe can read, and what is refused. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';
import type { FrozenModel } from '../../src/models/model.ts';
import { unflatten } from '../../src/onnx/flat-parameters.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { DropoutSource } from '../../src/onnx/layers/dropout.ts';
import { loadBertFolder, randomKmerBert } from '../../src/pretraining/bert-folder.ts';
import {
  FINE_TUNE_DEFAULTS,
  fineTuneNetwork,
  fineTuneProbe,
  scaledRate,
  sequenceBatches,
  startingWeights,
} from '../../src/probes/fine-tune.ts';
import { logisticProbe } from '../../src/probes/linear/logistic.ts';
import type { ModelProbe, ProbeContext, TunableModel } from '../../src/probes/probe.ts';
import { encodeTargets } from '../../src/probes/target-encoding.ts';
import { initialState } from '../../src/runtime/training/network.ts';
import { rateAt } from '../../src/runtime/training/schedules.ts';
import { compileTrainingStep } from '../../src/runtime/training/training-step.ts';
import { TINY } from '../models/fixtures.ts';
import { relativeError } from '../onnx/helpers.ts';
import golden from './goldens/fine_tune.json' with { type: 'json' };
import { accuracy, context, negativeMse, targets } from './support.ts';

const FOLDER = fileURLToPath(new URL('../models/goldens/tiny-bert', import.meta.url));

/** The same model without dropout. */
const undropped = (model: TunableModel): TunableModel => ({ ...model, build: (graph) => model.build(graph) });

describe('steps of fine-tuning', () => {
  it('leave the weights that PyTorch leaves: BERT of transformers, AdamW, OneCycleLR (goldens/fine_tune.py)', async () => {
    const model = undropped(await loadBertFolder(FOLDER));
    const task = context('multiclass', golden.classes, accuracy);
    const network = fineTuneNetwork(model, task);
    const state = startingWeights(model, network, 0);
    const { layout } = initialState(network, 0);
    const weights = () => unflatten(state.parameters, layout.parameters);
    for (const [name, values] of Object.entries(golden.start)) weights().get(name)?.set(values);
    const before = new Map([...weights()].map(([name, values]) => [name, values.slice()]));

    const optimiser = { kind: 'adamw', weightDecay: golden.weightDecay } as const;
    const step = await compileTrainingStep(network, optimiser, 0, { device: 'cpu', threads: 1 });
    const encoding = encodeTargets(targets(golden.labels.length, 1, golden.labels), task);
    const data = sequenceBatches(model, golden.sequences, encoding);
    const moments = [new Float32Array(state.parameters.length), new Float32Array(state.parameters.length)];
    for (const [i, rows] of golden.batches.entries()) {
      const rate = rateAt({ kind: 'oneCycle' }, golden.rate, i, golden.batches.length);
      const { loss } = await step.run(state, moments, data.feeds(Int32Array.from(rows), null), rate, i);
      expect(Math.abs(loss - golden.losses[i])).toBeLessThan(1e-5);
    }
    await step.dispose();

    const after = weights();
    expect([...after.keys()].sort()).toEqual(Object.keys(golden.weights).sort());
    for (const [name, expected] of Object.entries(golden.weights)) {
      // The gradient of a key's bias is zero but for rounding, and Adam makes steps of full size of that.
      if (name.endsWith('attention.self.key.bias')) continue;
      const change = (values: ArrayLike<number> = []) =>
        Array.from(values, (value, i) => value - (before.get(name)?.[i] ?? Number.NaN));
      expect(relativeError(after.get(name) ?? [], expected), name).toBeLessThan(1e-4);
      expect(relativeError(change(after.get(name)), change(expected), 1e-6), `${name}: its change`).toBeLessThan(1e-3);
    }
  });
});

/**
 * Words of two letters, AC somewhere before GT (class 1) or after it (class 0): the mean over words says nothing of their order.
 */
function ordered(count: number, seed: number, words = 12) {
  const random = createRandom(`ordered:${seed}`);
  const labels = Array.from({ length: count }, () => random.integer(2));
  const sequences = labels.map((label) => {
    const others = Array.from({ length: words - 2 - random.integer(3) }, () => 'ACGT'[random.integer(4)].repeat(2));
    const [first, second] = [random.integer(others.length), random.integer(others.length)].sort((a, b) => a - b);
    others.splice(first, 0, label ? 'AC' : 'GT');
    others.splice(second + 1, 0, label ? 'GT' : 'AC');
    return others.join('');
  });
  return { sequences, targets: targets(count, 1, labels) };
}

const binary = context('binary', 2, accuracy);
const [train, valid, test] = [ordered(300, 1), ordered(150, 2), ordered(200, 3)];
const few = { train: ordered(40, 4), valid: ordered(20, 5) };
const random = () => randomKmerBert(TINY, 0);
const short = fineTuneProbe({ learningRates: [1e-2], epochs: 2 });

/** Tunes, predicts and closes. */
async function outcome(probe: ModelProbe, model: TunableModel, settings: ProbeContext, sequences = test.sequences) {
  const tuned = await probe.tune(model, few.train, few.valid, settings);
  const predictions = await tuned.predict(sequences);
  await tuned.dispose?.();
  return { predictions, ...tuned };
}

/** The best score on validation rows that logistic regression on any frozen layer reaches. */
async function frozenScore(model: FrozenModel): Promise<number> {
  const encoder = encoderOf(model, { device: 'cpu', threads: 1 });
  const layers = Array.from({ length: model.layers + 1 }, (_, layer) => ({ layer, pooling: 'mean' as const }));
  const [a, b] = [await encoder.embed(train.sequences, layers), await encoder.embed(valid.sequences, layers)];
  await encoder.dispose();
  const scores = layers.map(async (_, i) => {
    const rows = { features: a[i], targets: train.targets };
    const fitted = await logisticProbe().fit(rows, { features: b[i], targets: valid.targets }, binary);
    await fitted.dispose?.();
    return fitted.validationScore;
  });
  return Math.max(...(await Promise.all(scores)));
}

describe('fine-tuning', () => {
  it('learns what logistic regression reads from no frozen layer, and keeps the best epoch', async () => {
    const frozen = await frozenScore(random());
    const probe = fineTuneProbe({ learningRates: [3e-3], epochs: 25, patience: 25 });
    const tuned = await probe.tune(random(), train, valid, binary);
    expect(tuned.validationScore).toBeGreaterThan(frozen + 0.15);
    const predicted = await tuned.predict(test.sequences);
    expect(accuracy(test.targets, predicted)).toBeGreaterThan(frozen + 0.1);
    await tuned.dispose?.();
    const { history, ...details } = tuned.details as { history: { validScore: number }[]; peakRate: number };
    expect(Math.max(...history.map(({ validScore }) => validScore))).toBe(tuned.validationScore);
    expect(details).toMatchObject({ learningRate: 3e-3, peakRate: 1.5e-3 });
    expect(JSON.parse(JSON.stringify(tuned.details))).toEqual(tuned.details);
  });

  it('is a function of the seed; predictions do not depend on the order of sequences', async () => {
    const backwards = [...test.sequences].reverse();
    const [first, again, turned, other] = [
      await outcome(short, random(), binary),
      await outcome(short, random(), binary),
      await outcome(short, random(), binary, backwards),
      await outcome(short, random(), { ...binary, seed: 1 }),
    ];
    expect(again.predictions).toEqual(first.predictions);
    expect(other.predictions).not.toEqual(first.predictions);
    const { rows, columns, values } = turned.predictions;
    for (let r = 0; r < rows; r++)
      expect(values[r * columns]).toBeCloseTo(first.predictions.values[(rows - 1 - r) * columns], 5);
  });

  it('leaves the model as it was', async () => {
    const model = random();
    const before = structuredClone(new Map(model.values));
    await outcome(short, model, binary);
    expect(new Map(model.values)).toEqual(before);
  });

  it.each([
    { kind: 'multilabel', columns: 2, score: negativeMse },
    { kind: 'regression', columns: 1, score: negativeMse },
  ])('does $kind tasks', async ({ kind, columns, score }) => {
    const count = (sequence: string, letter: string) => sequence.split(letter).length - 1;
    const answers = (sequences: readonly string[]) =>
      targets(
        sequences.length,
        columns,
        sequences.flatMap((sequence) =>
          kind === 'regression'
            ? [100 + 10 * count(sequence, 'A')]
            : [count(sequence, 'A') > 4 ? 1 : 0, count(sequence, 'C') > 4 ? 1 : 0],
        ),
      );
    const [a, b] = [train, valid].map(({ sequences }) => ({ sequences, targets: answers(sequences) }));
    const probe = fineTuneProbe({ learningRates: [2e-2], epochs: 10, patience: 10 });
    const tuned = await probe.tune(random(), a, b, context(kind, columns, score));
    const predicted = await tuned.predict(b.sequences);
    await tuned.dispose?.();
    expect([predicted.rows, predicted.columns]).toEqual([150, columns]);
    expect(score(b.targets, predicted)).toBeCloseTo(tuned.validationScore, 6);
    const means = a.targets.values.reduce((sum, y) => sum + y, 0) / a.targets.values.length;
    const constant = { ...b.targets, values: new Float64Array(b.targets.values.length).fill(means) };
    expect(tuned.validationScore).toBeGreaterThan(0.6 * score(b.targets, constant));
  });

  it('offers several rates to the choice on validation rows, and spends epochs in proportion to effort', async () => {
    const probe = fineTuneProbe({ learningRates: [1e-9, 1e-2], epochs: 6, patience: 6 });
    const fractions: number[] = [];
    const progress = (fraction: number) => fractions.push(fraction);
    const { details } = await outcome(probe, random(), { ...binary, effort: 0.5, progress });
    expect(details.path).toMatchObject([
      { learningRate: 1e-9, epochs: 3, steps: 6 },
      { learningRate: 1e-2, epochs: 3, steps: 6 },
    ]);
    expect(fractions).toEqual([...fractions].sort((x, y) => x - y));
    expect(fractions[fractions.length - 1]).toBe(1);
    expect(() => fineTuneProbe({ learningRates: [] })).toThrow('at least one learning rate');
  });

  it("has the paper's decay as its default, and its rate first among those offered", () => {
    expect(FINE_TUNE_DEFAULTS).toMatchObject({ learningRates: [1e-4, 1e-3], weightDecay: 1e-5 });
    expect(scaledRate(1e-4, 128)).toBe(2e-4);
  });
});

describe('the network that is tuned', () => {
  const dropped = (training: boolean) => {
    const graph = new Graph();
    const dropout = new DropoutSource(graph);
    fineTuneNetwork(random(), binary).build(graph, { training, dropout });
    return dropout;
  };

  it("has the model's own dropout while it is trained, none otherwise", () => {
    const { layers } = dropped(true);
    expect(new Set(layers.map(({ rate }) => rate))).toEqual(new Set([TINY.dropout]));
    expect(layers).toHaveLength(1 + 3 * TINY.layers);
    expect(dropped(false).layers).toEqual([]);
  });

  it("begins with the model's weights under a head that the seed draws", () => {
    const model = random();
    const network = fineTuneNetwork(model, binary);
    const { layout } = initialState(network, 0);
    const [first, other] = [1, 2].map((seed) =>
      unflatten(startingWeights(model, network, seed).parameters, layout.parameters),
    );
    const body = layout.parameters.names.filter((name) => !name.startsWith('head.'));
    expect(body.length).toBeGreaterThan(10);
    for (const name of body) expect(first.get(name), name).toEqual(model.values.get(name)); // not those of its own head
    expect(Array.from(first.get('head.bias') ?? [])).toEqual([0, 0]);
    expect(first.get('head.weight')).not.toEqual(other.get('head.weight'));
  });

  it('must find its weights in the model', () => {
    const model = { ...random(), values: new Map() };
    expect(() => startingWeights(model, fineTuneNetwork(model, binary), 0)).toThrow(
      /the weight bert\.embeddings\.word_embeddings\.weight needs 288 float32 values, the model has none/,
    );
  });

  it('refuses sequences that the model would cut, and targets that are not one per sequence', async () => {
    const long = { ...few.train, sequences: few.train.sequences.with(3, 'A'.repeat(60)) };
    await expect(short.tune(random(), long, few.valid, binary)).rejects.toThrow(
      /sequence 4 of 40: .* has 60 nucleotides; this model reads at most 40/,
    );
    const less = { ...few.train, sequences: few.train.sequences.slice(1) };
    await expect(short.tune(random(), less, few.valid, binary)).rejects.toThrow('39 sequences but 40 rows of targets');
  });
});
