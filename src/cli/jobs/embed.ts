/**
 * The child process of `embed`: native code never runs in the process that prints to the terminal.
 */
import { dirname } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { removeAbandoned } from '../../core/temporary.ts';
import { encoderOf } from '../../embeddings/extract.ts';
import { embedStream } from '../../embeddings/stream.ts';
import type { Variant } from '../../embeddings/variant.ts';
import { codeHash } from '../../harness/cells/source-hash.ts';
import { modelAt } from '../../harness/definitions.ts';
import { runAs } from '../../harness/variants.ts';
import type { Pooling } from '../../models/model.ts';
import { openNpyWriter } from '../../runtime/arrays/npy-writer.ts';
import { type PlainSequence, readSequences } from '../../sequences/formats/readers.ts';
import type { AlphabetPolicy } from '../../sequences/labelled-sequence.ts';
import { createReadReport, type OnBadRow, type ReadReport, type SkippedRow } from '../../sequences/row-faults.ts';
import { UnusableSequence } from '../../sequences/sequence-error.ts';

import type { JobMachine } from '../child-job.ts';

type Progress = (fraction: number, message: string) => void;

export interface EmbedRequest extends JobMachine {
  readonly model: string;
  /** Variant of the model; absent: none. */
  readonly variant?: Variant;
  readonly sequences: string;
  /** Column of the sequence. */
  readonly column?: string;
  readonly alphabet?: AlphabetPolicy;
  readonly onBadRow?: OnBadRow;
  /** Default: the last layer. */
  readonly layer?: number;
  readonly pool: Pooling;
  readonly out: string;
}

export interface EmbedReport {
  readonly out: string;
  readonly rows: number;
  /** Rows of the file without a row in the matrix. */
  readonly skipped: readonly SkippedRow[];
  readonly dimension: number;
  readonly layer: number;
  readonly pool: Pooling;
  readonly model: string;
  readonly fingerprint: string;
  readonly sha256: string;
}

/** Every row of a file, in order, in the alphabet. */
function readRows(request: EmbedRequest, report?: ReadReport): AsyncGenerator<PlainSequence> {
  const { column, onBadRow, alphabet = { alphabet: 'dna' } } = request;
  return readSequences(request.sequences, { sequence: column, duplicateIds: 'suffix', onBadRow, alphabet, report });
}

async function* sequencesOf(rows: AsyncIterable<PlainSequence>): AsyncGenerator<string> {
  for await (const { sequence } of rows) yield sequence;
}

/**
 * The error with file, line and id of the row that the model cannot use; the file is read again up
 * to that row.
 */
async function placed(error: UnusableSequence, request: EmbedRequest): Promise<Error> {
  let row = 0;
  for await (const { id, source } of readRows(request)) {
    if (row++ === error.row) return new UsageError(error.at(`${source.file}:${source.line} (row "${id}")`));
  }
  return error;
}

/**
 * Embeds the sequences of a file; row i of the `.npy` is sequence i. The file is read twice, so
 * that neither sequences nor vectors are held in memory.
 */
export async function embedJob(request: EmbedRequest, progress: Progress): Promise<EmbedReport> {
  const { device, threads, cacheFolder, pool, out } = request;
  const counted = createReadReport();
  let [rows, longestSequence] = [0, 0];
  for await (const { length } of sequencesOf(readRows(request, counted))) {
    rows += 1;
    longestSequence = Math.max(longestSequence, length);
  }
  const found = await modelAt(request.model);
  const { definition } = request.variant ? runAs(found, request.variant) : found;
  const unlabelled = { unlabelled: [], unlabelledHash: '', longestSequence };
  const made = { seed: 0, effort: 1, codeHash: await codeHash() };
  const context = { ...made, device, threads, cacheFolder, ...unlabelled, mapWeights: true, progress };
  const encoder = encoderOf(await definition.load(context), { device, threads });
  try {
    const { dimension, fingerprint, layers } = encoder;
    const layer = request.layer ?? layers;
    await removeAbandoned(dirname(out));
    const writer = await openNpyWriter(out, rows, dimension);
    try {
      const representation = { layer, pooling: pool };
      const take = (vectors: Float32Array) => writer.write(vectors);
      await embedStream(encoder, sequencesOf(readRows(request)), { representation, total: rows, progress, take }).catch(
        async (error: unknown) => {
          throw error instanceof UnusableSequence ? await placed(error, request) : error;
        },
      );
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
