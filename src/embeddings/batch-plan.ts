/**
 * Plans which sequences are embedded together: how many tokens a batch may have, its memory, and
 * the best cuts of a list sorted by length. A batch is padded to its longest sequence, so large
 * batches cost padding; small batches cost the fixed work of every batch, since all weights are
 * read from memory once. The cuts minimise the sum of both (dynamic programming over the sorted
 * list). The plan changes results only by rounding.
 */
import { automaticBatchSize } from '../runtime/batches.ts';
import type { Compute } from '../runtime/training/network.ts';

/**
 * Maximum number of tokens (padding included) per batch: large enough for the full speed of a GPU.
 */
const TOKENS_PER_BATCH = 16_384;
/**
 * On the CPU: the activations of a layer then stay in the cache. Widths of 512 and 768 were 2 to 3%
 * faster with it than with 512, which was 10 to 40% faster than 2,048 and more; with 192 and fewer
 * the weights are read too often.
 */
const TOKENS_PER_THREAD = 384;

/**
 * Fixed cost of a batch, in tokens. On a CPU core with 150 GFLOP/s and 13 GB/s of memory, reading
 * the 4 bytes of each weight takes as long as multiplying 23 tokens by it, for every model; 18 to
 * 20 were measured. This was not measured on a GPU, where the plan has as few batches as possible.
 */
const TOKENS_PER_START = { cpu: 20, gpu: TOKENS_PER_BATCH } as const;

/** Tokens (padding included) that a batch may have. */
export function tokenBudget({ device, threads }: Compute): number {
  return device === 'cpu' ? Math.min(TOKENS_PER_BATCH, TOKENS_PER_THREAD * threads) : TOKENS_PER_BATCH;
}

/**
 * Peak memory of one sequence of `tokens`, in bytes, without weights. Per token it counts the
 * pooled hidden states (kept to the end), about 12 times the width for the activations of a block,
 * and attention scores before and after the softmax for heads 32 wide (most are wider). Peaks
 * measured on the CPU were 0.5 to 0.95 of this.
 */
export function bytesPerSequence(dimension: number, pooledLayers: number, tokens: number): number {
  const floats = dimension * (pooledLayers + 12) + 2 * Math.ceil(dimension / 32) * tokens; // per token
  return 4 * floats * tokens;
}

/**
 * Sequences per batch when all are padded to `tokens`: the token budget, or fewer when `memory`
 * (bytes) is small.
 */
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
 * Cuts an ascending list of token counts into batches; returns the end of each, exclusive.
 * `mostRows(tokens)` is the maximum number of rows of a batch when all are padded to `tokens`, at
 * least 1. O(rows * rows of a batch).
 */
export function planBatches(
  tokens: readonly number[],
  mostRows: (longest: number) => number,
  device: Compute['device'],
): number[] {
  const start = device === 'cpu' ? TOKENS_PER_START.cpu : TOKENS_PER_START.gpu;
  const least = new Float64Array(tokens.length + 1); // cost of the first `end` rows
  const from = new Int32Array(tokens.length + 1); // start of the last batch of them
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
