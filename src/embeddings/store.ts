/**
 * Store of embeddings: one `.npy` per (model, sequences, representation), readable with numpy.load,
 * with a JSON sidecar that has its metadata and checksum. A damaged entry is recomputed; a file
 * appears only when it is complete.
 */
import { dirname, join } from 'node:path';
import { readChecked, warnDamaged, withContentHash } from '../core/content-hash.ts';
import { sha256File, sha256Lines, writeFileAtomic } from '../core/files.ts';
import { keyOf } from '../core/key.ts';
import type { Matrix } from '../core/matrix.ts';
import { writingCache } from '../core/optional-write.ts';
import type { Encoder, Representation } from '../models/model.ts';
import { readNpy, writeNpy } from '../runtime/arrays/npy.ts';

interface Sidecar {
  readonly schema: 'glm-bench/embedding@1';
  readonly sha256: string;
  readonly rows: number;
  readonly columns: number;
  readonly fingerprint: string;
  readonly sequencesHash: string;
  readonly representation: Representation;
  readonly made: Provenance;
}

/** Everything that determines the vectors except model and sequences. */
export interface Provenance {
  readonly device: string;
  /** Key of code and machine: see `KeyParts.computation`. */
  readonly computation: string;
}

/**
 * Embeddings of `sequences`, from the store when the entry is complete, otherwise computed and
 * stored.
 */
export async function storedEmbeddings(
  folder: string,
  made: Provenance,
  encoder: Encoder,
  sequences: readonly string[],
  representations: readonly Representation[],
  progress?: (fraction: number, message: string) => void,
): Promise<Matrix[]> {
  const sequencesHash = sha256Lines(sequences);
  const entry = (representation: Representation) => {
    const { fingerprint } = encoder;
    const { computation } = made;
    const key = keyOf('embedding', { fingerprint, sequences: sequencesHash, ...representation, computation });
    return join(folder, encoder.fingerprint.slice(0, 16), key.slice(0, 32));
  };
  const found = await Promise.all(representations.map((r) => load(entry(r), sequences.length)));
  const missing = representations.filter((_, i) => !found[i]);
  if (missing.length === 0) return found as Matrix[];
  const computed = await encoder.embed(sequences, missing, progress);
  const results: Matrix[] = [];
  for (const [i, representation] of representations.entries()) {
    const matrix = found[i] ?? computed[missing.indexOf(representation)];
    if (!found[i]) {
      const path = entry(representation);
      await writingCache(dirname(folder), async () => {
        const checksum = await writeNpy(`${path}.npy`, { ...matrix, values: Float32Array.from(matrix.values) });
        const sidecar: Sidecar = {
          schema: 'glm-bench/embedding@1',
          sha256: checksum,
          rows: matrix.rows,
          columns: matrix.columns,
          fingerprint: encoder.fingerprint,
          sequencesHash,
          representation,
          made,
        };
        await writeFileAtomic(`${path}.json`, `${JSON.stringify(withContentHash(sidecar), null, 2)}\n`);
      });
    }
    results.push(matrix);
  }
  return results;
}

const NEXT = 'the embeddings are computed again';

/** The stored matrix, or undefined when it is missing or damaged. */
async function load(path: string, rows: number): Promise<Matrix | undefined> {
  try {
    const sidecar = (await readChecked(`${path}.json`, NEXT)) as Sidecar | undefined;
    if (!sidecar || sidecar.rows !== rows) return undefined;
    if ((await sha256File(`${path}.npy`)) === sidecar.sha256) {
      const { values, rows: stored, columns } = await readNpy(`${path}.npy`);
      if (values instanceof Float32Array) return { rows: stored, columns, values };
    }
  } catch {
    // the matrix is missing or unreadable
  }
  warnDamaged(`${path}.npy`, NEXT);
  return undefined;
}
