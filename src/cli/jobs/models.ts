/**
 * The child process of `models inspect` and `models verify`: tokenizers and engines are native
 * code, and files are large.
 */
import { encoderOf } from '../../embeddings/extract.ts';
import { codeHash } from '../../harness/cells/source-hash.ts';
import { modelAt } from '../../harness/definitions.ts';
import type { Encoder, ModelContext } from '../../models/model.ts';
import type { Device } from '../../runtime/device.ts';
import { type EmbeddingFingerprint, fingerprintOf, readSequences } from '../models/fingerprint.ts';
import { type InspectRequest, inspectModel, type ModelFacts } from '../models/inspect.ts';

type Progress = (fraction: number, message: string) => void;

export interface FingerprintRequest {
  readonly model: string;
  readonly device: Device;
  readonly threads: number;
  readonly cacheFolder: string;
}

/** Opens the model at a path as an encoder and passes it to `use`. */
async function withEncoder<T>(
  { model, ...machine }: FingerprintRequest,
  progress: Progress,
  use: (encoder: Encoder, id: string) => Promise<T>,
): Promise<T> {
  const { definition } = await modelAt(model);
  const context: ModelContext = {
    ...{ ...machine, progress, codeHash: await codeHash(), seed: 0, effort: 1 },
    ...{ unlabelled: [], unlabelledHash: '', longestSequence: 512 },
  };
  const encoder = encoderOf(await definition.load(context), machine);
  try {
    return await use(encoder, definition.id);
  } finally {
    await encoder.dispose();
  }
}

/** Tokens of a sequence, or null when the model cannot read it whole. */
function tokensOf(encoder: Encoder, sequence: string): number | null {
  try {
    return encoder.pooledTokens?.(sequence) ?? null;
  } catch {
    return null;
  }
}

/** Embeds the fixed sequences that the model can read, at every layer, as `embed` would. */
export async function fingerprintJob(request: FingerprintRequest, progress: Progress): Promise<EmbeddingFingerprint> {
  return withEncoder(request, progress, async (encoder, model) => {
    const all = readSequences();
    const tokens = encoder.pooledTokens ? all.map((sequence) => tokensOf(encoder, sequence)) : undefined;
    const read = all.filter((_, i) => tokens?.[i] !== null);
    if (read.length === 0) encoder.pooledTokens?.(all[0]); // gives the reason
    const layers = Array.from({ length: encoder.layers + 1 }, (_, layer) => layer);
    const matrices = await encoder.embed(
      read,
      layers.map((layer) => ({ layer, pooling: 'mean' })),
      progress,
    );
    return fingerprintOf({ model, weights: encoder.fingerprint, tokens }, matrices);
  });
}

/** Facts of a model; for exports and precomputed embeddings the facts known after opening them. */
export async function inspectJob(
  request: FingerprintRequest & InspectRequest,
  progress: Progress,
): Promise<ModelFacts> {
  return inspectModel(request, progress, (use) => withEncoder(request, progress, use));
}
