/** What the child process of `embed` does: native code never runs in the process that talks to the terminal. */
import { dirname } from 'node:path';
import { removeAbandoned } from '../../core/temporary.ts';
import { encoderOf } from '../../embeddings/extract.ts';
import { embedStream } from '../../embeddings/stream.ts';
import type { Variant } from '../../embeddings/variant.ts';
import { codeHash } from '../../harness/cells/source-hash.ts';
import { modelAt } from '../../harness/definitions.ts';
import { runAs } from '../../harness/variants.ts';
import type { Pooling } from '../../models/model.ts';
import { openNpyWriter } from '../../runtime/arrays/npy-writer.ts';
import { readSequences } from '../../sequences/formats/readers.ts';
import type { AlphabetPolicy } from '../../sequences/labelled-sequence.ts';
import { createReadReport, type OnBadRow, type SkippedRow } from '../../sequences/row-faults.ts';

import type { JobMachine } from '../child-job.ts';

type Progress = (fraction: number, message: string) => void;

export interface EmbedRequest extends JobMachine {
  readonly model: string;
  /** How the model is run; absent: as it is. */
  readonly variant?: Variant;
  readonly sequences: string;
  /** Column of the sequence. */
  readonly column?: string;
  readonly alphabet?: AlphabetPolicy;
  readonly onBadRow?: OnBadRow;
  /** Default: the last. */
  readonly layer?: number;
  readonly pool: Pooling;
  readonly out: string;
}

export interface EmbedReport {
  readonly out: string;
  readonly rows: number;
  /** Rows of the file that have no row in the matrix. */
  readonly skipped: readonly SkippedRow[];
  readonly dimension: number;
  readonly layer: number;
  readonly pool: Pooling;
  readonly model: string;
  readonly fingerprint: string;
  readonly sha256: string;
}

/** Every sequence of a file, in order, in the alphabet. */
async function* readAll(request: EmbedRequest, report = createReadReport()): AsyncGenerator<string> {
  const { column, onBadRow, alphabet = { alphabet: 'dna' } } = request;
  const options = { sequence: column, duplicateIds: 'suffix', onBadRow, alphabet, report } as const;
  for await (const { sequence } of readSequences(request.sequences, options)) yield sequence;
}

/** Embeds the sequences of a file; row i of the `.npy` is sequence i. The file is read twice, so that neither sequences nor vectors are held. */
export async function embedJob(request: EmbedRequest, progress: Progress): Promise<EmbedReport> {
  const { device, threads, cacheFolder, pool, out } = request;
  const counted = createReadReport();
  let [rows, longestSequence] = [0, 0];
  for await (const { length } of readAll(request, counted)) {
    rows += 1;
    longestSequence = Math.max(longestSequence, length);
  }
  const found = await modelAt(request.model);
  const { definition } = request.variant ? runAs(found, request.variant) : found;
  const unlabelled = { unlabelled: [], unlabelledHash: '', longestSequence };
  const made = { seed: 0, effort: 1, codeHash: await codeHash() };
  const context = { ...made, device, threads, cacheFolder, ...unlabelled, progress };
  const encoder = encoderOf(await definition.load(context), { device, threads });
  try {
    const { dimension, fingerprint, layers } = encoder;
    const layer = request.layer ?? layers;
    await removeAbandoned(dirname(out));
    const writer = await openNpyWriter(out, rows, dimension);
    try {
      const representation = { layer, pooling: pool };
      const take = (vectors: Float32Array) => writer.write(vectors);
      await embedStream(encoder, readAll(request), { representation, total: rows, progress, take });
      const checksum = await writer.finish();
      return {
        out,
        rows,
        skipped: counted.skipped,
        dimension,
        layer,
        pool,
        model: definition.id,
        fingerprint,
        sha256: checksum,
      };
    } finally {
      await writer.discard();
    }
  } finally {
    await encoder.dispose();
  }
}
