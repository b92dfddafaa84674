/**
 * `entropy`: the suite of matched ensembles of English and DNA. A cell is one ensemble: trained,
 * measured and added to the page. As many cells run at a time as there are cores, because small
 * models train faster on one core each. The same command continues an interrupted run: finished
 * cells are read, and unfinished members continue from their checkpoints.
 */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../core/atomic-file.ts';
import { UsageError } from '../../core/errors.ts';
import { namingFile } from '../../core/file-fault.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { ensembleConfigFrom } from '../../ensembles/config.ts';
import type { EnsembleCorpus } from '../../ensembles/corpus.ts';
import type { EnsembleDocument } from '../../ensembles/document.ts';
import { type EntropyCell, entropyCells, entropyCorpus } from '../../ensembles/entropy-suite.ts';
import { finishEnsemble, type MemberOptions } from '../../ensembles/training.ts';
import { ensemblePage } from '../../report/ensembles/page.ts';
import { ensembleTerminal } from '../../report/ensembles/terminal.ts';
import { runInChild } from '../../runtime/jobs/job.ts';
import { takeLock } from '../../runtime/lock.ts';
import { type MachineFlags, machine } from '../child-job.ts';
import type { PrepareRequest } from '../jobs/ensemble.ts';
import { createOutput } from '../output.ts';
import { createStatusLine, duration } from '../progress.ts';
import { DEFAULT_SEQUENCES } from './diagnose.ts';
import { DIAGNOSE_JOBS, diagnosed, ENSEMBLE_PAGE } from './diagnose-ensemble.ts';

const TRAINING_JOBS = new URL('../jobs/ensemble.ts', import.meta.url);
const DEFAULT_MEMBERS = 3;
/** Seed of order and masks. */
const DATA_SEED = 42;

export interface EntropyFlags extends MachineFlags {
  readonly dataFolder?: string;
  readonly out: string;
  readonly members?: number;
  readonly sequences?: number;
  readonly only?: string[];
  readonly jobs?: number;
}

/** Runs a job in its own child process and prints its progress. */
type Run = <T>(module: URL, name: string, payload: unknown) => Promise<T>;

export async function entropyCommand(flags: EntropyFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const cells = entropyCells(flags.only);
  const { dataFolder = process.env.GLM_BENCH_DATA, members = DEFAULT_MEMBERS } = flags;
  if (!dataFolder) throw new UsageError('--data-folder is missing', 'Name the folder that holds text/ and genomes/.');
  if (members < 2) throw new UsageError(`--members ${members}: at least 2 are needed; intervals of pairs need 3`);
  const out = resolve(flags.out);
  await namingFile(out, () => makeFolder(out));
  const { device } = await machine(flags);
  const cores = flags.threads ?? availableParallelism();
  const lanes = Math.min(flags.jobs ?? (device === 'cpu' ? cores : 1), cells.length);
  const compute = { device, threads: Math.max(1, Math.floor(cores / lanes)) };
  const corpora = new Map<string, readonly string[]>();
  for (const { corpus } of cells) corpora.set(corpus, await entropyCorpus(corpus, resolve(dataFolder), out));

  const documents = new Map<string, EnsembleDocument>();
  const finished = () => cells.flatMap(({ id }) => documents.get(id) ?? []);
  const status = createStatusLine(process.stderr);
  const waiting = [...cells];
  let failed = 0;
  const computed = async (cell: EntropyCell) => {
    const { id, corpus, title } = cell;
    const started = Date.now();
    const folder = join(out, 'ensembles', id);
    const show = (message: string) => status.draw(documents.size / cells.length, `${id}: ${message}`);
    const run: Run = (module, name, payload) =>
      runInChild(module, name, payload, compute, ({ message }) => show(message));
    await trained(cell, { ...compute, folder, members, files: corpora.get(corpus) ?? [] }, run);
    const request = { ...compute, folder, title, sequences: flags.sequences ?? DEFAULT_SEQUENCES, seed: 0 };
    const document = await diagnosed(request, join(out, id), (asked) =>
      run(DIAGNOSE_JOBS, 'ensembleDiagnoseJob', asked),
    );
    documents.set(id, document);
    await writeFileAtomic(join(out, ENSEMBLE_PAGE), ensemblePage(finished()));
    status.clear();
    output.note(`${documents.size} of ${cells.length}: ${id} (${duration((Date.now() - started) / 1000)})`);
  };
  const lane = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift())
      try {
        await computed(cell);
      } catch (error) {
        failed += 1;
        status.clear();
        output.note(`${cell.id} failed: ${(error as Error).message}`);
      }
  };
  const stop = () => process.exit(130);
  process.on('SIGINT', stop);
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    process.off('SIGINT', stop);
    status.clear();
  }
  output.document(finished());
  if (documents.size > 0) {
    output.print(ensembleTerminal(finished()));
    output.print(`\n${join(flags.out, ENSEMBLE_PAGE)}`);
  }
  return failed > 0 ? 1 : 0;
}

type Compute = Pick<MemberOptions, 'device' | 'threads'>;

interface Training extends Compute {
  readonly folder: string;
  readonly members: number;
  readonly files: readonly string[];
}

/** Finished members stay; see `ensembles/training.ts`. */
async function trained(cell: EntropyCell, training: Training, run: Run): Promise<void> {
  const { folder: out, members, files, ...compute } = training;
  const { control, bits } = cell;
  const config = ensembleConfigFrom({ preset: cell.preset });
  await namingFile(out, () => makeFolder(out));
  const lock = await takeLock(join(out, 'ensemble.lock'), { patience: 0 });
  try {
    const prepare: PrepareRequest = { config, files, out, dataSeed: DATA_SEED, control, bits };
    const corpus = await run<EnsembleCorpus>(TRAINING_JOBS, 'prepareEnsembleJob', prepare);
    const seeds = Array.from({ length: members }, (_, i) => i + 1);
    for (const seed of seeds) {
      const member: MemberOptions = {
        ...{ config, out, seed, dataSeed: DATA_SEED, untrained: control === 'untrained' },
        ...compute,
      };
      await run(TRAINING_JOBS, 'ensembleMemberJob', member);
    }
    await finishEnsemble({ config, out, dataSeed: DATA_SEED, control }, corpus, seeds);
  } finally {
    await lock.release();
  }
}
