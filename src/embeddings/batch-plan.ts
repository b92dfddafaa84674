/**
 * Which sequences are embedded together: how many tokens a batch may have, what it needs, and where a list sorted by length is best cut. A batch is padded
 * to its longest sequence, so many sequences cost padding, and few cost what every batch costs: all weights read from memory once. The cuts are those
 * of the least sum of both (dynamic programming over the sorted list). Nothing here changes a result beyond rounding.
 */
import { automaticBatchSize } from '../runtime/batches.ts';
import type { Compute } from '../runtime/training/network.ts';

/** Tokens (padding included) per batch at most: large enough for full speed of a GPU. */
const TOKENS_PER_BATCH = 16_384;
/**
 * On the CPU: a layer's activations then stay in the cache. Widths of 512 and 768 were 2 to 3% faster at it than at 512, which was faster by 10 to 40% than
 * 2,048 and more; 192 and fewer read the weights too often.
 */
const TOKENS_PER_THREAD = 384;

/**
 * What a batch costs beside its tokens, in tokens. On a CPU core at 150 GFLOP/s with 13 GB/s of memory, 4 bytes of each weight take as long to read as 23
 * tokens to multiply by it, whatever the model; 18 to 20 were measured. On a GPU this was not measured: there, as few batches as can be.
 */
const TOKENS_PER_START = { cpu: 20, gpu: TOKENS_PER_BATCH } as const;

/** Tokens (padding included) that a batch may have. */
export function tokenBudget({ device, threads }: Compute): number {
  return device === 'cpu' ? Math.min(TOKENS_PER_BATCH, TOKENS_PER_THREAD * threads) : TOKENS_PER_BATCH;
}

/**
 * What one sequence of `tokens` needs at its peak, in bytes, weights not counted. Counted are, per token, the pooled hidden states (kept to the
 * end), some 12 times the width for a block's own, and attention scores before and after the softmax for heads 32 wide (most are wider).
 * Peaks measured on the CPU were 0.5 to 0.95 of this.
 */
export function bytesPerSequence(dimension: number, pooledLayers: number, tokens: number): number {
  const floats = dimension * (pooledLayers + 12) + 2 * Math.ceil(dimension / 32) * tokens; // per token
  return 4 * floats * tokens;
}

/** Sequences per batch when all are padded to `tokens`: the token budget, or fewer where `memory` (bytes) is short. */
export function rowsPerBatch(
  dimension: number,
  pooledLayers: number,
  tokens: number,
  memory: number,
  budget = TOKENS_PER_BATCH,
): number {
  return automaticBatchSize(bytesPerSequence(dimension, pooledLayers, tokens), memory, budget / tokens);
}

/**
 * Cuts a list of token counts, ascending, into batches: where each ends, exclusive. `mostRows(tokens)` is how many rows a batch may have when all are
 * padded to `tokens`, at least 1. O(rows * rows of a batch).
 */
export function planBatches(
  tokens: readonly number[],
  mostRows: (longest: number) => number,
  device: Compute['device'],
): number[] {
  const start = device === 'cpu' ? TOKENS_PER_START.cpu : TOKENS_PER_START.gpu;
  const least = new Float64Array(tokens.length + 1); // cost of the first `end` rows
  const from = new Int32Array(tokens.length + 1); // where the last batch of them begins
  for (let end = 1; end <= tokens.length; end++) {
    const longest = tokens[end - 1];
    least[end] = Number.POSITIVE_INFINITY;
    const earliest = Math.max(0, end - mostRows(longest));
    for (let first = end - 1; first >= earliest; first--) {
      const cost = least[first] + start + (end - first) * longest;
      if (cost < least[end]) {
        least[end] = cost;
        from[end] = first;
      }
    }
  }
  const ends: number[] = [];
  for (let end = tokens.length; end > 0; end = from[end]) ends.push(end);
  return ends.reverse();
}
