/**
 * A network as the training loop sees it, its weights as one vector (`onnx/flat-parameters.ts`), and its compiled forward pass. The weights are
 * fed with every run, so that evaluating between training steps (`training-step.ts`) reloads nothing.
 */

import { createRandom } from '../../core/random.ts';
import { bindFlat, type FlatLayout, initialValues } from '../../onnx/flat-parameters.ts';
import { type BufferInfo, Graph, type ParameterInfo, type Tensor } from '../../onnx/graph.ts';
import { serialise } from '../../onnx/io/serialise.ts';
import { INFERENCE, type Mode } from '../../onnx/layers/dropout.ts';
import type { Device } from '../device.ts';
import { openSession, type Session, type TensorValue } from '../session.ts';

/** Named inputs of one batch; the first axis of each counts rows. */
export type Feeds = Readonly<Record<string, TensorValue>>;

export interface Network {
  /** Named in errors and progress. */
  readonly label: string;
  /**
   * Declares inputs and returns outputs by name. One of them is `loss`: a scalar, the mean over rows weighted by the input
   * `weights` [rows].
   */
  build(graph: Graph, mode: Mode): Readonly<Record<string, Tensor>>;
}

export interface Compute {
  readonly device: Device;
  readonly threads: number;
}

/** All weights of a network as one vector, all running statistics as another. */
export interface NetworkState {
  parameters: Float32Array;
  buffers: Float32Array;
}

export interface NetworkLayout {
  readonly parameters: FlatLayout;
  readonly buffers: FlatLayout;
}

const sizeOf = (entries: readonly { shape: readonly number[] }[]) =>
  entries.reduce((sum, entry) => sum + entry.shape.reduce((n, dim) => n * dim, 1), 0);
/** A fed or fetched vector, `[n]`. */
export const vector = (data: Float32Array): TensorValue => ({ type: 'float32', data, dims: [data.length] });

/** A built graph's parameters and buffers, and the fed vector of which the parameters are views. */
export interface Bound {
  readonly flat: Tensor;
  readonly parameters: readonly ParameterInfo[];
  readonly buffers: readonly BufferInfo[];
  readonly layout: NetworkLayout;
}

/** Turns a built graph's parameters and buffers into views of two fed vectors. */
export function bind(graph: Graph): Bound {
  const parameters = [...graph.parameters.values()];
  const buffers = [...graph.buffers.values()];
  const flat = graph.input('parameters', 'float32', [sizeOf(parameters)]);
  const parameterLayout = bindFlat(flat, parameters);
  // Bound even when empty would be an input without use.
  const bufferLayout =
    buffers.length > 0
      ? bindFlat(graph.input('buffers', 'float32', [sizeOf(buffers)]), buffers)
      : { names: [], shapes: [], sizes: [], offsets: [], total: 0 };
  return { flat, parameters, buffers, layout: { parameters: parameterLayout, buffers: bufferLayout } };
}

/** First values: parameters drawn in declaration order from the seed, buffers as declared. */
export function initialState(network: Network, seed: number | string): { state: NetworkState; layout: NetworkLayout } {
  const graph = new Graph();
  network.build(graph, INFERENCE);
  const { parameters, buffers, layout } = bind(graph);
  const values = new Float32Array(layout.buffers.total);
  buffers.forEach((entry, i) => {
    values.fill(entry.initial, layout.buffers.offsets[i], layout.buffers.offsets[i] + layout.buffers.sizes[i]);
  });
  const random = createRandom(`weights:${seed}`);
  return { state: { parameters: initialValues(parameters, () => random.next()), buffers: values }, layout };
}

export interface Forward {
  /** Outputs of one batch, by the names `build` gave them. */
  run(state: NetworkState, feeds: Feeds): Promise<Record<string, TensorValue>>;
  dispose(): Promise<void>;
}

/** The network at inference, weights fed with every run. `outputs` are the wanted names. */
export async function compileForward(network: Network, outputs: readonly string[], compute: Compute): Promise<Forward> {
  const graph = new Graph();
  const built = network.build(graph, INFERENCE);
  bind(graph);
  for (const name of outputs) graph.output(`out:${name}`, outputOf(built, name, network));
  const session = await openSession(serialise(graph).bytes, { ...compute, label: `${network.label} (forward)` });
  return {
    async run(state, feeds) {
      const results = await session.run(pick(session, { ...feeds, ...stateFeeds(state) }));
      return Object.fromEntries(outputs.map((name) => [name, results[`out:${name}`]]));
    },
    dispose: () => session.dispose(),
  };
}

/** The output `build` gave this name. */
export function outputOf(built: Readonly<Record<string, Tensor>>, name: string, network: Network): Tensor {
  const tensor = built[name];
  if (!tensor)
    throw new Error(`${network.label}: the network has no output '${name}', only ${Object.keys(built).join(', ')}`);
  return tensor;
}

export const stateFeeds = (state: NetworkState): Feeds => ({
  parameters: vector(state.parameters),
  buffers: vector(state.buffers),
});

/** Those feeds that the session's graph has inputs for. */
export function pick(session: Session, feeds: Feeds): Feeds {
  return Object.fromEntries(
    session.inputNames.map((name) => [name, feeds[name]]).filter(([, value]) => value !== undefined),
  );
}
