/**
 * `ensemble`: trains matched models on one corpus, one after the other. The same command continues
 * an interrupted training.
 */
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import {
  ENSEMBLE_CONTROLS,
  ENSEMBLE_PRESETS,
  type EnsembleConfig,
  type EnsembleControlName,
  ensembleConfigFrom,
} from '../../ensembles/config.ts';
import type { EnsembleCorpus } from '../../ensembles/corpus.ts';
import { finishEnsemble, type MemberOptions, memberIsFinished } from '../../ensembles/training.ts';
import { parseDevice, resolveDevice } from '../../runtime/device.ts';
import { runInChild } from '../../runtime/jobs/job.ts';
import { takeLock } from '../../runtime/lock.ts';
import { didYouMean } from '../../sequences/sequence-error.ts';
import { withStatusLine } from '../child-job.ts';
import type { PrepareRequest } from '../jobs/ensemble.ts';
import { createOutput } from '../output.ts';
import { duration } from '../progress.ts';

const JOBS = new URL('../jobs/ensemble.ts', import.meta.url);

export interface EnsembleFlags {
  readonly config: string;
  readonly corpus: string[];
  readonly members: number;
  readonly out: string;
  readonly control: string;
  readonly bits?: string;
  readonly dataSeed: number;
  readonly device: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** A preset's name, or a JSON file: fields over `"preset": NAME`. */
async function ensembleConfig(spec: string): Promise<EnsembleConfig> {
  const names = Object.keys(ENSEMBLE_PRESETS);
  if (!names.includes(spec) && extname(spec) !== '.json')
    throw new UsageError(
      `--config ${spec}: there is no such preset${didYouMean(spec, names)}`,
      `Presets: ${names.join(', ')}; or give a .json file.`,
    );
  try {
    return ensembleConfigFrom(names.includes(spec) ? { preset: spec } : JSON.parse(await readFile(spec, 'utf8')));
  } catch (error) {
    throw new UsageError(`--config ${spec}: ${(error as Error).message}`);
  }
}

function controlOf({ control, bits }: EnsembleFlags, config: EnsembleConfig): Pick<PrepareRequest, 'control' | 'bits'> {
  const names = Object.keys(ENSEMBLE_CONTROLS);
  if (!names.includes(control))
    throw new UsageError(
      `--control ${control}: unknown${didYouMean(control, names)}`,
      `Use one of: ${names.join(', ')}.`,
    );
  if (bits !== undefined && control !== 'four-letters') throw new UsageError('--bits goes with --control four-letters');
  if (control === 'four-letters' && config.language !== 'dna')
    throw new UsageError(
      '--control four-letters makes DNA of English: give a --config for dna, and a text as --corpus',
    );
  const value = bits === undefined ? undefined : Number(bits);
  if (value !== undefined && !(value > 0 && value < 2))
    throw new UsageError(`--bits ${bits}: must be bits per letter, above 0 and below 2`);
  return { control: control as EnsembleControlName, bits: value };
}

export async function ensembleCommand(flags: EnsembleFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const config = await ensembleConfig(flags.config);
  const chosen = controlOf(flags, config);
  if (flags.members < 1) throw new UsageError('--members: give at least 1');
  const files = await Promise.all(
    flags.corpus.map(async (file) => {
      if (await stat(file).catch(() => undefined)) return resolve(file);
      throw new UsageError(`--corpus ${file}: there is no such file`);
    }),
  );
  const requested = parseDevice(flags.device);
  const device = requested === 'cpu' ? 'cpu' : (await resolveDevice(requested)).device;
  const out = resolve(flags.out);
  const lock = await takeLock(`${out}/ensemble.lock`, {
    patience: 0,
    onWait: (holder) => output.note(`Waiting for the lock of ${flags.out}. Is its holder, ${holder}, still running?`),
  });
  const { dataSeed, members } = flags;
  const compute = { device, threads: flags.threads ?? availableParallelism() };
  const seeds = Array.from({ length: members }, (_, i) => i + 1);
  try {
    const prepare: PrepareRequest = { config, files, out, dataSeed, ...chosen };
    const corpus = await withStatusLine(async (draw, clear) => {
      const run = <T>(name: string, payload: unknown, show: (fraction: number, message: string) => void) =>
        runInChild<T>(JOBS, name, payload, compute, ({ fraction, message }) => show(fraction, message)).finally(clear);
      const prepared = await run<EnsembleCorpus>('prepareEnsembleJob', prepare, (_, message) => draw(0, message));
      const { letters, blocks, tokens, lettersPerToken, heldOut } = prepared;
      output.note(
        `${letters} letters in ${blocks} blocks of ${(tokens / blocks).toFixed(0)} tokens, ${lettersPerToken.toFixed(2)} letters per token; ` +
          `${heldOut.letters} letters held out in ${heldOut.file}`,
      );
      for (const [i, seed] of seeds.entries()) {
        const started = Date.now();
        const request: MemberOptions = {
          ...{ config, out, seed, dataSeed, untrained: chosen.control === 'untrained' },
          ...compute,
        };
        if (await memberIsFinished(request)) {
          output.note(`member ${seed} of ${members} (exists)`);
          continue;
        }
        await run('ensembleMemberJob', request, (fraction, message) =>
          draw((i + fraction) / members, `member ${seed} of ${members}: ${message}`),
        );
        output.note(`member ${seed} of ${members} (${duration((Date.now() - started) / 1000)})`);
      }
      return prepared;
    });
    const manifest = await finishEnsemble({ config, out, dataSeed, control: chosen.control }, corpus, seeds);
    output.document(manifest);
    for (const { folder, validLoss, uniformLoss, parameters } of manifest.members)
      output.print(
        `${flags.out}/${folder}: ${parameters} parameters, held-out loss ${validLoss.toFixed(3)} nats per masked token (a uniform guess: ${uniformLoss.toFixed(3)})`,
      );
    return 0;
  } finally {
    await lock.release();
  }
}
