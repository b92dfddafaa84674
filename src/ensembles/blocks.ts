/**
 * Training data of the members of an ensemble: blocks of token ids, made once and read by all
 * members. In the file every block is a count and its ids, 16 bits each, low byte first.
 * Pre-training sees a block as a row of letters, two Latin-1 letters per id, and {@link
 * blockReading} converts it back.
 */
import { createReadStream } from 'node:fs';
import { createAtomicFile } from '../core/atomic-file.ts';
import type { TrainingTokenizer } from '../pretraining/training-tokenizers.ts';

const WRITE_BYTES = 1 << 20;

export interface BlockCounts {
  blocks: number;
  tokens: number;
  /** Tokens that are in no block: ends that are too short, and blocks of unknown tokens. */
  leftOut: number;
}

export interface BlockWriter {
  /** Ids that continue the previous ones when they belong to the same stream. */
  add(ids: ArrayLike<number>, flow: number): Promise<void>;
  /** The file gets its name only when it is complete. */
  finish(): Promise<BlockCounts>;
}

/**
 * Cuts streams of ids into blocks of `tokens`. The rest of a stream is a block when it has at least
 * a quarter of that. Blocks with mostly `unknownId` tokens are left out.
 */
export async function createBlockWriter(path: string, tokens: number, unknownId: number): Promise<BlockWriter> {
  const file = await createAtomicFile(path);
  const counts: BlockCounts = { blocks: 0, tokens: 0, leftOut: 0 };
  let waiting: Buffer[] = [];
  let bytes = 0;
  let pending: number[] = [];
  let current = Number.NaN;
  const flush = async () => {
    await file.append(Buffer.concat(waiting));
    waiting = [];
    bytes = 0;
  };
  const put = async (ids: readonly number[]) => {
    if (ids.length < Math.max(2, tokens / 4) || ids.filter((id) => id === unknownId).length > ids.length / 2) {
      counts.leftOut += ids.length;
      return;
    }
    const block = Buffer.from(Uint16Array.of(ids.length, ...ids).buffer);
    counts.blocks++;
    counts.tokens += ids.length;
    waiting.push(block);
    bytes += block.length;
    if (bytes > WRITE_BYTES) await flush();
  };
  return {
    async add(ids, flow) {
      if (flow !== current) await put(pending.splice(0));
      current = flow;
      for (let i = 0; i < ids.length; i++) pending.push(ids[i]);
      let start = 0;
      for (; pending.length - start >= tokens; start += tokens) await put(pending.slice(start, start + tokens));
      pending = pending.slice(start);
    },
    async finish() {
      await put(pending.splice(0));
      await flush();
      await file.finish();
      return counts;
    },
  };
}

/** Blocks as rows of letters, in the order of the file. */
export async function* blockRows(path: string): AsyncGenerator<string> {
  let held: Buffer = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { highWaterMark: WRITE_BYTES })) {
    held = held.length === 0 ? (piece as Buffer) : Buffer.concat([held, piece as Buffer]);
    let start = 0;
    while (held.length - start >= 2) {
      const end = start + 2 + 2 * held.readUInt16LE(start);
      if (end > held.length) break;
      yield held.toString('latin1', start + 2, end);
      start = end;
    }
    held = held.subarray(start);
  }
  if (held.length > 0) throw new Error(`${path} ends within a block; delete it, and it is made again`);
}

/** The ids of a row. */
export function rowIds(row: string): Uint16Array {
  return Uint16Array.from(
    { length: row.length / 2 },
    (_, i) => row.charCodeAt(2 * i) | (row.charCodeAt(2 * i + 1) << 8),
  );
}

/** Reads rows of ids for pre-training; everything else comes from the tokenizer that made them. */
export function blockReading(tokenizer: TrainingTokenizer, tokens: number): TrainingTokenizer {
  const { vocabulary } = tokenizer;
  return {
    ...tokenizer,
    maxTokens: tokens,
    randomOffset: false,
    drawOffset: () => 0,
    count(row) {
      const ids = rowIds(row);
      return ids.some((id) => vocabulary.classOf(id) >= 0) ? ids.length : 0;
    },
    encode(rows) {
      const read = rows.map(rowIds);
      const most = read.reduce((longest, { length }) => Math.max(longest, length), 1);
      const ids = new Int32Array(rows.length * most).fill(vocabulary.paddingId); // [rows, tokens]
      const mask = new Uint8Array(ids.length); // [rows, tokens]
      read.forEach((row, r) => {
        ids.set(row, r * most);
        mask.fill(1, r * most, r * most + row.length);
      });
      return { ids, mask, tokens: most };
    },
  };
}
