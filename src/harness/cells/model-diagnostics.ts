/**
 * What is measured of a model without labels beside its score (`diagnostics/model-diagnostics.ts`), on test sequences of the task: the same ones for every model, drawn
 * once, labels unseen, nothing chosen by them. What is whole is kept in the cache folder, for every probe of a model asks for the same.
 */
import { join } from 'node:path';
import { readChecked, withContentHash } from '../../core/content-hash.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { keyOf } from '../../core/key.ts';
import { writingCache } from '../../core/optional-write.ts';
import { createRandom } from '../../core/random.ts';
import type { Measures, Unmeasured } from '../../diagnostics/model-diagnostics.ts';
import type { Encoder } from '../../models/model.ts';
import type { Device } from '../../runtime/device.ts';
import { measuresSchema } from '../store/result.ts';

/** Of the draw of sequences and tokens: the same for all seeds of a cell, so that only weights differ. */
const SEED = 0;

export interface MeasureSettings {
  readonly device: string;
  readonly threads: number;
  readonly cacheFolder: string;
  readonly codeHash: string;
  readonly progress: (fraction: number, message: string) => void;
}

/** Measures of the encoder's model; the reason where it can't be asked. */
export async function storedMeasures(
  { model, exported, fingerprint }: Encoder,
  sequences: readonly string[],
  { device, threads, cacheFolder, codeHash, progress }: MeasureSettings,
): Promise<Measures | Unmeasured> {
  const language = model ?? exported;
  if (!language) return { missing: 'the model gives vectors only' };
  const { MEASURED_SEQUENCES, measure } = await import('../../diagnostics/model-diagnostics.ts');
  const places = Uint32Array.from(sequences, (_, i) => i);
  const drawn = createRandom(`measures:${SEED}`).shuffle(places).subarray(0, MEASURED_SEQUENCES).sort();
  const windows = Array.from(drawn, (place) => sequences[place]);
  const key = keyOf('modelDiagnostics', { fingerprint, windows, seed: SEED, computation: codeHash });
  const path = join(cacheFolder, 'measures', `${key.slice(0, 32)}.json`);
  const found = measuresSchema.safeParse(await readChecked(path, 'it is measured again'));
  if (found.success) return found.data;
  const compute = { device: device as Device, threads };
  const measured = measuresSchema.parse(await measure(language, windows, { compute, seed: SEED, progress }));
  // What memory was too short for today may fit tomorrow.
  if (measured.missing !== undefined) return measured;
  await writingCache(cacheFolder, () =>
    writeFileAtomic(path, `${JSON.stringify(withContentHash({ ...measured }), null, 2)}\n`),
  );
  return measured;
}
