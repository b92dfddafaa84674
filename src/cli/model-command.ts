/** `embed`: vectors of a frozen model for every sequence of a file. `pretrain`: an encoder from sequences without labels. */
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, resolve } from 'node:path';
import { BARCODE_PARTS, type BarcodePart } from '../barcodes/splits.ts';
import { UsageError } from '../core/errors.ts';
import { defaultCacheFolder } from '../harness/cache-folder.ts';
import { locateModel } from '../harness/definitions.ts';
import { wholeOrBase } from '../harness/variants.ts';
import type { Pooling } from '../models/model.ts';
import { PRETRAIN_FIELDS, pretrainConfigFrom } from '../pretraining/config.ts';
import { PRESETS, type PretrainConfig } from '../pretraining/presets.ts';
import type { PretrainFilesReport } from '../pretraining/sequences.ts';
import { type Device, parseDevice, resolveDevice } from '../runtime/device.ts';
import { runInChild } from '../runtime/jobs/job.ts';
import { describeSkipped } from '../sequences/row-faults.ts';
import { didYouMean } from '../sequences/sequence-error.ts';
import type { EmbedReport, EmbedRequest, PretrainFinished, PretrainRequest } from './model-jobs.ts';
import { type SequenceFileFlags, sequenceFilePolicy } from './options.ts';
import { createOutput } from './output.ts';
import { createStatusLine } from './progress.ts';

const JOBS = new URL('./model-jobs.ts', import.meta.url);
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'first', 'frames'];

export interface MachineFlags {
  readonly device?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

export interface EmbedFlags extends MachineFlags, SequenceFileFlags {
  readonly model: string;
  readonly sequences: string;
  readonly column?: string;
  readonly layer?: string;
  readonly pool: string;
  readonly out: string;
}

export interface PretrainFlags extends MachineFlags {
  readonly config: string;
  readonly objective?: string;
  readonly tokenizer?: string;
  readonly sequences: string[];
  readonly column?: string;
  readonly barcodes?: boolean;
  readonly marker?: string[];
  readonly part?: string;
  readonly exclude?: string[];
  readonly keepDuplicates?: boolean;
  readonly seed?: string;
  readonly out: string;
  readonly overwrite?: boolean;
}

export async function machine(flags: MachineFlags): Promise<{ device: Device; threads: number; cacheFolder: string }> {
  const requested = parseDevice(flags.device ?? 'auto');
  const device = requested === 'cpu' ? 'cpu' : (await resolveDevice(requested)).device;
  return { device, threads: flags.threads ?? availableParallelism(), cacheFolder: defaultCacheFolder() };
}

export async function existing(flag: string, path: string, what: 'file'): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`--${flag} ${path}: there is no such ${what}`);
  return resolve(path);
}

function whole(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new UsageError(`--${flag} ${text}: must be a whole number`);
}

/**
 * The status line of a job. Percent and time left are of what this call has to do: one that goes on from a checkpoint begins at 0%, and
 * how long files take to be read (fraction 0) says nothing about the rest.
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

/** Runs `work` with a status line that it draws; Ctrl-C ends this process and with it its children. */
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

/** Runs a job in a child process with a status line. */
export function runJob<T>(
  name: string,
  payload: { readonly device: Device; readonly threads: number },
  module: URL = JOBS,
): Promise<T> {
  return withStatusLine((draw) =>
    runInChild<T>(module, name, payload, payload, ({ fraction, message }) => draw(fraction, message)),
  );
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
  const on = await machine(flags);
  const model = await wholeOrBase(flags.model, (spec) => locateModel(spec, on.cacheFolder));
  const request: EmbedRequest = {
    ...on,
    model: resolve(model.found),
    variant: model.variant,
    sequences: await existing('sequences', flags.sequences, 'file'),
    column: flags.column,
    ...sequenceFilePolicy(flags),
    layer: flags.layer === undefined ? undefined : whole('layer', flags.layer),
    pool: flags.pool as Pooling,
    out: resolve(flags.out),
  };
  const report = await runJob<EmbedReport>('embedJob', request);
  output.document(report);
  const { rows, dimension, layer, pool } = report;
  output.print(`${flags.out}: ${rows} rows of ${dimension} float32, layer ${layer}, ${pool}; numpy.load reads it`);
  if (report.skipped.length > 0)
    output.note(
      `${describeSkipped(report.skipped, rows + report.skipped.length)}. Row numbers of the file are not those of the matrix`,
    );
  return 0;
}

/** A preset's name, or a JSON file: every field of a preset, or some of them over `"preset": NAME`; the flag's objective before either. */
async function pretrainConfig(spec: string, objective: string | undefined): Promise<PretrainConfig> {
  const names = Object.keys(PRESETS);
  const isPreset = Object.hasOwn(PRESETS, spec);
  if (!isPreset && extname(spec) !== '.json') {
    throw new UsageError(
      `--config ${spec}: there is no such preset${didYouMean(spec, names)}`,
      `Presets: ${names.join(', ')}; or give a .json file.`,
    );
  }
  let read: unknown = { preset: spec };
  if (!isPreset) {
    const text = await readFile(await existing('config', spec, 'file'), 'utf8');
    try {
      read = JSON.parse(text);
    } catch (error) {
      throw new UsageError(`${spec}: is not JSON: ${(error as Error).message}`);
    }
  }
  try {
    return pretrainConfigFrom(read, objective);
  } catch (error) {
    throw new UsageError(`${spec}: ${(error as Error).message}`, `Fields: preset, ${PRETRAIN_FIELDS.join(', ')}.`);
  }
}

function partNamed(part: string): BarcodePart {
  const found = BARCODE_PARTS.find((name) => name === part);
  if (found) return found;
  throw new UsageError(
    `--part ${part}: unknown${didYouMean(part, BARCODE_PARTS)}`,
    `Use one of: ${BARCODE_PARTS.join(', ')}.`,
  );
}

export async function pretrainCommand(flags: PretrainFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const { column, keepDuplicates } = flags;
  const files = (flag: string, paths: string[] = []) => Promise.all(paths.map((file) => existing(flag, file, 'file')));
  const part = flags.part === undefined ? undefined : partNamed(flags.part);
  const barcodes = flags.barcodes === true || part !== undefined;
  if (part !== undefined && keepDuplicates)
    throw new UsageError(
      '--keep-duplicates does not go with --part, which has each barcode once in the whole collection',
    );
  if (flags.marker && !barcodes) throw new UsageError('--marker is for barcode collections: add --barcodes or --part');
  const config = await pretrainConfig(flags.config, flags.objective);
  const tokenizer = flags.tokenizer === undefined ? undefined : await existing('tokenizer', flags.tokenizer, 'file');
  const markers = flags.marker?.includes('any') ? 'any' : flags.marker;
  const sources = { files: await files('sequences', flags.sequences), exclude: await files('exclude', flags.exclude) };
  const request: PretrainRequest = {
    ...(await machine(flags)),
    config,
    tokenizer,
    from: { ...sources, column, barcodes, markers, part, keepDuplicates },
    seed: whole('seed', flags.seed ?? '0'),
    out: resolve(flags.out),
    overwrite: flags.overwrite,
  };
  const report = await runJob<PretrainFinished>('pretrainJob', request);
  output.document(report);
  const { sequences, parameters, steps, validLoss, uniformLoss } = report;
  output.print(readWords(report.source));
  if (report.alreadyThere)
    output.print(`${flags.out} holds the finished model of these settings and sequences; nothing was trained.`);
  output.print(
    `${flags.out}: ${parameters} parameters, ${steps} steps on ${sequences} sequences; ` +
      `held-out loss ${validLoss.toFixed(3)} nats per ${config.objective === 'causal' ? '' : 'masked '}token ` +
      `(a uniform guess: ${uniformLoss.toFixed(3)})`,
  );
  return 0;
}

/** What was read and what was left out, and how much there was to exclude, so that a file that excludes nothing is seen. */
function readWords({ rows, kept, leftOut, excludable, exclude }: PretrainFilesReport): string {
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  const words = `${rows} rows read, ${kept} used; left out: ${reasons.length > 0 ? reasons.join(', ') : 'none'}`;
  return exclude.length > 0 ? `${words} (${excludable} different sequences were to be excluded)` : words;
}
