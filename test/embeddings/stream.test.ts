/** Blocks of a stream: every sequence once and in order, however many there are. */
import { describe, expect, it } from 'vitest';
import { embedStream } from '../../src/embeddings/stream.ts';
import { contextFree } from './context-free.ts';

const MEAN = { layer: 0, pooling: 'mean' } as const;

async function* from(sequences: Iterable<string>): AsyncGenerator<string> {
  yield* sequences;
}

async function streamed(sequences: readonly string[], encoder = contextFree({ most: 2 ** 26 })) {
  const vectors: number[] = [];
  const fractions: number[] = [];
  const done = await embedStream(encoder, from(sequences), {
    representation: MEAN,
    total: sequences.length,
    progress: (fraction) => fractions.push(fraction),
    take: async (values) => {
      for (const value of values) vectors.push(value);
    },
  });
  return { done, vectors, fractions, blocks: encoder.calls.map((call) => call.length) };
}

describe('a stream of sequences', () => {
  it('gives the vectors of one call, in order, and holds at most one block', async () => {
    const sequences = Array.from({ length: 20_000 }, (_, i) => 'ACGT'[i % 4].repeat(1 + (i % 3)) + 'A'.repeat(i % 5));
    const [{ values }] = await contextFree().embed(sequences, [MEAN]);
    const { done, vectors, fractions, blocks } = await streamed(sequences);
    expect({ done, blocks }).toEqual({ done: 20_000, blocks: [8192, 8192, 3616] });
    expect(vectors).toEqual([...values]);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  });

  it('is also cut by letters, so that long sequences do not fill the memory', async () => {
    const long = 'A'.repeat(2 ** 24);
    const lengths = { ...contextFree(), embed: async (rows: readonly string[]) => [column(rows)] };
    const column = (rows: readonly string[]) => {
      lengths.calls.push([...rows]);
      return { rows: rows.length, columns: 1, values: Float32Array.from(rows, ({ length }) => length) };
    };
    const { blocks, vectors } = await streamed([long, long, long, 'C'], lengths);
    expect(blocks).toEqual([2, 2]);
    expect(vectors).toEqual([2 ** 24, 2 ** 24, 2 ** 24, 1]);
  });

  it('of no sequences gives no vectors', async () => {
    expect(await streamed([])).toMatchObject({ done: 0, vectors: [], blocks: [] });
  });

  it('reports the range of sequences of an error, since an encoder counts from its block', async () => {
    const few = ['AC', 'A'.repeat(11)];
    await expect(streamed(few, contextFree())).rejects.toThrow(/^11 letters/);
    const many = [...Array.from({ length: 8192 }, () => 'AC'), ...few];
    await expect(streamed(many, contextFree())).rejects.toThrow(/among the sequences from 8193 to 8194: 11 letters/);
  });
});
