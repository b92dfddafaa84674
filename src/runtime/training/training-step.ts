/**
 * The compiled training step: forward and backward (`onnx/autodiff.ts`) in one run, then the optimiser in one sweep, all parameters as one
 * vector. Where a batch does not fit into memory it is run in parts whose gradients are added up.
 */
import { gradients } from '../../onnx/autodiff.ts';
import { flatten } from '../../onnx/flat-parameters.ts';
import { Graph } from '../../onnx/graph.ts';
import { serialise } from '../../onnx/io/serialise.ts';
import { DropoutSource } from '../../onnx/layers/dropout.ts';
import { OutOfMemoryError, openSession, type TensorValue } from '../session.ts';
import { dropoutMasks } from './dropout-masks.ts';
import {
  type Bound,
  bind,
  type Compute,
  type Feeds,
  type Network,
  type NetworkLayout,
  type NetworkState,
  outputOf,
  pick,
  stateFeeds,
} from './network.ts';
import { type OptimiserOptions, type Stretch, update } from './optimisers.ts';

export interface StepResult {
  readonly loss: number;
  readonly gradientNorm: number;
}

export interface TrainingStep {
  readonly layout: NetworkLayout;
  /** Rows per run once memory proved short; undefined while whole batches fit. */
  readonly microBatch: number | undefined;
  /** One update of `state` and `moments` in place. `step` counts from 0. */
  run(state: NetworkState, moments: Float32Array[], feeds: Feeds, rate: number, step: number): Promise<StepResult>;
  dispose(): Promise<void>;
}

/**
 * Compiles the training step. Dropout masks are a pure function of (seed, step). Where a batch does not fit into memory, it is run in
 * parts whose gradients are added up: the update is the same, as long as the network has no batch statistics (then it is an error).
 */
export async function compileTrainingStep(
  network: Network,
  optimiser: OptimiserOptions,
  seed: number | string,
  compute: Compute,
): Promise<TrainingStep> {
  const { session, bound, dropout } = await compileGradient(network, compute);
  const { layout, flat } = bound;
  const masks = dropoutMasks(seed, network.label);
  const stretches = stretchesOf(bound);
  let microBatch: number | undefined;

  /** Loss, gradient and next buffers of the rows [start, end). */
  const part = async (state: NetworkState, feeds: Feeds, step: number, start: number, end: number): Promise<Part> => {
    const whole = end - start === feeds.weights.dims[0];
    const inputs = {
      ...(whole ? feeds : rowsOf(feeds, start, end)),
      ...stateFeeds(state),
      ...masks.feeds(dropout, flat.graph, feeds, step, start, end),
    };
    const results = await session.run(pick(session, inputs));
    return {
      loss: (results['next:loss'].data as Float32Array)[0],
      gradient: results['next:gradient'].data as Float32Array,
      buffers: results['next:buffers']?.data as Float32Array | undefined,
    };
  };

  /** Means over the batch, by way of parts of at most `size` rows. */
  const inParts = async (state: NetworkState, feeds: Feeds, step: number, size: number): Promise<Part> => {
    const rows = feeds.weights.dims[0];
    const weights = feeds.weights.data as Float32Array;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const gradient = new Float32Array(state.parameters.length);
    let loss = 0;
    for (let start = 0; start < rows; start += size) {
      const end = Math.min(rows, start + size);
      const share = weights.subarray(start, end).reduce((sum, weight) => sum + weight, 0) / Math.max(total, 1e-12);
      const of = await part(state, feeds, step, start, end);
      for (let i = 0; i < gradient.length; i++) gradient[i] += share * of.gradient[i];
      loss += share * of.loss;
    }
    return { loss, gradient };
  };

  return {
    layout,
    get microBatch() {
      return microBatch;
    },
    async run(state, moments, feeds, rate, step) {
      const rows = feeds.weights.dims[0];
      for (;;) {
        try {
          const { loss, gradient, buffers } =
            microBatch === undefined || rows <= microBatch
              ? await part(state, feeds, step, 0, rows)
              : await inParts(state, feeds, step, microBatch);
          const vectors = { parameters: state.parameters, gradient, moments };
          const gradientNorm = update(vectors, stretches, rate, step, optimiser);
          if (buffers) state.buffers.set(buffers);
          return { loss, gradientNorm };
        } catch (error) {
          const failed = Math.min(microBatch ?? rows, rows);
          if (!(error instanceof OutOfMemoryError) || failed <= 1) throw error;
          if (bound.buffers.length > 0)
            throw new OutOfMemoryError(
              `${network.label}: a batch of ${rows} rows does not fit into memory, and it can't be split because batch normalisation ` +
                `needs the whole batch. Lower the batch size, or use a device with more memory. (${error.message})`,
              { cause: error },
            );
          microBatch = Math.floor(failed / 2);
        }
      }
    },
    dispose: () => session.dispose(),
  };
}

interface Part {
  readonly loss: number;
  /** As flat as the parameters. */
  readonly gradient: Float32Array;
  readonly buffers?: Float32Array;
}

/** Loss, flat gradient and next buffers in one graph. */
async function compileGradient(network: Network, compute: Compute) {
  const graph = new Graph();
  const dropout = new DropoutSource(graph, compute.device === 'cpu' ? 'windows' : 'banks');
  const built = network.build(graph, { training: true, dropout });
  const loss = outputOf(built, 'loss', network);
  const tensors = [...graph.parameters.values()].map((entry) => entry.tensor);
  const gradient = flatten(graph, gradients(loss, tensors, { allowUnused: true }));
  const bound = bind(graph);
  graph.output('next:loss', loss);
  graph.output('next:gradient', gradient);
  if (bound.buffers.length > 0) {
    const next = bound.buffers.map((buffer) => buffer.next ?? buffer.tensor);
    graph.output('next:buffers', flatten(graph, next));
  }
  const session = await openSession(serialise(graph).bytes, { ...compute, label: `${network.label} (training step)` });
  return { session, bound, dropout };
}

/** Where in the flat vectors weight decay applies. */
function stretchesOf({ parameters, layout }: Bound): Stretch[] {
  const { offsets, sizes } = layout.parameters;
  return parameters.map(({ decay }, i) => ({ from: offsets[i], to: offsets[i] + sizes[i], decay }));
}

/** Rows [start, end) of every feed. */
function rowsOf(feeds: Feeds, start: number, end: number): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      const row = value.data.length / value.dims[0];
      const data = value.data.subarray(start * row, end * row);
      return [name, { ...value, data, dims: [end - start, ...value.dims.slice(1)] } as TensorValue];
    }),
  );
}
