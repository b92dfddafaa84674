/**
 * The child process of `diagnose-ensemble` for one ensemble: reads its members, measures, and
 * returns the document. The parent writes files.
 */
import { basename } from 'node:path';
import { sha256File } from '../../core/files.ts';
import { diagnoseEnsemble } from '../../ensembles/diagnosis.ts';
import { type EnsembleDocument, ensembleDocument, ensembleKey } from '../../ensembles/document.ts';
import { type EnsembleFolder, readEnsembleFolder } from '../../ensembles/folder.ts';
import type { EnsembleManifest } from '../../ensembles/training.ts';
import { diagnosticsCodeHash, packageVersions } from '../../harness/cells/source-hash.ts';
import type { FrozenModel } from '../../models/model.ts';
import { loadModelFolder } from '../../models/model-folder.ts';
import { type Device, precisionLabel } from '../../runtime/device.ts';

export interface EnsembleDiagnoseRequest {
  readonly folder: string;
  /** Default: the held-out part of the ensemble's corpus. */
  readonly corpus?: string;
  /** Default: the title of its manifest, otherwise the folder's name. */
  readonly title?: string;
  readonly sequences: number;
  readonly seed: number;
  readonly device: Device;
  readonly threads: number;
  /** Key of an existing document: an ensemble with the same key is not measured again. */
  readonly known?: string;
}

/** @returns the document, or `unchanged` when the existing one has the same key. */
export async function ensembleDiagnoseJob(
  request: EnsembleDiagnoseRequest,
  progress: (fraction: number, message: string) => void,
): Promise<EnsembleDocument | 'unchanged'> {
  const { sequences, seed, device, threads } = request;
  const startedAt = new Date();
  progress(0, 'read the members');
  const ensemble = await readEnsembleFolder(request.folder);
  const corpus = request.corpus ?? ensemble.heldOut;
  if (corpus === undefined) throw new Error(`${request.folder}: there is no held-out corpus; add --corpus FILE`);
  const models: FrozenModel[] = [];
  for (const folder of ensemble.members) models.push(await loadModelFolder(folder));
  const settings = { sequences, seed };
  const environment = {
    ...{ device, precision: precisionLabel(device), threads },
    ...{ node: process.version, platform: `${process.platform}/${process.arch}` },
    packages: await packageVersions(),
    codeHash: await diagnosticsCodeHash(),
  };
  const sha256 = await sha256File(corpus);
  const fingerprints = models.map(({ fingerprint }) => fingerprint);
  const key = ensembleKey({ ...{ fingerprints, settings, environment }, corpus: sha256 });
  if (key === request.known) return 'unchanged';
  const diagnosis = await diagnoseEnsemble(models, {
    ...{ corpus, ...settings, progress },
    compute: { device, threads },
  });
  const finishedAt = new Date();
  return ensembleDocument(diagnosis, {
    ...{ key, settings, environment },
    ensemble: factsOf(ensemble, models, request.title),
    corpus: { file: basename(corpus), sha256, heldOut: corpus === ensemble.heldOut },
    timings: {
      seconds: (finishedAt.getTime() - startedAt.getTime()) / 1000,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
    },
  });
}

function factsOf(
  { id, manifest }: EnsembleFolder,
  models: readonly FrozenModel[],
  title: string | undefined,
): EnsembleDocument['ensemble'] {
  const config = manifest?.config;
  return {
    id,
    title: title ?? (manifest ? titleOf(manifest) : id),
    language: config?.language ?? null,
    tokenizer: config?.tokenizer ?? null,
    control: manifest?.control ?? null,
    lettersPerToken: manifest?.corpus.lettersPerToken ?? null,
    config: { ...config },
    corpus: manifest ? corpusFacts(manifest) : {},
    members: models.map(({ fingerprint, card }, i) => {
      const { seed = null, steps = null, validLoss = null, uniformLoss = null } = manifest?.members[i] ?? {};
      const parameters = typeof card.parameters === 'number' ? card.parameters : null;
      return { ...{ seed, fingerprint, parameters, steps }, ...{ validLoss, uniformLoss } };
    }),
  };
}

/** Describes the manifest's corpus without the folders of the machine where it was. */
function corpusFacts({ corpus, corpusHash, dataSeed }: EnsembleManifest): Record<string, unknown> {
  const files = corpus.files.map(({ path, sha256 }) => ({ file: basename(path), sha256 }));
  return { ...corpus, files, corpusHash, dataSeed };
}

function titleOf({ config, control, corpus }: EnsembleManifest): string {
  const tokens = config.tokenizer === 'bpe' ? 'BPE' : `${config.k}-mer`;
  const made = control === 'none' ? '' : `, ${control}`;
  return `${corpus.files.map(({ path }) => basename(path)).join(', ')}: ${tokens}${made}`;
}
