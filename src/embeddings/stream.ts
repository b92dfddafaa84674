/**
 * Embeds more sequences than memory has room for vectors: reads, embeds and passes on one block at
 * a time, in order. Within a block sequences are batched by length; the vector of a sequence does
 * not depend on its block.
 */

import type { Encoder, Representation } from '../models/model.ts';
import { UnusableSequence, unusable } from '../sequences/sequence-error.ts';

/**
 * Sequences per block, and letters in them unless a single sequence has more. Large, so that
 * sequences in a batch have similar lengths.
 */
const SEQUENCES_PER_BLOCK = 8192;
const LETTERS_PER_BLOCK = 2 ** 25;

export interface StreamOptions {
  readonly representation: Representation;
  /** Total number of sequences, for progress. */
  readonly total: number;
  readonly progress?: (fraction: number, message: string) => void;
  /** Receives the vectors of the next sequences, [n, dimension]. */
  readonly take: (vectors: Float32Array) => Promise<void>;
}

/**
 * Embeds `sequences` in blocks; returns their number.
 * @throws the errors of the encoder. After the first block the message has the range of sequences,
 *   since the encoder counts from the start of its block.
 */
export async function embedStream(
  encoder: Encoder,
  sequences: AsyncIterable<string>,
  { representation, total, progress, take }: StreamOptions,
): Promise<number> {
  let done = 0;
  for await (const block of blocks(sequences)) {
    const report = (fraction: number) => {
      const reached = done + fraction * block.length;
      progress?.(reached / total, `embedded ${Math.floor(reached)} of ${total} sequences`);
    };
    const [{ rows, values }] = await encoder.embed(block, [representation], report).catch((error: unknown) => {
      if (error instanceof UnusableSequence) throw unusable(error, done + error.row, total);
      if (done === 0) throw error;
      const message = `among the sequences from ${done + 1} to ${done + block.length}: ${(error as Error).message}`;
      throw new Error(message, { cause: error });
    });
    if (rows !== block.length) throw new Error(`${block.length} sequences gave ${rows} rows`);
    await take(values instanceof Float32Array ? values : Float32Array.from(values));
    done += block.length;
    report(0);
  }
  return done;
}

async function* blocks(sequences: AsyncIterable<string>): AsyncGenerator<string[]> {
  let block: string[] = [];
  let letters = 0;
  for await (const sequence of sequences) {
    const isFull = block.length === SEQUENCES_PER_BLOCK || letters + sequence.length > LETTERS_PER_BLOCK;
    if (isFull && block.length > 0) {
      yield block;
      block = [];
      letters = 0;
    }
    block.push(sequence);
    letters += sequence.length;
  }
  if (block.length > 0) yield block;
}
