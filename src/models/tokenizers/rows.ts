/**
 * Rows of token ids as model batches: padded on the right, with an error for sequences that would
 * have to be cut.
 */

import type { Coverage, UnknownToken } from '../coverage.ts';

export interface TokenBatch {
  /** `[sequences, tokens]` */
  readonly ids: BigInt64Array;
  /** `[sequences, tokens]`, 1 for tokens that are attended to and pooled. */
  readonly mask: BigInt64Array;
  readonly tokens: number;
}

export interface ModelTokenizer {
  readonly vocabularySize: number;
  /** For the model card. */
  readonly description: string;
  /** Nucleotides per token when constant. */
  readonly nucleotidesPerToken?: number;
  /**
   * Letters between two tokens when a sequence can also be read from its second letter, its third,
   * ...: its reading frames.
   */
  readonly frames?: number;
  /** Longest sequence in nucleotides, when it depends on the number of letters only. */
  readonly maxNucleotides?: number;
  /** Id of the mask token, if there is one. */
  readonly maskId?: number;
  /**
   * First ordinary id, when all smaller ids are special and no larger one is: heads for ordinary
   * tokens count from it.
   */
  readonly firstOrdinaryId?: number;
  /** The unknown token, if there is one. */
  readonly unknown?: UnknownToken;
  /** How much of a sequence is read. Throws like `tokens`. */
  readonly coverage?: (sequence: string) => Coverage;
  /** Everything that affects the ids, for the model's fingerprint. */
  readonly identity: unknown;
  /** Number of tokens of one sequence. Throws when the model cannot read it completely. */
  tokens(sequence: string): number;
  encode(sequences: readonly string[]): TokenBatch;
}

/** A tokenizer as a function of one sequence. */
export interface RowTokenizer extends Omit<ModelTokenizer, 'tokens' | 'encode' | 'coverage'> {
  readonly paddingId: number;
  /** Ids that do not come from letters, such as those of [CLS] and [SEP]. */
  readonly specials: ReadonlySet<number>;
  /** Maximum number of tokens of a sequence, including special ones; Infinity without a limit. */
  readonly maxTokens: number;
  /** Token ids with special tokens. Throws for a sequence without any ordinary token. */
  ids(sequence: string): readonly number[];
}

/** Short form of a sequence for messages. */
export function describe(sequence: string): string {
  if (sequence === '') return 'an empty sequence';
  return `'${sequence.slice(0, 12)}${sequence.length > 12 ? '...' : ''}'`;
}

export function modelTokenizer({ paddingId, specials, maxTokens, ids, ...facts }: RowTokenizer): ModelTokenizer {
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
    coverage: (sequence) => coverageOf(checked(sequence), specials, facts.unknown?.id),
    tokens: (sequence) => checked(sequence).length,
    encode: (sequences) => padded(sequences.map(checked), paddingId),
  };
}

function coverageOf(ids: readonly number[], specials: ReadonlySet<number>, unknownId?: number): Coverage {
  let [tokens, unknown] = [0, 0];
  for (const id of ids) {
    if (id === unknownId) unknown += 1;
    if (id === unknownId || !specials.has(id)) tokens += 1;
  }
  // Special tokens alone are the same for every sequence, like unknown tokens.
  return tokens === 0 ? { tokens: 1, unknown: 1 } : { tokens, unknown };
}

/**
 * A tokenizer whose vocabulary may have words without a row in the model. They are ignored until a
 * sequence contains one, which is an error. `rows` is the number of rows of the word table.
 */
export function withinRows(tokenizer: ModelTokenizer, rows: number, where: string): ModelTokenizer {
  if (tokenizer.vocabularySize <= rows) return tokenizer;
  const { maskId } = tokenizer;
  return {
    ...tokenizer,
    vocabularySize: rows,
    maskId: maskId !== undefined && maskId < rows ? maskId : undefined,
    encode(sequences) {
      const batch = tokenizer.encode(sequences);
      const at = batch.ids.findIndex((id) => Number(id) >= rows);
      if (at < 0) return batch;
      if (batch.mask[at] === 1n)
        throw new Error(
          `${describe(sequences[Math.floor(at / batch.tokens)])} makes the token ${batch.ids[at]}, but the model has ${rows} rows in its word table (${where}): the tokenizer is of another model`,
        );
      // The padding token is not attended to, so any id is valid.
      return { ...batch, ids: batch.ids.map((id) => (Number(id) >= rows ? 0n : id)) };
    },
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
