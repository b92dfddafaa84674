/**
 * A golden folder (`test/models/goldens/architectures/<name>/`, made by the script beside it) as a graph of ours with the checkpoint's weights, and how far
 * what it computes is from the reference implementation: hidden states, logits, loss and gradients. `parity.ts` holds it to tolerances,
 * `parity-figures.ts` prints it.
 */
import { readFileSync } from 'node:fs';
import type {
  Architecture,
  ArchitectureGraph,
  ConfiguredArchitecture,
  RawConfig,
} from '../../../src/models/architectures/architecture.ts';
import { findSource, type StoredTensor, takeSource } from '../../../src/models/weights.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Graph, type Tensor } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { softmaxCrossEntropy } from '../../../src/onnx/layers/losses.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import type { TensorValue } from '../../../src/runtime/session.ts';
import { relativeError, runGraph } from '../../onnx/helpers.ts';

export const GOLDENS = new URL('../goldens/architectures/', import.meta.url);
/** A gradient that is zero but for rounding (a key's bias) is measured against this share of the largest of all. */
const GRADIENT_FLOOR = 2e-3;
const IGNORED_LABEL = -100;

export interface Golden {
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
export interface Tokens {
  readonly ids: readonly number[][];
  readonly mask: readonly number[][];
}

const feedsOf = ({ ids, mask }: Tokens) => ({
  ids: integers(ids.flat(), [ids.length, ids[0].length]),
  mask: integers(mask.flat(), [mask.length, mask[0].length]),
});

/** Vectors of a row's first `count` tokens in a flat [rows, tokens, width]. */
export const vectorsOf = (data: ArrayLike<number>, tokens: number, width: number, row: number, count: number) =>
  Array.prototype.slice.call(data, row * tokens * width, (row * tokens + count) * width) as number[];

type Weights = Record<string, Float32Array>;

export interface GoldenCase {
  readonly golden: Golden;
  readonly configured: ConfiguredArchitecture;
  /** The golden's batch. */
  readonly given: Tokens;
  /** `hidden.0`.. and `logits`: what is compared. */
  readonly outputs: readonly string[];
  tensor(which: string): StoredTensor;
  /** The graph's parameters, declared with the head. */
  declare(graph: Graph): void;
  /** With the checkpoint's weights unless others are given. */
  hiddenAndLogits(tokens: Tokens, weights?: Weights): Promise<Record<string, TensorValue>>;
  /** Each output's largest difference from the reference on real tokens, relative to its largest entry. */
  valueErrors(): Promise<Record<string, number>>;
  /** The same of the loss and of each parameter's gradient; `missing` are parameters of the golden that the graph lacks. */
  gradientErrors(): Promise<{
    readonly loss: number;
    readonly byParameter: Readonly<Record<string, number>>;
    readonly missing: readonly string[];
  }>;
}

/** Throws where the checkpoint lacks a parameter of the graph, or has it in another shape. */
export function goldenCase(name: string, architecture: Architecture): GoldenCase {
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
  const outputs = [...Array.from({ length: configured.layers + 1 }, (_, layer) => `hidden.${layer}`), 'logits'];

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
  function bound(graph: Graph): Weights {
    const values: Weights = {};
    for (const { name: parameter, shape } of [...graph.parameters.values(), ...graph.buffers.values()]) {
      const source = findSource(parameter, configured, (weight) => golden.weights.has(weight));
      const stored = source && golden.weights.get(source.name);
      if (!stored) throw new Error(`${name}/model.safetensors has no '${parameter}'`);
      const taken = takeSource(stored, source);
      if (taken.shape.join() !== shape.join())
        throw new Error(
          `${name}: '${parameter}' is [${shape.join(', ')}], the checkpoint's [${taken.shape.join(', ')}]`,
        );
      values[parameter] = taken.data;
    }
    return values;
  }
  async function hiddenAndLogits(tokens: Tokens, weights?: Weights) {
    const graph = new Graph();
    const built = build(graph);
    built.hiddenStates.forEach((states, layer) => {
      graph.output(`hidden.${layer}`, states);
    });
    graph.output('logits', allLogits(built));
    return runGraph(graph, feedsOf(tokens), weights ?? bound(graph));
  }

  async function valueErrors(): Promise<Record<string, number>> {
    const results = await hiddenAndLogits(given);
    const tokens = given.ids[0].length;
    const errorOf = (which: string) => {
      const expected = tensor(which);
      const width = expected.shape[2];
      // What stands at padding is nobody's to read.
      const real = (data: ArrayLike<number>) =>
        given.mask.flatMap((mask, row) => vectorsOf(data, tokens, width, row, mask.lastIndexOf(1) + 1));
      return relativeError(real(results[which].data as Float32Array), real(expected.data));
    };
    return Object.fromEntries(outputs.map((which) => [which, errorOf(which)]));
  }

  async function gradientErrors() {
    const graph = new Graph();
    const logits = allLogits(build(graph));
    const { data } = tensor('labels');
    const labels = graph.input('labels', 'int64', ['all']);
    const loss = softmaxCrossEntropy(logits, labels, graph.input('weights', 'float32', ['all']));
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
    const expected = new Map(
      [...golden.tensors].flatMap(([key, value]) =>
        key.startsWith('gradient.') ? [[key.slice('gradient.'.length), value] as const] : [],
      ),
    );
    const largest = [...expected.values()].reduce((most, value) => Math.max(most, greatest(value.data)), 0);
    const met = new Set<string>();
    const byParameter: Record<string, number> = {};
    for (const { name: parameter } of parameters) {
      const source = findSource(parameter, configured, (candidate) => expected.has(candidate));
      const stored = source && expected.get(source.name);
      if (!stored) throw new Error(`${name}/golden.safetensors has no gradient of '${parameter}'`);
      met.add(source.name);
      const wanted = takeSource(stored, source).data;
      byParameter[parameter] = relativeError(results[`gradient.${parameter}`].data, wanted, GRADIENT_FLOOR * largest);
    }
    return {
      loss: relativeError(results.loss.data, tensor('loss').data),
      byParameter,
      missing: [...expected.keys()].filter((key) => !met.has(key)),
    };
  }

  const declare = (graph: Graph) => void allLogits(build(graph));
  return { golden, configured, given, outputs, tensor, declare, hiddenAndLogits, valueErrors, gradientErrors };
}

function greatest(data: Float32Array): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
