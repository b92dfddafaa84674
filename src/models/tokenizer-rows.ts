/** Rows of token ids as the batches that models read: padded on the right, refused where a model would have to cut them. */
import type { ModelTokenizer, TokenBatch } from './tokenizers.ts';

/** A tokenizer as a function of one sequence. */
export interface RowTokenizer extends Omit<ModelTokenizer, 'tokens' | 'encode'> {
  readonly paddingId: number;
  /** Most tokens of a sequence, special ones included; Infinity where nothing sets a limit. */
  readonly maxTokens: number;
  /** Token ids with special tokens. Throws for a sequence that has none of its own. */
  ids(sequence: string): readonly number[];
}

/** A sequence as messages name it. */
export function describe(sequence: string): string {
  if (sequence === '') return 'an empty sequence';
  return `'${sequence.slice(0, 12)}${sequence.length > 12 ? '...' : ''}'`;
}

export function modelTokenizer({ paddingId, maxTokens, ids, ...facts }: RowTokenizer): ModelTokenizer {
  const checked = (sequence: string) => {
    const row = ids(sequence);
    if (row.length > maxTokens)
      throw new Error(
        `${describe(sequence)} (${sequence.length} nucleotides) makes ${row.length} tokens; this model reads at most ${maxTokens}. Cut the sequences`,
      );
    return row;
  };
  return {
    ...facts,
    tokens: (sequence) => checked(sequence).length,
    encode: (sequences) => padded(sequences.map(checked), paddingId),
  };
}

/** Rows of ids -> [rows, tokens of the longest]. */
function padded(rows: readonly (readonly number[])[], paddingId: number): TokenBatch {
  const tokens = rows.reduce((most, row) => Math.max(most, row.length), 1);
  const ids = new BigInt64Array(rows.length * tokens).fill(BigInt(paddingId));
  const mask = new BigInt64Array(ids.length);
  rows.forEach((row, r) => {
    row.forEach((id, t) => {
      ids[r * tokens + t] = BigInt(id);
      mask[r * tokens + t] = 1n;
    });
  });
  return { ids, mask, tokens };
}
