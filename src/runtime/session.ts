/**
 * A typed, thin wrapper on onnxruntime-node: open a model on a device, run it on plain typed arrays, close it. Errors name the
 * session that raised them, and running out of memory is a class of its own so that `batches.ts` can halve a batch and go on.
 * `run` blocks the thread that it is called on; long work belongs in a child process (`job.ts`).
 */
import './telemetry.ts';
import { basename, dirname, resolve } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Device } from './device.ts';

export type TensorValue =
  | { readonly type: 'float32'; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: 'float64'; readonly data: Float64Array; readonly dims: readonly number[] }
  | { readonly type: 'int64'; readonly data: BigInt64Array; readonly dims: readonly number[] }
  | { readonly type: 'int32'; readonly data: Int32Array; readonly dims: readonly number[] }
  | { readonly type: 'bool'; readonly data: Uint8Array; readonly dims: readonly number[] }
  | { readonly type: 'uint8'; readonly data: Uint8Array; readonly dims: readonly number[] };

export type TensorType = TensorValue['type'];

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
  uint8: Uint8Array,
} as const;

export interface SessionOptions {
  readonly device: Device;
  /** Threads inside one operator. */
  readonly threads: number;
  /** Names the session in errors, e.g. "one-hot CNN, train step". */
  readonly label?: string;
  /** Graph optimisation by the runtime. Default `all`. */
  readonly optimise?: 'all' | 'basic' | 'none';
  /**
   * Files that the model's initializers point into. `path` is the name inside the model. `data` is either the bytes, or the
   * path of a file on disk with that same name, which the runtime maps without a copy; such files must share one folder.
   */
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array | string }[];
}

export interface Session {
  readonly label: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model. Feeds are read in place. `outputs` is either the names wanted (default: all) or tensors of the right
   * shape that the runtime writes into, in which case the same objects are returned.
   * Throws {@link OutOfMemoryError} when memory ran out, otherwise {@link SessionError}.
   */
  run(
    feeds: Readonly<Record<string, TensorValue>>,
    outputs?: readonly string[] | Readonly<Record<string, TensorValue>>,
  ): Promise<Record<string, TensorValue>>;
  dispose(): Promise<void>;
}

export class SessionError extends Error {
  override name = 'SessionError';
}

/** The device ran out of memory. A smaller batch may succeed. */
export class OutOfMemoryError extends SessionError {
  override name = 'OutOfMemoryError';
}

// What ONNX Runtime, its arenas, CUDA, cuDNN, Dawn and the C++ library say when there is no memory left.
const OUT_OF_MEMORY = [
  /failed to allocate memory/i,
  /available memory of \d+ is smaller than requested/i,
  /bfc_?arena/i,
  /bad_alloc/i,
  /bad array new length/i,
  /out of memory/i,
  /CUDA_ERROR_OUT_OF_MEMORY|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED/,
  /array buffer allocation failed/i,
  /failed to allocate .*buffer/i,
];

/** True when a message of the runtime means that memory ran out. */
export function isOutOfMemory(message: string): boolean {
  return OUT_OF_MEMORY.some((pattern) => pattern.test(message));
}

function namedError(label: string, doing: string, cause: unknown): SessionError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const Kind = isOutOfMemory(message) ? OutOfMemoryError : SessionError;
  return new Kind(`${label}: ${doing} failed: ${message}`, { cause });
}

function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

function checkTensor(label: string, name: string, value: TensorValue): void {
  if (!(value.type in ARRAYS)) throw new SessionError(`${label}: tensor "${name}" has unknown type "${value.type}".`);
  if (!(value.data instanceof ARRAYS[value.type])) {
    const expected = ARRAYS[value.type].name;
    throw new SessionError(`${label}: tensor "${name}" is ${value.type} and needs a ${expected}.`);
  }
  if (value.data.length !== elementCount(value.dims)) {
    throw new SessionError(
      `${label}: tensor "${name}" has ${value.data.length} values but dims [${value.dims.join(', ')}] ask for ${elementCount(value.dims)}.`,
    );
  }
}

function fromRuntime(label: string, name: string, tensor: Tensor): TensorValue {
  const value = { type: tensor.type, data: tensor.data, dims: tensor.dims } as TensorValue;
  if (!(value.type in ARRAYS)) {
    throw new SessionError(`${label}: output "${name}" has type ${tensor.type}; cast it inside the graph.`);
  }
  return value;
}

function checkNames(label: string, what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new SessionError(`${label}: no ${what} named "${unknown}"; the model has: ${known.join(', ')}.`);
  }
}

/** Splits external data into bytes for the runtime and the one folder that files on disk lie in. */
function externalDataOptions(label: string, entries: SessionOptions['externalData'] = []) {
  const bytes: { path: string; data: Uint8Array }[] = [];
  const folders = new Set<string>();
  for (const { path, data } of entries) {
    if (typeof data !== 'string') {
      bytes.push({ path, data });
      continue;
    }
    if (basename(data) !== path) {
      throw new SessionError(`${label}: external data "${path}" must be a file of that name, not ${data}.`);
    }
    folders.add(dirname(resolve(data)));
  }
  if (folders.size > 1) {
    throw new SessionError(`${label}: external data files must share one folder, not ${[...folders].join(', ')}.`);
  }
  return { bytes, folder: [...folders][0] as string | undefined };
}

/**
 * Opens a model: serialised `.onnx` bytes or the path of a file. A provider that cannot be loaded is an error; operators that
 * a provider lacks run on the CPU, as ONNX Runtime places them.
 */
export async function openSession(model: Uint8Array | string, options: SessionOptions): Promise<Session> {
  const label = options.label ?? 'session';
  if (!Number.isInteger(options.threads) || options.threads < 1) {
    throw new SessionError(`${label}: threads must be a positive whole number, not ${options.threads}.`);
  }
  const external = externalDataOptions(label, options.externalData);
  const ort = await import('onnxruntime-node');
  ort.env.logLevel = 'fatal'; // what goes wrong is thrown, so nothing needs to be printed as well

  const settings: InferenceSession.SessionOptions = {
    executionProviders: [options.device],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimise === 'none' ? 'disabled' : (options.optimise ?? 'all'),
    logSeverityLevel: 4, // fatal
    logId: label,
    ...(external.bytes.length > 0 ? { externalData: external.bytes } : {}),
    extra: {
      session: {
        // Numbers too small for float32's normal range cost a hundredfold on CPUs: decayed optimiser moments are full of them.
        set_denormal_as_zero: '1',
        ...(external.folder ? { model_external_initializers_file_folder_path: external.folder } : {}),
      },
    },
  };
  let native: InferenceSession | undefined;
  try {
    native = await (typeof model === 'string'
      ? ort.InferenceSession.create(model, settings)
      : ort.InferenceSession.create(model, settings));
  } catch (cause) {
    throw namedError(label, `opening ${typeof model === 'string' ? model : 'the model'} on ${options.device}`, cause);
  }
  const { inputNames, outputNames } = native;

  const toTensor = (name: string, value: TensorValue): Tensor => {
    checkTensor(label, name, value);
    return new ort.Tensor(value.type, value.data, value.dims);
  };
  const toTensors = (values: Readonly<Record<string, TensorValue>>): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toTensor(name, value)]));

  return {
    label,
    inputNames,
    outputNames,
    async run(feeds, outputs) {
      if (!native) throw new SessionError(`${label}: the session is closed.`);
      checkNames(label, 'input', Object.keys(feeds), inputNames);
      const missing = inputNames.find((name) => !(name in feeds));
      if (missing !== undefined) throw new SessionError(`${label}: input "${missing}" was not given.`);
      const inPlace = outputs && !Array.isArray(outputs) ? (outputs as Record<string, TensorValue>) : undefined;
      const wanted = inPlace ? Object.keys(inPlace) : ((outputs as readonly string[] | undefined) ?? outputNames);
      checkNames(label, 'output', wanted, outputNames);
      const inputs = toTensors(feeds);
      const fetches = inPlace ? toTensors(inPlace) : wanted;
      let results: InferenceSession.OnnxValueMapType;
      try {
        results = await native.run(inputs, fetches, { logSeverityLevel: 4 });
      } catch (cause) {
        throw namedError(label, 'running the model', cause);
      }
      if (inPlace) return { ...inPlace };
      return Object.fromEntries(wanted.map((name) => [name, fromRuntime(label, name, results[name] as Tensor)]));
    },
    async dispose() {
      const closing = native;
      native = undefined;
      await closing?.release();
    },
  };
}
