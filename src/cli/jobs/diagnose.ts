/**
 * The child process of `diagnose`: reads the model, measures, and returns the document. The parent
 * writes files.
 */
import { basename } from 'node:path';
import { sha256File } from '../../core/files.ts';
import { diagnose } from '../../diagnostics/diagnose.ts';
import { type DiagnosticsDocument, diagnosticsDocument } from '../../diagnostics/document.ts';
import { diagnosticsCodeHash, packageVersions } from '../../harness/cells/source-hash.ts';
import { modelAt } from '../../harness/definitions.ts';
import { type Device, precisionLabel } from '../../runtime/device.ts';

export interface DiagnoseRequest {
  readonly model: string;
  readonly corpus: string;
  readonly sequences: number;
  readonly seed: number;
  readonly device: Device;
  readonly threads: number;
  readonly cacheFolder: string;
}

export async function diagnoseJob(
  request: DiagnoseRequest,
  progress: (fraction: number, message: string) => void,
): Promise<DiagnosticsDocument> {
  const { corpus, sequences, seed, device, threads, cacheFolder } = request;
  const startedAt = new Date();
  progress(0, 'read the model');
  const { definition, sourceHash } = await modelAt(request.model);
  const code = await diagnosticsCodeHash();
  const unlabelled = { unlabelled: [], unlabelledHash: '', longestSequence: 0 };
  const context = {
    seed: 0,
    effort: 1,
    codeHash: code,
    device,
    threads,
    cacheFolder,
    ...unlabelled,
    progress: () => {},
  };
  const model = await definition.load(context);
  try {
    const diagnosis = await diagnose(model, {
      ...{ corpus, sequences, seed, progress },
      compute: { device, threads },
    });
    const finishedAt = new Date();
    return diagnosticsDocument(diagnosis, {
      model: {
        id: definition.id,
        fingerprint: model.fingerprint,
        filesHash: sourceHash,
        reads: ('embed' in model ? model.exported : model)?.reads ?? null,
        card: model.card,
      },
      corpus: { file: basename(corpus), sha256: await sha256File(corpus) },
      settings: { sequences, seed },
      environment: {
        ...{ device, precision: precisionLabel(device), threads },
        ...{ node: process.version, platform: `${process.platform}/${process.arch}` },
        packages: await packageVersions(),
        codeHash: code,
      },
      timings: {
        seconds: (finishedAt.getTime() - startedAt.getTime()) / 1000,
        startedAt: startedAt.toISOString(),
        finishedAt: finishedAt.toISOString(),
      },
    });
  } finally {
    if ('dispose' in model) await model.dispose();
  }
}
