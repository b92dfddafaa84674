import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { planBatches, rowsPerBatch, tokenBudget } from '../../src/embeddings/batch-plan.ts';

const START = 20;

/** Every way of cutting, by brute force: the least of what tokens, padding and starts cost. */
function leastCost(tokens: readonly number[], mostRows: (longest: number) => number): number {
  if (tokens.length === 0) return 0;
  const longest = tokens[tokens.length - 1];
  const rows = Array.from({ length: Math.min(mostRows(longest), tokens.length) }, (_, i) => i + 1);
  return Math.min(
    ...rows.map((count) => START + count * longest + leastCost(tokens.slice(0, tokens.length - count), mostRows)),
  );
}

function costOf(tokens: readonly number[], ends: readonly number[]): number {
  return ends.reduce((sum, end, i) => sum + START + (end - (ends[i - 1] ?? 0)) * tokens[end - 1], 0);
}

describe('batches of sequences sorted by length', () => {
  it('have the cuts of least cost, as found by trying all cuts', () => {
    const random = createRandom('batch plan');
    for (let trial = 0; trial < 20; trial++) {
      const tokens = Array.from({ length: 12 }, () => 1 + random.integer(60)).sort((a, b) => a - b);
      const mostRows = (longest: number) => Math.max(1, Math.floor(100 / longest));
      const ends = planBatches(tokens, mostRows, 'cpu');
      expect(ends.at(-1)).toBe(12);
      expect(costOf(tokens, ends)).toBe(leastCost(tokens, mostRows));
      for (const [i, end] of ends.entries())
        expect(end - (ends[i - 1] ?? 0)).toBeLessThanOrEqual(mostRows(tokens[end - 1]));
    }
  });

  it('hold the maximum number of rows of one length', () => {
    expect(planBatches([9, 9, 9, 9, 9], () => 2, 'cpu')).toHaveLength(3);
    expect(planBatches([9, 9, 9, 9], () => 4, 'cpu')).toEqual([4]);
    expect(planBatches([], () => 4, 'cpu')).toEqual([]);
  });

  it('separate short from long on the CPU, and are as few as possible on a GPU', () => {
    const tokens = [2, 2, 2, 2, 2, 100];
    expect(planBatches(tokens, () => 8, 'cpu')).toEqual([5, 6]);
    expect(planBatches(tokens, () => 8, 'cuda')).toEqual([6]);
  });

  it('use the whole budget when memory allows it, and less when it does not', () => {
    const gib = 2 ** 30;
    const [base, tokens] = [768, 512]; // BERT base: 12 layers
    expect(rowsPerBatch(base, 13, tokens, 16 * gib)).toBe(32);
    const little = rowsPerBatch(base, 13, tokens, gib / 2);
    expect(little).toBeGreaterThan(1);
    expect(little).toBeLessThan(16);
    expect(rowsPerBatch(base, 1, tokens, gib / 2)).toBeGreaterThanOrEqual(little);
    expect(rowsPerBatch(base, 13, 4 * tokens, 2 * gib)).toBeLessThan(little);
    expect(rowsPerBatch(base, 13, 100_000, 1)).toBe(1);
    expect(rowsPerBatch(128, 3, 1, 16 * gib)).toBe(16_384);
  });

  it('have a budget per thread on the CPU, and one full budget on a GPU', () => {
    const [one, two] = [1, 2].map((threads) => tokenBudget({ device: 'cpu', threads }));
    expect(two).toBe(2 * one);
    expect(tokenBudget({ device: 'cpu', threads: 1000 })).toBe(tokenBudget({ device: 'cuda', threads: 1 }));
  });
});
