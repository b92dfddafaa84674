/**
 * Jobs in child processes: a function exported by a module runs elsewhere, so that native code
 * never blocks progress or Ctrl-C, a crash or an out-of-memory kill costs one job and not the run,
 * and the environment can be set before start. One job at a time per worker; arguments, results and
 * progress are copied by structured clone (typed arrays included). Not a thread pool: who runs
 * what, and when, is the caller's business.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UsageError } from '../../core/errors.ts';
import { type Device, deviceEnvironment } from '../device.ts';

export interface JobProgress {
  readonly fraction: number;
  readonly message: string;
}

/** What parent and child say to each other. */
export interface JobRequest {
  readonly id: number;
  readonly module: string;
  readonly name: string;
  readonly payload: unknown;
}
export type JobReply =
  | { readonly id: number; readonly type: 'progress'; readonly progress: JobProgress }
  | { readonly id: number; readonly type: 'notice'; readonly message: string }
  | { readonly id: number; readonly type: 'done'; readonly value: unknown }
  | {
      readonly id: number;
      readonly type: 'failed';
      readonly message: string;
      readonly stack?: string;
      /** The error was caused by the user's input or by the machine ({@link UsageError}). */
      readonly isUsage: boolean;
      readonly hint?: string;
    };

/** The signature of a function that can be run as a job. */
export type Job<P = never, T = unknown> = (
  payload: P,
  progress: (fraction: number, message: string) => void,
) => Promise<T>;

export interface WorkerOptions {
  /** Added to the environment the child is started with, e.g. `NVIDIA_TF32_OVERRIDE=0`. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Called with each different warning about a cache that cannot be written
   * (`core/optional-write.ts`).
   */
  readonly onNotice?: (message: string) => void;
}

export interface JobWorker {
  /** False once the process has ended; a new worker must then be started. */
  readonly alive: boolean;
  /**
   * Runs the export `name` of `module` with `payload`. Rejects with the error it threw (message and
   * stack of the child), or with a {@link WorkerDied} when the process ended. Throws when a job is
   * already running.
   */
  run<T>(module: URL, name: string, payload: unknown, onProgress?: (progress: JobProgress) => void): Promise<T>;
  /** Ends the process at once; a running job rejects. Resolves when it is gone. */
  close(): Promise<void>;
}

/** The child process ended while it ran a job. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
}

const ENTRY = fileURLToPath(new URL('./job-child.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const MAX_WORDS = 4000;

/** Why a process ended, in words. */
export function describeExit(code: number | null, signal: string | null, words: string): string {
  const said = words.trim() === '' ? '' : `\nIts last words:\n${words.trim()}`;
  const outOfMemory = /heap out of memory/i.test(words);
  if (outOfMemory) return `ran out of JavaScript heap memory: use fewer --jobs or smaller data${said}`;
  if (signal === 'SIGKILL') {
    return `was killed (SIGKILL): the machine is probably out of memory; use fewer --jobs or smaller data${said}`;
  }
  if (signal) return `was ended by ${signal}: native code probably crashed${said}`;
  return `exited with code ${code}${said}`;
}

/**
 * Starts a child process that waits for jobs. It ends when closed, and by itself when this process
 * dies.
 */
export function startWorker(options: WorkerOptions = {}): JobWorker {
  const child: ChildProcess = fork(ENTRY, [String(process.pid)], {
    execArgv: ['--import', TSX, '--no-warnings=ExperimentalWarning'],
    env: { ...process.env, ...options.environment },
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let words = ''; // the end of what the child printed, for the message when it dies
  let lastId = 0;
  let closing = false;
  let death: string | undefined;
  let current:
    | { id: number; resolve(value: unknown): void; reject(error: Error): void; onProgress?(p: JobProgress): void }
    | undefined;

  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-MAX_WORDS);
    });
  }
  const ended = new Promise<void>((resolve) => {
    const end = (reason: string) => {
      death ??= reason;
      const job = current;
      current = undefined;
      job?.reject(new WorkerDied(closing ? 'The worker was closed.' : `The worker process ${death}`));
      resolve();
    };
    child.once('error', (error) => end(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => end(describeExit(code, signal, words)));
  });
  const notices = new Set<string>();
  child.on('message', (message) => {
    const reply = message as JobReply;
    if (reply.type === 'notice') {
      if (!notices.has(reply.message)) options.onNotice?.(reply.message);
      notices.add(reply.message);
      return;
    }
    const job = current;
    if (!job || reply.id !== job.id) return;
    if (reply.type === 'progress') return job.onProgress?.(reply.progress);
    current = undefined;
    if (reply.type === 'done') return job.resolve(reply.value);
    const error = reply.isUsage ? new UsageError(reply.message, reply.hint) : new Error(reply.message);
    if (reply.stack) error.stack = reply.stack;
    job.reject(error);
  });

  return {
    get alive() {
      return death === undefined && !closing;
    },
    run<T>(module: URL, name: string, payload: unknown, onProgress?: (progress: JobProgress) => void): Promise<T> {
      if (death !== undefined || closing)
        return Promise.reject(new WorkerDied(`The worker process ${death ?? 'was closed.'}`));
      if (current) return Promise.reject(new Error('This worker is busy; it runs one job at a time.'));
      words = '';
      lastId += 1;
      const request: JobRequest = { id: lastId, module: module.href, name, payload };
      return new Promise<T>((resolve, reject) => {
        current = { id: request.id, resolve: (value) => resolve(value as T), reject, onProgress };
        child.send(request, (error) => {
          if (!error || current?.id !== request.id || death !== undefined) return;
          current = undefined;
          reject(error);
        });
      });
    },
    async close() {
      closing = true;
      child.kill('SIGKILL'); // results are written atomically: nothing is left half done
      await ended;
    },
  };
}

/** Environment of a child process that computes on a device with so many threads. */
export function computeEnvironment({ device, threads }: Compute): Record<string, string> {
  return { ...deviceEnvironment(device), OMP_NUM_THREADS: String(threads) };
}

interface Compute {
  readonly device: Device;
  readonly threads: number;
}

/** Runs one job in a child process of its own. */
export async function runInChild<T>(
  module: URL,
  name: string,
  payload: unknown,
  compute: Compute,
  onProgress?: (progress: JobProgress) => void,
): Promise<T> {
  const onNotice = (message: string) => void process.stderr.write(`${message}\n`);
  const worker = startWorker({ environment: computeEnvironment(compute), onNotice });
  try {
    return await worker.run<T>(module, name, payload, onProgress);
  } finally {
    await worker.close();
  }
}
