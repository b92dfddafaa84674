/**
 * `models verify`: checks that a model computes the same values here as where its fingerprint was
 * made.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { isMissing, writeFileAtomic } from '../../core/files.ts';
import { textTable } from '../../core/text-table.ts';
import { locateModel } from '../../harness/definitions.ts';
import { type MachineFlags, machine, runJob } from '../child-job.ts';
import type { FingerprintRequest } from '../jobs/models.ts';
import { compareFingerprints, type EmbeddingFingerprint, parseFingerprint, TOLERANCE } from '../models/fingerprint.ts';
import { createOutput } from '../output.ts';

export interface VerifyFlags extends MachineFlags {
  readonly fingerprint?: string;
  readonly write?: boolean;
}

const JOBS = new URL('../jobs/models.ts', import.meta.url);

async function readStored(file: string): Promise<EmbeddingFingerprint | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseFingerprint(text, file);
}

/** One line per layer, so that people can read and compare the numbers. */
function fingerprintText({ layers, ...facts }: EmbeddingFingerprint): string {
  const lines = layers.map((layer) => `    ${JSON.stringify(layer)}`).join(',\n');
  const heads = Object.entries(facts).map(
    ([field, value]) => `  ${JSON.stringify(field)}: ${JSON.stringify(value)},\n`,
  );
  return `{\n${heads.join('')}  "layers": [\n${lines}\n  ]\n}\n`;
}

/** Exit code 1 when something differs; 2 when there is no fingerprint to compare with. */
export async function verifyModel(spec: string, flags: VerifyFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const on = await machine(flags);
  const model = resolve(await locateModel(spec, on.cacheFolder));
  // Next to the model, not in its folder: keys of results hash the files of the folder.
  const file = flags.fingerprint ?? `${model}.fingerprint.json`;
  const stored = flags.write ? undefined : await readStored(file);
  if (!flags.write && !stored)
    throw new UsageError(
      `${file}: there is no fingerprint to compare with`,
      'Name one with --fingerprint FILE, or make one with --write on a machine where the model is known to be right.',
    );
  const request: FingerprintRequest = { ...on, model };
  const now = await runJob<EmbeddingFingerprint>('fingerprintJob', request, JOBS);
  if (!stored) {
    await writeFileAtomic(file, fingerprintText(now));
    output.document({ model: now.model, weights: now.weights, fingerprint: file, written: true });
    output.print(`${file}: written; ${now.layers.length} layers of ${now.layers[0].norms.length} sequences`);
    return 0;
  }
  const comparison = compareFingerprints(now, stored);
  output.document({ model: now.model, weights: now.weights, fingerprint: file, tolerance: TOLERANCE, ...comparison });
  if (comparison.layers.length > 0)
    output.print(
      textTable([
        ['LAYER', 'LARGEST DIFFERENCE', ''],
        ...comparison.layers.map(({ layer, difference }) => [
          String(layer),
          difference.toExponential(1),
          difference <= TOLERANCE ? '' : 'differs',
        ]),
      ]),
    );
  if (!comparison.sameWeights) output.note('The files are not the files that the fingerprint was made from.');
  output.print(
    comparison.same ? `${now.model}: equal to ${file}, within ${TOLERANCE}` : `${now.model}: ${comparison.reason}`,
  );
  return comparison.same ? 0 : 1;
}
