/**
 * Windows of a corpus as batches for a model: their tokens with the number of letters of each,
 * windows of similar length together, as many as memory holds. Random draws of a window depend on
 * its own index in the list, so numbers do not depend on how windows are batched.
 */

import { createRandom } from '../../core/random.ts';
import type { FrozenModel, TokenModel } from '../../models/model.ts';
import { automaticBatchSize, batchMemory, runInBatches } from '../../runtime/batches.ts';
import type { Compute, Feeds } from '../../runtime/training/network.ts';
import { encodeWindows, type TokenWindows } from '../corpus/corpus.ts';

/**
 * Maximum number of tokens (padding included) per batch. On the CPU it is small enough for each
 * thread that the outputs of a layer stay in the cache: 15% faster.
 */
const TOKENS_PER_BATCH = 4096;
const TOKENS_PER_CPU_THREAD = 384;
/** Sequences that show which tokens a tokenizer puts around every sequence. */
const PROBES = probes(16, 16);

function probes(count: number, length: number): string[] {
  const random = createRandom('probes of a tokenizer');
  return Array.from({ length: count }, () => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join(''));
}

export interface TokenReader<Model extends TokenModel = FrozenModel> {
  readonly model: Model;
  /**
   * `[vocabulary]` letters of a token, 0 for special ones, when the words of the vocabulary are
   * known.
   */
  readonly tokenLetters?: ArrayLike<number>;
}

export interface WindowBatch extends TokenWindows {
  /** Indices of the windows in the given list. */
  readonly places: readonly number[];
  readonly feeds: Feeds;
}

/** Whether the model reads token ids, one row per sequence. */
export function readsTokens(model: TokenModel): boolean {
  const { ids, mask } = model.encode([PROBES[0]]);
  return ids?.type === 'int64' && mask?.type === 'int64';
}

/**
 * Calls `visit` with every batch. `visit` must have no effect when it throws for lack of memory: it
 * is then called again with fewer windows. Windows share a batch only as far as the model allows.
 */
export async function overBatches(
  { model, tokenLetters }: TokenReader<TokenModel>,
  windows: readonly string[],
  { device, threads }: Compute,
  visit: (batch: WindowBatch) => Promise<void>,
): Promise<void> {
  const tokens = windows.map((window) => model.tokens(window));
  const order = windows.map((_, i) => i).sort((a, b) => tokens[b] - tokens[a] || a - b); // the longest first
  const nucleotidesPerToken = model.limits?.nucleotidesPerToken;
  const most = device === 'cpu' ? Math.min(TOKENS_PER_BATCH, TOKENS_PER_CPU_THREAD * threads) : TOKENS_PER_BATCH;
  const vocabulary = model.vocabularySize ?? 0;
  // An export gives logits of all tokens, and a copy of them is returned.
  const floats = 12 * model.dimension + ('build' in model ? vocabulary / 4 : 3 * vocabulary);
  const mates = (from: number): number => {
    if (model.company === 'none') return 1;
    const left = order.length - from;
    if (model.company !== 'equal') return left;
    const other = order.slice(from).findIndex((place) => tokens[place] !== tokens[order[from]]);
    return other < 0 ? left : other;
  };
  for (let done = 0; done < order.length; ) {
    const longest = tokens[order[done]];
    const perWindow = 4 * longest * (floats + 2 * Math.ceil(model.dimension / 32) * longest);
    const size = automaticBatchSize(perWindow, batchMemory(device), most / longest);
    const bucket = order.slice(done, done + Math.min(size, mates(done)));
    await runInBatches(bucket.length, bucket.length, async (from, to) => {
      const places = bucket.slice(from, to);
      let feeds: Feeds = {};
      const encode = (rows: readonly string[]) => {
        feeds = model.encode(rows);
        const { ids, mask } = feeds;
        return { ids: ids.data as BigInt64Array, mask: mask.data as BigInt64Array, tokens: ids.dims[1] };
      };
      const rows = places.map((place) => windows[place]);
      await visit({ ...encodeWindows(rows, { encode, nucleotidesPerToken }, tokenLetters), places, feeds });
    });
    done += bucket.length;
  }
}

/**
 * A model with the letters of its tokens, when its folder lists words or all tokens have the same
 * number.
 */
export function tokenReader<Model extends TokenModel>(model: Model): TokenReader<Model> {
  return { model, tokenLetters: model.tokenLetters ?? lettersWithoutWords(model) };
}

/**
 * Letters by id for a model of nucleotides whose folder lists no words: `each` for all tokens
 * except those that are first or last in every sequence, whatever its letters. Undefined when
 * tokens have different lengths.
 */
export function lettersWithoutWords(model: TokenModel): Uint16Array | undefined {
  const each = model.limits?.nucleotidesPerToken;
  if (each === undefined || model.vocabularySize === undefined) return undefined;
  const letters = new Uint16Array(model.vocabularySize).fill(each);
  const rows = PROBES.map((probe) => {
    const { ids, mask } = model.encode([probe]);
    const attended = mask.data as BigInt64Array;
    return [...(ids.data as BigInt64Array)].filter((_, i) => attended[i] === 1n).map(Number);
  });
  for (const at of [0, -1]) {
    const [first] = rows.map((row) => row.at(at) as number);
    if (rows.every((row) => row.at(at) === first)) letters[first] = 0;
  }
  return letters;
}
