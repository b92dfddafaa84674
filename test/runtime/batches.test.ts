import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { automaticBatchSize, batchMemory, runInBatches } from '../../src/runtime/batches.ts';
import { OutOfMemoryError } from '../../src/runtime/session.ts';

describe('runInBatches', () => {
  it('does every row once, in order, the last batch being shorter', async () => {
    const ranges: number[][] = [];
    const reached = await runInBatches(10, 4, async (start, end) => void ranges.push([start, end]));
    expect(ranges).toEqual([[0, 4], [4, 8], [8, 10]]); // biome-ignore format: reads as ranges
    expect(reached).toBe(4);
    expect(await runInBatches(0, 4, () => Promise.reject(new Error('never called')))).toBe(4);
  });

  it('halves on running out of memory and goes on at the row that failed', async () => {
    const done: number[] = [];
    const halved: number[][] = [];
    const fits = async (start: number, end: number) => {
      if (end - start > 3) throw new OutOfMemoryError('full');
      for (let row = start; row < end; row++) done.push(row);
    };
    const reached = await runInBatches(11, 8, fits, { onHalve: (failed, next) => halved.push([failed, next]) });
    expect(done).toEqual([...Array(11).keys()]);
    expect(halved).toEqual([[8, 4], [4, 2]]); // biome-ignore format: pairs
    expect(reached).toBe(2);
  });

  it('stops with the row when even one does not fit, and passes other errors through', async () => {
    const never = async (start: number) => {
      if (start >= 2) throw new OutOfMemoryError('full');
    };
    await expect(runInBatches(5, 1, never)).rejects.toThrow(/^Row 2 does not fit into memory even in a batch of one/);
    await expect(runInBatches(5, 4, () => Promise.reject(new TypeError('broken')))).rejects.toThrow(TypeError);
    await expect(runInBatches(5, 0, never)).rejects.toThrow('batch size must be');
  });
});

describe('automaticBatchSize', () => {
  it('is what memory holds, between 1 and the maximum', () => {
    expect(automaticBatchSize(100, 1050, 512)).toBe(10);
    expect(automaticBatchSize(5000, 1000, 512)).toBe(1);
    expect(automaticBatchSize(0.1, 1000, 512)).toBe(512);
    expect(() => automaticBatchSize(0, 1000, 512)).toThrow('bytesPerRow');
  });

  it('begins with a share of the memory there is', () => {
    expect(batchMemory('cpu')).toBeGreaterThan(0);
    expect(batchMemory('cpu')).toBeLessThan(totalmem());
    expect(batchMemory('cuda')).toBe(2 ** 32);
  });
});
