/**
 * `diagnose`: measures a model's predictions and embeddings on a corpus and writes a document and a
 * page.
 */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../core/atomic-file.ts';
import { UsageError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { removeAbandoned } from '../../core/temporary.ts';
import { corpusKind } from '../../diagnostics/corpus/corpus.ts';
import type { DiagnosticsDocument } from '../../diagnostics/document.ts';
import { locateModel } from '../../harness/definitions.ts';
import { diagnosticsPage } from '../../report/diagnostics/page.ts';
import { diagnosticsTerminal } from '../../report/diagnostics/terminal.ts';
import { existing, type MachineFlags, machine, runJob } from '../child-job.ts';
import type { DiagnoseRequest } from '../jobs/diagnose.ts';
import { createOutput } from '../output.ts';

const JOBS = new URL('../jobs/diagnose.ts', import.meta.url);

export const DEFAULT_SEQUENCES = 256;

export interface DiagnoseFlags extends MachineFlags {
  readonly model: string;
  readonly corpus: string;
  readonly out: string;
  readonly sequences?: number;
  readonly seed?: string;
}

export async function diagnoseCommand(flags: DiagnoseFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const seed = Number(flags.seed ?? 0);
  if (!Number.isInteger(seed) || seed < 0 || flags.seed?.trim() === '')
    throw new UsageError(`--seed ${flags.seed}: must be a whole number of at least 0`);
  const corpus = await existing('corpus', flags.corpus, 'file');
  if ((await stat(corpus)).isDirectory())
    throw new UsageError(`--corpus ${flags.corpus}: is a folder`, 'Give one file: FASTA or plain text, gzip or not.');
  await readable(corpus, flags.corpus);
  const on = await machine(flags);
  const model = resolve(await locateModel(flags.model, on.cacheFolder));
  const out = await outputFolder(flags.out);
  const request: DiagnoseRequest = {
    ...on,
    ...{ model, corpus, seed },
    sequences: flags.sequences ?? DEFAULT_SEQUENCES,
  };
  const document = await runJob<DiagnosticsDocument>('diagnoseJob', request, JOBS);
  await writeFileAtomic(join(out, 'diagnostics.json'), `${JSON.stringify(document, null, 2)}\n`);
  await writeFileAtomic(join(out, 'diagnostics.html'), diagnosticsPage(document));
  output.document(document);
  output.print(diagnosticsTerminal(document));
  output.print(`\n${['diagnostics.json', 'diagnostics.html'].map((file) => join(flags.out, file)).join('\n')}`);
  return 0;
}

/** Throws at once for a file without text. */
async function readable(path: string, given: string): Promise<void> {
  try {
    await corpusKind(path);
  } catch (error) {
    throw new UsageError(`--corpus ${given}: ${(error as Error).message}`);
  }
}

/**
 * Made before anything is measured, so that a folder that cannot be written is reported at once.
 */
async function outputFolder(path: string): Promise<string> {
  try {
    await makeFolder(path);
    await removeAbandoned(path);
  } catch (error) {
    throw new UsageError(`--out ${path}: ${(error as Error).message}`);
  }
  return resolve(path);
}
