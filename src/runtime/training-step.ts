/**
 * The compiled training step: forward, backward (`onnx/autodiff.ts`) and optimiser in one run, all parameters as one vector. Where a
 * batch does not fit into memory it is run in parts whose gradients are added up.
 */
import { gradients } from '../onnx/autodiff.ts';
import { DropoutSource } from '../onnx/dropout.ts';
import { flatten } from '../onnx/flat.ts';
import { Graph, type Tensor } from '../onnx/graph.ts';
import { corrections, momentCount, type OptimiserOptions, update } from '../onnx/optimisers.ts';
import { serialise } from '../onnx/serialise.ts';
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
  vector,
} from './network.ts';
import { OutOfMemoryError, openSession, type Session, type TensorValue } from './session.ts';

const scalar = (value: number): TensorValue => ({ type: 'float32', data: Float32Array.of(value), dims: [] });

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
  const whole = await compilePart(network, optimiser, compute, 'step');
  const masks = dropoutMasks(seed, network.label);
  const spare: { state: NetworkState; moments: Float32Array[] } = {
    state: {
      parameters: new Float32Array(whole.bound.layout.parameters.total),
      buffers: new Float32Array(whole.bound.layout.buffers.total),
    },
    moments: Array.from(
      { length: momentCount(optimiser.kind) },
      () => new Float32Array(whole.bound.layout.parameters.total),
    ),
  };
  let parts: { gradient: Part; apply: Session } | undefined;
  let microBatch: number | undefined;

  const scalars = (rate: number, step: number): Feeds => ({
    'optimiser:rate': scalar(rate),
    'optimiser:corrections': vector(corrections(optimiser, step + 1)),
  });
  const momentFeeds = (moments: readonly Float32Array[]): Feeds =>
    Object.fromEntries(moments.map((moment, i) => [`moment:${i}`, vector(moment)]));
  /** Swaps the vectors that were read with those that were written. */
  const swap = (state: NetworkState, moments: Float32Array[], withBuffers: boolean) => {
    [state.parameters, spare.state.parameters] = [spare.state.parameters, state.parameters];
    if (withBuffers) [state.buffers, spare.state.buffers] = [spare.state.buffers, state.buffers];
    for (let i = 0; i < moments.length; i++) [moments[i], spare.moments[i]] = [spare.moments[i], moments[i]];
  };

  const runWhole = async (state: NetworkState, moments: Float32Array[], feeds: Feeds, rate: number, step: number) => {
    const { session, bound } = whole;
    const hasBuffers = bound.buffers.length > 0;
    const inputs = {
      ...feeds,
      ...stateFeeds(state),
      ...momentFeeds(moments),
      ...scalars(rate, step),
      ...masks.feeds(whole.dropout, bound.flat.graph, feeds, step, 0, feeds.weights.dims[0]),
    };
    const loss = new Float32Array(1);
    const norm = new Float32Array(1);
    await session.run(pick(session, inputs), {
      'next:loss': { type: 'float32', data: loss, dims: [] },
      'next:norm': { type: 'float32', data: norm, dims: [] },
      'next:parameters': vector(spare.state.parameters),
      ...(hasBuffers ? { 'next:buffers': vector(spare.state.buffers) } : {}),
      ...Object.fromEntries(spare.moments.map((moment, i) => [`next:moment:${i}`, vector(moment)])),
    });
    swap(state, moments, hasBuffers);
    return { loss: loss[0], gradientNorm: norm[0] };
  };

  const runInParts = async (
    state: NetworkState,
    moments: Float32Array[],
    feeds: Feeds,
    rate: number,
    step: number,
    size: number,
  ): Promise<StepResult> => {
    parts ??= {
      gradient: await compilePart(network, optimiser, compute, 'gradient'),
      apply: await compileApply(whole.bound, optimiser, network, compute),
    };
    const { session, bound, dropout } = parts.gradient;
    const rows = feeds.weights.dims[0];
    const weights = feeds.weights.data as Float32Array;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const gradient = new Float32Array(state.parameters.length);
    let loss = 0;
    for (let start = 0; start < rows; start += size) {
      const end = Math.min(rows, start + size);
      const share = weights.subarray(start, end).reduce((sum, weight) => sum + weight, 0) / Math.max(total, 1e-12);
      const inputs = {
        ...rowsOf(feeds, start, end),
        ...stateFeeds(state),
        ...masks.feeds(dropout, bound.flat.graph, feeds, step, start, end),
      };
      const result = await session.run(pick(session, inputs));
      const part = result['next:gradient'].data as Float32Array;
      for (let i = 0; i < gradient.length; i++) gradient[i] += share * part[i];
      loss += share * (result['next:loss'].data as Float32Array)[0];
    }
    const norm = new Float32Array(1);
    const inputs = {
      gradient: vector(gradient),
      ...stateFeeds(state),
      ...momentFeeds(moments),
      ...scalars(rate, step),
    };
    await parts.apply.run(pick(parts.apply, inputs), {
      'next:norm': { type: 'float32', data: norm, dims: [] },
      'next:parameters': vector(spare.state.parameters),
      ...Object.fromEntries(spare.moments.map((moment, i) => [`next:moment:${i}`, vector(moment)])),
    });
    swap(state, moments, false);
    return { loss, gradientNorm: norm[0] };
  };

  return {
    layout: whole.bound.layout,
    get microBatch() {
      return microBatch;
    },
    async run(state, moments, feeds, rate, step) {
      const rows = feeds.weights.dims[0];
      for (;;) {
        try {
          if (microBatch === undefined || rows <= microBatch) return await runWhole(state, moments, feeds, rate, step);
          return await runInParts(state, moments, feeds, rate, step, microBatch);
        } catch (error) {
          const failed = Math.min(microBatch ?? rows, rows);
          if (!(error instanceof OutOfMemoryError) || failed <= 1) throw error;
          if (whole.bound.buffers.length > 0)
            throw new OutOfMemoryError(
              `${network.label}: a batch of ${rows} rows does not fit into memory, and it can't be split because batch normalisation ` +
                `needs the whole batch. Lower the batch size, or use a device with more memory. (${error.message})`,
              { cause: error },
            );
          microBatch = Math.floor(failed / 2);
        }
      }
    },
    async dispose() {
      await whole.session.dispose();
      await parts?.gradient.session.dispose();
      await parts?.apply.dispose();
    },
  };
}

interface Part {
  readonly session: Session;
  readonly bound: Bound;
  readonly dropout: DropoutSource;
}

/** `step`: loss, gradient and update in one graph. `gradient`: loss and the flat gradient only. */
async function compilePart(
  network: Network,
  optimiser: OptimiserOptions,
  compute: Compute,
  what: 'step' | 'gradient',
): Promise<Part> {
  const graph = new Graph();
  const dropout = new DropoutSource(graph, compute.device === 'cpu' ? 'windows' : 'banks');
  const built = network.build(graph, { training: true, dropout });
  const loss = outputOf(built, 'loss', network);
  const tensors = [...graph.parameters.values()].map((entry) => entry.tensor);
  const flatGradient = flatten(graph, gradients(loss, tensors, { allowUnused: true }));
  const bound = bind(graph);
  graph.output('next:loss', loss);
  if (what === 'gradient') graph.output('next:gradient', flatGradient);
  else {
    applyUpdate(graph, bound, flatGradient, optimiser);
    if (bound.buffers.length > 0)
      graph.output(
        'next:buffers',
        flatten(
          graph,
          bound.buffers.map((buffer) => buffer.next ?? buffer.tensor),
        ),
      );
  }
  const session = await openSession(serialise(graph).bytes, {
    ...compute,
    label: `${network.label} (training ${what})`,
  });
  return { session, bound, dropout };
}

/** The optimiser alone, for gradients that were added up over parts of a batch. */
async function compileApply(
  bound: Bound,
  optimiser: OptimiserOptions,
  network: Network,
  compute: Compute,
): Promise<Session> {
  const graph = new Graph();
  const size = bound.layout.parameters.total;
  const flat = graph.input('parameters', 'float32', [size]);
  applyUpdate(graph, { ...bound, flat }, graph.input('gradient', 'float32', [size]), optimiser);
  return openSession(serialise(graph).bytes, { ...compute, label: `${network.label} (update)` });
}

function applyUpdate(graph: Graph, bound: Bound, gradient: Tensor, optimiser: OptimiserOptions): void {
  const size = bound.layout.parameters.total;
  const moments = Array.from({ length: momentCount(optimiser.kind) }, (_, i) =>
    graph.input(`moment:${i}`, 'float32', [size]),
  );
  const rate = graph.input('optimiser:rate', 'float32', []);
  const correction = graph.input('optimiser:corrections', 'float32', [2]);
  let decayMask: Tensor | null = null;
  if ((optimiser.weightDecay ?? 0) !== 0 && bound.parameters.some((entry) => !entry.decay)) {
    const mask = new Float32Array(size);
    bound.parameters.forEach((entry, i) => {
      const { offsets, sizes } = bound.layout.parameters;
      if (entry.decay) mask.fill(1, offsets[i], offsets[i] + sizes[i]);
    });
    decayMask = graph.constant(mask, [size]);
  }
  const next = update(bound.flat, gradient, moments, rate, correction, decayMask, optimiser);
  graph.output('next:norm', next.gradientNorm);
  graph.output('next:parameters', next.parameters);
  next.moments.forEach((moment, i) => {
    graph.output(`next:moment:${i}`, moment);
  });
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
