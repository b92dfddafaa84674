/**
 * A network as the training loop sees it, and its compiled forms: a forward pass, and a training step (forward, backward, optimiser in
 * one run). Both take all parameters as one vector (`onnx/flat.ts`), so that evaluating between steps reloads nothing.
 */
import { gradients } from '../onnx/autodiff.ts';
import { bindFlat, type FlatLayout, flatten, initialValues } from '../onnx/flat.ts';
import { type BufferInfo, Graph, type ParameterInfo, type Shape, type Tensor } from '../onnx/graph.ts';
import { DropoutSource, INFERENCE, type Mode } from '../onnx/layers.ts';
import { corrections, momentCount, type OptimiserOptions, update } from '../onnx/optimisers.ts';
import { serialise } from '../onnx/serialise.ts';
import { createRandom } from '../random.ts';
import type { Device } from './device.ts';
import { OutOfMemoryError, openSession, type Session, type TensorValue } from './session.ts';

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
const vector = (data: Float32Array): TensorValue => ({ type: 'float32', data, dims: [data.length] });
const scalar = (value: number): TensorValue => ({ type: 'float32', data: Float32Array.of(value), dims: [] });

interface Bound {
  readonly flat: Tensor;
  readonly parameters: readonly ParameterInfo[];
  readonly buffers: readonly BufferInfo[];
  readonly layout: NetworkLayout;
}

/** Turns a built graph's parameters and buffers into views of two fed vectors. */
function bind(graph: Graph): Bound {
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

function outputOf(built: Readonly<Record<string, Tensor>>, name: string, network: Network): Tensor {
  const tensor = built[name];
  if (!tensor)
    throw new Error(`${network.label}: the network has no output '${name}', only ${Object.keys(built).join(', ')}`);
  return tensor;
}

const stateFeeds = (state: NetworkState): Feeds => ({
  parameters: vector(state.parameters),
  buffers: vector(state.buffers),
});

function pick(session: Session, feeds: Feeds): Feeds {
  return Object.fromEntries(
    session.inputNames.map((name) => [name, feeds[name]]).filter(([, value]) => value !== undefined),
  );
}

/** Independent masks per dropout rate, long enough for the largest layer at any offset below {@link OFFSETS}. */
const OFFSETS = 2 ** 20;

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
  const banks = new Map<number, Float32Array>();
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

  /** Banks long enough for the whole batch, and this step's window starts, moved to the batch's row `from`. */
  const dropoutFeeds = ({ dropout: source, bound }: Part, feeds: Feeds, step: number, from: number): Feeds => {
    if (source.layers === 0) return {};
    const rows = feeds.weights.dims[0];
    const sizes = source.shapes.map((shape) => elementsOf(shape, bound.flat.graph, feeds, network)); // of the whole batch
    const longest = Math.max(...sizes) + OFFSETS;
    const inputs: Record<string, TensorValue> = {};
    for (const rate of source.rates.keys()) {
      let bank = banks.get(rate);
      if (!bank || bank.length < longest) {
        bank = maskBank(rate, Math.ceil(longest / 2 ** 16) * 2 ** 16, seed);
        banks.set(rate, bank);
      }
      inputs[`dropout:${rate}`] = vector(bank);
    }
    const random = createRandom(`dropout:${seed}:${step}`);
    const offsets = sizes.map((size) => BigInt(random.integer(OFFSETS) + from * (size / rows)));
    inputs['dropout:offsets'] = { type: 'int64', data: BigInt64Array.from(offsets), dims: [offsets.length] };
    return inputs;
  };
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
      ...dropoutFeeds(whole, feeds, step, 0),
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
    const { session } = parts.gradient;
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
        ...dropoutFeeds(parts.gradient, feeds, step, start),
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
  const dropout = new DropoutSource(graph);
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

/** Elements of a tensor whose symbolic dimensions are those of inputs (or products of such) once `feeds` are given. */
function elementsOf(shape: Shape, graph: Graph, feeds: Feeds, network: Network): number {
  const size = (symbol: string): number => {
    if (/^\d+$/.test(symbol)) return Number(symbol);
    for (const input of graph.inputs) {
      const axis = input.shape.indexOf(symbol);
      if (axis >= 0 && feeds[input.name]) return feeds[input.name].dims[axis];
    }
    throw new Error(
      `${network.label}: dropout on [${shape.join(', ')}], where '${symbol}' is the size of no input, so its mask can't be drawn ahead; give that axis a fixed length`,
    );
  };
  return shape
    .flatMap((dim) => String(dim).split('*'))
    .map(size)
    .reduce((product, factor) => product * factor, 1);
}

function maskBank(rate: number, length: number, seed: number | string): Float32Array {
  const random = createRandom(`bank:${seed}:${rate}`);
  const kept = 1 / (1 - rate);
  const bank = new Float32Array(length);
  for (let i = 0; i < length; i++) bank[i] = random.next() < rate ? 0 : kept;
  return bank;
}
