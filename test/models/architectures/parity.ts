/**
 * What every architecture is held to: the hidden states, logits and gradients of its reference implementation on a tiny random checkpoint
 * (`test/models/goldens/architectures/<name>/`, made by `<name>.py` beside it), and results that neither padding nor the batch changes.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Architecture, ArchitectureGraph, RawConfig } from '../../../src/models/architectures/types.ts';
import { findSource, type StoredTensor, takeSource } from '../../../src/models/weights.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { INFERENCE } from '../../../src/onnx/dropout.ts';
import { Graph, type Tensor } from '../../../src/onnx/graph.ts';
import { softmaxCrossEntropy } from '../../../src/onnx/losses.ts';
import * as op from '../../../src/onnx/ops.ts';
import { createRandom } from '../../../src/random.ts';
import type { TensorValue } from '../../../src/runtime/session.ts';
import { relativeError, runGraph } from '../../onnx/helpers.ts';

const GOLDENS = new URL('../goldens/architectures/', import.meta.url);
/** Relative to the largest entry of the tensor. */
const VALUE_TOLERANCE = 1e-4;
const INVARIANCE_TOLERANCE = 1e-5;
const GRADIENT_TOLERANCE = 1e-3;
/** A gradient that is zero but for rounding (a key's bias) is measured against this share of the largest of all. */
const GRADIENT_FLOOR = 2e-3;
const IGNORED_LABEL = -100;

interface Golden {
  readonly config: RawConfig;
  /** The checkpoint, by its own names. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /** `ids`, `mask`, `hidden.0`.., `logits`, `labels`, `loss`, `gradient.*`; integers as floats, exact at this size. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** float32 and int64 tensors of a small safetensors file. */
function readTensors(url: URL): Map<string, StoredTensor> {
  const bytes = readFileSync(url);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const buffer = Uint8Array.from(bytes.subarray(start + offsets[0], start + offsets[1])).buffer;
    if (dtype !== 'F32' && dtype !== 'I64') throw new Error(`${url.pathname}: '${name}' is ${dtype}, not F32 or I64`);
    const data = dtype === 'F32' ? new Float32Array(buffer) : Float32Array.from(new BigInt64Array(buffer), Number);
    tensors.set(name, { shape, data });
  }
  return tensors;
}

export function readGoldenFolder(name: string): Golden {
  const file = (which: string) => new URL(`${name}/${which}`, GOLDENS);
  return {
    config: JSON.parse(readFileSync(file('config.json'), 'utf8')) as RawConfig,
    weights: readTensors(file('model.safetensors')),
    tensors: readTensors(file('golden.safetensors')),
  };
}

const integers = (data: ArrayLike<number>, dims: readonly number[]): TensorValue => ({
  type: 'int64',
  data: BigInt64Array.from(data, BigInt),
  dims,
});

/** Rows of tokens: what a batch is made of. */
interface Tokens {
  readonly ids: readonly number[][];
  readonly mask: readonly number[][];
}

const feedsOf = ({ ids, mask }: Tokens) => ({
  ids: integers(ids.flat(), [ids.length, ids[0].length]),
  mask: integers(mask.flat(), [mask.length, mask[0].length]),
});

/** Runs one test file's checks of `architecture` against the golden folder `name`. */
export function parityTests(name: string, architecture: Architecture): void {
  const golden = readGoldenFolder(name);
  const tensor = (which: string): StoredTensor => {
    const found = golden.tensors.get(which);
    if (!found) throw new Error(`goldens/architectures/${name}/golden.safetensors has no '${which}'`);
    return found;
  };
  const matrix = (which: string): number[][] => {
    const { shape, data } = tensor(which);
    return Array.from({ length: shape[0] }, (_, row) =>
      Array.from(data.subarray(row * shape[1], (row + 1) * shape[1])),
    );
  };
  const given: Tokens = { ids: matrix('ids'), mask: matrix('mask') };
  const configured = architecture.configure(golden.config, `${name}/config.json`);
  const layers = Array.from({ length: configured.layers + 1 }, (_, layer) => `hidden.${layer}`);
  const has = (weight: string) => golden.weights.has(weight);

  function build(graph: Graph): ArchitectureGraph {
    const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
    const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
    return configured.build(graph, { ids, mask }, INFERENCE);
  }
  /** Logits of all tokens, [rows tokens, vocabulary]. */
  function allLogits({ hiddenStates, logits }: ArchitectureGraph): Tensor {
    if (!logits) throw new Error(`${name}: the graph has no logits`);
    return logits(op.reshape(hiddenStates[configured.layers], [-1, configured.dimension]));
  }
  function bound(graph: Graph): Record<string, Float32Array> {
    const values: Record<string, Float32Array> = {};
    for (const { name: parameter, shape } of [...graph.parameters.values(), ...graph.buffers.values()]) {
      const source = findSource(parameter, configured, has);
      const stored = source && golden.weights.get(source.name);
      if (!stored) throw new Error(`${name}/model.safetensors has no '${parameter}'`);
      const taken = takeSource(stored, source);
      expect(taken.shape, parameter).toEqual(shape);
      values[parameter] = taken.data;
    }
    return values;
  }
  async function hiddenAndLogits(tokens: Tokens, weights?: Record<string, Float32Array>) {
    const graph = new Graph();
    const built = build(graph);
    built.hiddenStates.forEach((states, layer) => {
      graph.output(`hidden.${layer}`, states);
    });
    graph.output('logits', allLogits(built));
    return runGraph(graph, feedsOf(tokens), weights ?? bound(graph));
  }
  /** The vectors of a row's first `count` tokens in a flat [rows, tokens, width]. */
  const vectorsOf = (data: ArrayLike<number>, tokens: number, width: number, row: number, count: number) =>
    Array.prototype.slice.call(data, row * tokens * width, (row * tokens + count) * width) as number[];

  describe(`${architecture.title}: ${name}`, () => {
    it('is recognised from its config.json', () => {
      expect(architecture.matches(golden.config)).toBe(true);
      expect(configured.vocabularySize).toBe(tensor('logits').shape[2]);
      expect(configured.dimension).toBe(tensor('hidden.0').shape[2]);
      expect(golden.tensors.has(`hidden.${configured.layers + 1}`)).toBe(false);
    });

    it('has the hidden states and the logits of the reference implementation', async () => {
      const results = await hiddenAndLogits(given);
      const tokens = given.ids[0].length;
      for (const which of [...layers, 'logits']) {
        const expected = tensor(which);
        const width = expected.shape[2];
        // What stands at padding is nobody's to read.
        const real = (data: ArrayLike<number>) =>
          given.mask.flatMap((mask, row) => vectorsOf(data, tokens, width, row, mask.lastIndexOf(1) + 1));
        const error = relativeError(real(results[which].data as Float32Array), real(expected.data));
        expect(error, which).toBeLessThan(VALUE_TOLERANCE);
      }
    });

    it('gives a sequence the same whatever stands beside it and however far it is padded', async () => {
      const whole = await hiddenAndLogits(given);
      const tokens = given.ids[0].length;
      const room = Math.min(3, (configured.maxTokens ?? Number.POSITIVE_INFINITY) - tokens);
      for (const [row, mask] of given.mask.entries()) {
        const count = mask.lastIndexOf(1) + 1;
        const alone = { ids: [given.ids[row].slice(0, count)], mask: [mask.slice(0, count)] };
        // Padding is told by the mask: its ids may be any.
        const padded = {
          ids: [[...given.ids[row], ...given.ids[row].slice(0, room)]],
          mask: [[...mask, ...Array.from({ length: room }, () => 0)]],
        };
        for (const [how, other] of Object.entries({ alone, padded })) {
          const results = await hiddenAndLogits(other);
          for (const which of [...layers, 'logits']) {
            const width = tensor(which).shape[2];
            const before = vectorsOf(whole[which].data as Float32Array, tokens, width, row, count);
            const now = vectorsOf(results[which].data as Float32Array, other.ids[0].length, width, 0, count);
            expect(relativeError(now, before), `row ${row} ${how}: ${which}`).toBeLessThan(INVARIANCE_TOLERANCE);
          }
        }
      }
    });

    it('has the loss of the reference implementation and its gradient by every parameter', async () => {
      const graph = new Graph();
      const logits = allLogits(build(graph));
      const { data } = tensor('labels');
      const loss = softmaxCrossEntropy(
        logits,
        graph.input('labels', 'int64', ['all']),
        graph.input('weights', 'float32', ['all']),
      );
      graph.output('loss', loss);
      const parameters = [...graph.parameters.values()];
      gradients(
        loss,
        parameters.map((parameter) => parameter.tensor),
        { allowUnused: true },
      ).forEach((gradient, i) => {
        graph.output(`gradient.${parameters[i].name}`, gradient);
      });
      const asked = Array.from(data, (label) => (label === IGNORED_LABEL ? 0 : 1));
      const feeds = {
        ...feedsOf(given),
        labels: integers(
          data.map((label) => Math.max(0, label)),
          [data.length],
        ),
        weights: { type: 'float32' as const, data: Float32Array.from(asked), dims: [data.length] },
      };
      const results = await runGraph(graph, feeds, bound(graph));
      expect(relativeError(results.loss.data, tensor('loss').data), 'loss').toBeLessThan(VALUE_TOLERANCE);

      const expected = new Map(
        [...golden.tensors].flatMap(([key, value]) =>
          key.startsWith('gradient.') ? [[key.slice('gradient.'.length), value] as const] : [],
        ),
      );
      const largest = [...expected.values()].reduce((most, value) => Math.max(most, greatest(value.data)), 0);
      const met = new Set<string>();
      for (const { name: parameter } of parameters) {
        const source = findSource(parameter, configured, (candidate) => expected.has(candidate));
        const stored = source && expected.get(source.name);
        if (!stored) throw new Error(`${name}/golden.safetensors has no gradient of '${parameter}'`);
        met.add(source.name);
        const error = relativeError(
          results[`gradient.${parameter}`].data,
          takeSource(stored, source).data,
          GRADIENT_FLOOR * largest,
        );
        expect(error, `gradient of ${parameter}`).toBeLessThan(GRADIENT_TOLERANCE);
      }
      expect(
        [...expected.keys()].filter((key) => !met.has(key)),
        'parameters that the graph lacks',
      ).toEqual([]);
    });

    it('draws a random control from its own initialisation', async () => {
      const graph = new Graph();
      allLogits(build(graph));
      const random = createRandom('parity');
      const weights: Record<string, Float32Array> = {};
      for (const { name: parameter, shape, initialise } of graph.parameters.values()) {
        weights[parameter] = initialise(() => random.next(), shape);
        expect(weights[parameter], parameter).toHaveLength(shape.reduce((product, size) => product * size, 1));
      }
      for (const { name: buffer, shape, initial } of graph.buffers.values())
        weights[buffer] = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(initial);
      const results = await hiddenAndLogits(given, weights);
      for (const which of [...layers, 'logits']) {
        const { data } = results[which];
        expect(
          Array.from(data as Float32Array).every((value) => Number.isFinite(value)),
          which,
        ).toBe(true);
        expect(new Set(data as Float32Array).size, which).toBeGreaterThan(1);
      }
    });
  });
}

function greatest(data: Float32Array): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
