/** `embed`: vectors of a frozen model for every sequence of a file. `pretrain`: a k-mer encoder from sequences without labels. */
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../harness/errors.ts';
import { defaultCacheFolder } from '../harness/run.ts';
import { PRESETS, type PretrainConfig } from '../models/presets.ts';
import type { PretrainReport } from '../models/pretrain.ts';
import type { Pooling } from '../models/types.ts';
import { type Device, deviceEnvironment, parseDevice, resolveDevice } from '../runtime/device.ts';
import { startWorker } from '../runtime/job.ts';
import { didYouMean } from '../sequences/sequence-error.ts';
import type { EmbedReport, EmbedRequest, PretrainRequest } from './model-jobs.ts';
import { createOutput } from './output.ts';
import { createStatusLine } from './progress.ts';

const JOBS = new URL('./model-jobs.ts', import.meta.url);
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'first'];

interface MachineFlags {
  readonly device?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

export interface EmbedFlags extends MachineFlags {
  readonly model: string;
  readonly sequences: string;
  readonly column?: string;
  readonly layer?: string;
  readonly pool: string;
  readonly out: string;
}

export interface PretrainFlags extends MachineFlags {
  readonly config: string;
  readonly sequences: string[];
  readonly column?: string;
  readonly seed?: string;
  readonly out: string;
}

async function machine(flags: MachineFlags): Promise<{ device: Device; threads: number; cacheFolder: string }> {
  const requested = parseDevice(flags.device ?? 'auto');
  const device = requested === 'cpu' ? 'cpu' : (await resolveDevice(requested)).device;
  return { device, threads: flags.threads ?? availableParallelism(), cacheFolder: defaultCacheFolder() };
}

async function existing(flag: string, path: string, what: 'file' | 'folder'): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`--${flag} ${path}: there is no such ${what}`);
  if (what === 'folder' && !found.isDirectory()) throw new UsageError(`--${flag} ${path}: is no folder`);
  return resolve(path);
}

function whole(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new UsageError(`--${flag} ${text}: must be a whole number`);
}

/** Runs a job in a child process with a status line; Ctrl-C ends the child with us. */
async function runJob<T>(name: string, payload: { readonly device: Device; readonly threads: number }): Promise<T> {
  const status = createStatusLine(process.stderr);
  const environment = { ...deviceEnvironment(payload.device), OMP_NUM_THREADS: String(payload.threads) };
  const worker = startWorker({ environment });
  const stop = () => process.exit(130);
  process.on('SIGINT', stop);
  try {
    return await worker.run<T>(JOBS, name, payload, ({ fraction, message }) => status.draw(fraction, message));
  } finally {
    process.off('SIGINT', stop);
    status.clear();
    await worker.close();
  }
}

export async function embedCommand(flags: EmbedFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  if (!(POOLINGS as readonly string[]).includes(flags.pool)) {
    throw new UsageError(
      `--pool ${flags.pool}: unknown${didYouMean(flags.pool, POOLINGS)}`,
      `Use one of: ${POOLINGS.join(', ')}.`,
    );
  }
  if (extname(flags.out) !== '.npy') throw new UsageError(`--out ${flags.out}: must end in .npy`);
  const request: EmbedRequest = {
    ...(await machine(flags)),
    model: await existing('model', flags.model, 'folder'),
    sequences: await existing('sequences', flags.sequences, 'file'),
    column: flags.column,
    layer: flags.layer === undefined ? undefined : whole('layer', flags.layer),
    pool: flags.pool as Pooling,
    out: resolve(flags.out),
  };
  const report = await runJob<EmbedReport>('embedJob', request);
  output.document(report);
  const { rows, dimension, layer, pool } = report;
  output.print(`${flags.out}: ${rows} rows of ${dimension} float32, layer ${layer}, ${pool}; numpy.load reads it`);
  return 0;
}

/** A preset's name, or a JSON file: every field of a preset, or some of them over `"preset": NAME`. */
async function pretrainConfig(spec: string): Promise<PretrainConfig> {
  if (Object.hasOwn(PRESETS, spec)) return PRESETS[spec];
  const names = Object.keys(PRESETS);
  if (extname(spec) !== '.json') {
    throw new UsageError(
      `--config ${spec}: there is no such preset${didYouMean(spec, names)}`,
      `Presets: ${names.join(', ')}; or give a .json file.`,
    );
  }
  const text = await readFile(await existing('config', spec, 'file'), 'utf8');
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${spec}: is not JSON: ${(error as Error).message}`);
  }
  const numbers = Object.fromEntries(
    Object.keys(Object.values(PRESETS)[0]).map((field) => [field, z.number().optional()]),
  );
  const schema = z.strictObject({
    preset: z.enum(names as [string, ...string[]]).default(names[0]),
    ...numbers,
    stride: z.number().optional(),
  });
  const checked = schema.safeParse(read);
  if (!checked.success) {
    const { path, message } = checked.error.issues[0];
    throw new UsageError(
      `${spec}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`,
      `Fields: ${Object.keys(schema.shape).join(', ')}.`,
    );
  }
  const { preset, ...fields } = checked.data;
  return { ...PRESETS[preset as string], ...fields } as PretrainConfig;
}

export async function pretrainCommand(flags: PretrainFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const request: PretrainRequest = {
    ...(await machine(flags)),
    config: await pretrainConfig(flags.config),
    sequences: await Promise.all(flags.sequences.map((file) => existing('sequences', file, 'file'))),
    column: flags.column,
    seed: whole('seed', flags.seed ?? '0'),
    out: resolve(flags.out),
  };
  const report = await runJob<PretrainReport>('pretrainJob', request);
  output.document(report);
  const { sequences, parameters, steps, validLoss, uniformLoss } = report;
  output.print(
    `${flags.out}: ${parameters} parameters, ${steps} steps on ${sequences} sequences; ` +
      `held-out loss ${validLoss.toFixed(3)} nats per masked token (a uniform guess: ${uniformLoss.toFixed(3)})`,
  );
  return 0;
}
