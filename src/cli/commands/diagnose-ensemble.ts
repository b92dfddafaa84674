/**
 * `diagnose-ensemble`: measures matched ensembles without labels and writes a document for each and
 * one page for all. An ensemble that was measured before is not measured again.
 */
import { join, resolve } from 'node:path';
import { makeFolder } from '../../core/atomic-file.ts';
import { readChecked, withContentHash } from '../../core/content-hash.ts';
import { UsageError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { removeAbandoned } from '../../core/temporary.ts';
import {
  ENSEMBLE_DIAGNOSTICS_FILE,
  type EnsembleDocument,
  ensembleDiagnosticsSchema,
} from '../../ensembles/document.ts';
import { readEnsembleFolder } from '../../ensembles/folder.ts';
import { ensemblePage } from '../../report/ensembles/page.ts';
import { ensembleTerminal } from '../../report/ensembles/terminal.ts';
import { existing, type MachineFlags, machine, runJob } from '../child-job.ts';
import type { EnsembleDiagnoseRequest } from '../jobs/diagnose-ensemble.ts';
import { createOutput } from '../output.ts';
import { DEFAULT_SEQUENCES } from './diagnose.ts';

/** The module of the job that measures. */
export const DIAGNOSE_JOBS = new URL('../jobs/diagnose-ensemble.ts', import.meta.url);
export const ENSEMBLE_PAGE = 'ensembles.html';

export interface EnsembleDiagnoseFlags extends MachineFlags {
  readonly corpus?: string;
  readonly out: string;
  readonly sequences?: number;
  readonly seed?: string;
}

export async function ensembleDiagnoseCommand(
  folders: readonly string[],
  flags: EnsembleDiagnoseFlags,
): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const seed = Number(flags.seed ?? 0);
  if (!Number.isInteger(seed) || seed < 0 || flags.seed?.trim() === '')
    throw new UsageError(`--seed ${flags.seed}: must be a whole number of at least 0`);
  const corpus = flags.corpus === undefined ? undefined : await existing('corpus', flags.corpus, 'file');
  const ensembles = await Promise.all(folders.map(readEnsembleFolder));
  const twice = ensembles.find(({ id }, i) => ensembles.some((other, j) => j < i && other.id === id));
  if (twice) throw new UsageError(`${twice.path}: two ensembles have the name ${twice.id}; rename one folder`);
  const lacking = ensembles.find(({ heldOut }) => corpus === undefined && heldOut === undefined);
  if (lacking)
    throw new UsageError(
      `${lacking.path}: there is no ensemble.json; add --corpus FILE with text that no member was trained on`,
    );
  const on = await machine(flags);
  const documents: EnsembleDocument[] = [];
  for (const { path, id } of ensembles) {
    const request = { ...on, folder: path, corpus, sequences: flags.sequences ?? DEFAULT_SEQUENCES, seed };
    documents.push(await diagnosed(request, join(resolve(flags.out), id), measure));
    output.note(`${id}: ${join(flags.out, id, ENSEMBLE_DIAGNOSTICS_FILE)}`);
  }
  await writeFileAtomic(join(resolve(flags.out), ENSEMBLE_PAGE), ensemblePage(documents));
  output.document(documents);
  output.print(ensembleTerminal(documents));
  output.print(`\n${join(flags.out, ENSEMBLE_PAGE)}`);
  return 0;
}

type Measured = EnsembleDocument | 'unchanged';

const measure = (request: EnsembleDiagnoseRequest): Promise<Measured> =>
  runJob<Measured>('ensembleDiagnoseJob', request, DIAGNOSE_JOBS);

/**
 * The document of an ensemble in `folder`: an existing one is used when it has the same members,
 * corpus, settings, code and device.
 */
export async function diagnosed(
  request: EnsembleDiagnoseRequest,
  folder: string,
  run: (request: EnsembleDiagnoseRequest) => Promise<Measured>,
): Promise<EnsembleDocument> {
  const file = join(folder, ENSEMBLE_DIAGNOSTICS_FILE);
  await makeFolder(folder).catch((error: Error) => {
    throw new UsageError(`--out ${folder}: ${error.message}`);
  });
  await removeAbandoned(folder);
  const known = await readDocument(file);
  const found = await run({ ...request, known: known?.key });
  if (found === 'unchanged') return known as EnsembleDocument;
  await writeFileAtomic(file, `${JSON.stringify(withContentHash(found), null, 2)}\n`);
  return found;
}

/** A stored document; undefined when there is none, or it is damaged or of another version. */
async function readDocument(file: string): Promise<EnsembleDocument | undefined> {
  return ensembleDiagnosticsSchema.safeParse(await readChecked(file, 'the ensemble is measured again')).data;
}
