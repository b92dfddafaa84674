/** `pretrain`: trains an encoder on sequences without labels. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { BARCODE_PARTS, type BarcodePart } from '../../barcodes/splits.ts';
import { UsageError } from '../../core/errors.ts';
import { PRETRAIN_FIELDS, pretrainConfigFrom } from '../../pretraining/config.ts';
import { PRESETS, type PretrainConfig } from '../../pretraining/presets.ts';
import type { PretrainFilesReport } from '../../pretraining/sequences.ts';
import { didYouMean } from '../../sequences/sequence-error.ts';
import { existing, type MachineFlags, machine, runJob, whole } from '../child-job.ts';
import type { PretrainFinished, PretrainRequest } from '../jobs/pretrain.ts';
import { type SequenceFileFlags, sequenceFilePolicy } from '../options.ts';
import { createOutput } from '../output.ts';

const JOBS = new URL('../jobs/pretrain.ts', import.meta.url);

export interface PretrainFlags extends MachineFlags, SequenceFileFlags {
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

/**
 * A preset's name, or a JSON file with all fields of a preset, or some of them over `"preset":
 * NAME`. The objective of the flag overrides both.
 */
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
      throw new UsageError(`${spec} is not JSON: ${(error as Error).message}`);
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
  const policy = sequenceFilePolicy(flags);
  if (barcodes && (policy.alphabet || policy.onBadRow))
    throw new UsageError(
      '--alphabet, --gaps, --unknown and --on-bad-row do not go with barcode collections, whose rows are judged one by one',
    );
  const config = await pretrainConfig(flags.config, flags.objective);
  const tokenizer = flags.tokenizer === undefined ? undefined : await existing('tokenizer', flags.tokenizer, 'file');
  const markers = flags.marker?.includes('any') ? 'any' : flags.marker;
  const sources = { files: await files('sequences', flags.sequences), exclude: await files('exclude', flags.exclude) };
  const request: PretrainRequest = {
    ...(await machine(flags)),
    config,
    tokenizer,
    from: { ...sources, ...policy, column, barcodes, markers, part, keepDuplicates },
    seed: whole('seed', flags.seed ?? '0'),
    out: resolve(flags.out),
    overwrite: flags.overwrite,
  };
  const report = await runJob<PretrainFinished>('pretrainJob', request, JOBS);
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

/**
 * Numbers of rows read and left out, and of sequences to exclude, so that a file that excludes
 * nothing is noticed.
 */
function readWords({ rows, kept, leftOut, excludable, exclude }: PretrainFilesReport): string {
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  const words = `${rows} rows read, ${kept} used; left out: ${reasons.length > 0 ? reasons.join(', ') : 'none'}`;
  return exclude.length > 0 ? `${words} (${excludable} different sequences were to be excluded)` : words;
}
