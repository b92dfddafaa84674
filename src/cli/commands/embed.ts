import { extname, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { locateModel } from '../../harness/definitions.ts';
import { wholeOrBase } from '../../harness/variants.ts';
import type { Pooling } from '../../models/model.ts';
import { describeSkipped } from '../../sequences/row-faults.ts';
import { didYouMean } from '../../sequences/sequence-error.ts';
import { existing, type MachineFlags, machine, runJob, whole } from '../child-job.ts';
import type { EmbedReport, EmbedRequest } from '../jobs/embed.ts';
import { type SequenceFileFlags, sequenceFilePolicy } from '../options.ts';
import { createOutput } from '../output.ts';

const JOBS = new URL('../jobs/embed.ts', import.meta.url);
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'first', 'frames'];

export interface EmbedFlags extends MachineFlags, SequenceFileFlags {
  readonly model: string;
  readonly sequences: string;
  readonly column?: string;
  readonly layer?: string;
  readonly pool: string;
  readonly out: string;
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
  const report = await runJob<EmbedReport>('embedJob', request, JOBS);
  output.document(report);
  const { rows, dimension, layer, pool } = report;
  output.print(`${flags.out}: ${rows} rows of ${dimension} float32, layer ${layer}, ${pool}; numpy.load reads it`);
  if (report.skipped.length > 0)
    output.note(
      `${describeSkipped(report.skipped, rows + report.skipped.length)}. Row numbers of the file are not those of the matrix`,
    );
  return 0;
}
