/**
 * What commands that work in a child process share: machine settings, checks that files exist, the
 * status line.
 */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { defaultCacheFolder } from '../harness/cache-folder.ts';
import { type Device, parseDevice, resolveDevice } from '../runtime/device.ts';
import { runInChild } from '../runtime/jobs/job.ts';
import { createStatusLine } from './progress.ts';

/** Settings of the machine for a job. Plain JSON. */
export interface JobMachine {
  readonly device: Device;
  readonly threads: number;
  readonly cacheFolder: string;
}

export interface MachineFlags {
  readonly device?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

export async function machine(flags: MachineFlags): Promise<JobMachine> {
  const requested = parseDevice(flags.device ?? 'auto');
  const device = requested === 'cpu' ? 'cpu' : (await resolveDevice(requested)).device;
  return { device, threads: flags.threads ?? availableParallelism(), cacheFolder: defaultCacheFolder() };
}

export async function existing(flag: string, path: string, what: 'file'): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`--${flag} ${path}: there is no such ${what}`);
  return resolve(path);
}

export function whole(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new UsageError(`--${flag} ${text}: must be a whole number`);
}

/**
 * The status line of a job. Percent and time left refer to the work of this call: a call that
 * continues from a checkpoint begins at 0%, and the time for reading files (fraction 0) is not
 * extrapolated.
 */
export function createJobLine(stream: NodeJS.WriteStream): ReturnType<typeof createStatusLine> {
  let line = createStatusLine(stream);
  let first = 0;
  return {
    draw(fraction, message) {
      if (first === 0 && fraction > 0) {
        line.clear();
        line = createStatusLine(stream);
        first = fraction;
      }
      line.draw(first < 1 ? Math.max(0, (fraction - first) / (1 - first)) : 1, message);
    },
    clear: () => line.clear(),
  };
}

/** Runs `work` with a status line. Ctrl-C ends this process and its children. */
export async function withStatusLine<T>(
  work: (draw: (fraction: number, message: string) => void, clear: () => void) => Promise<T>,
): Promise<T> {
  const status = createJobLine(process.stderr);
  const stop = () => process.exit(130);
  process.on('SIGINT', stop);
  try {
    return await work(status.draw, status.clear);
  } finally {
    process.off('SIGINT', stop);
    status.clear();
  }
}

/** Runs the job `name` of a module in a child process with a status line. */
export function runJob<T>(
  name: string,
  payload: { readonly device: Device; readonly threads: number },
  module: URL,
): Promise<T> {
  return withStatusLine((draw) =>
    runInChild<T>(module, name, payload, payload, ({ fraction, message }) => draw(fraction, message)),
  );
}
