/** One of the processes of `stale-lock.ts`. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStore } from '../../src/harness/store/store.ts';
import { withLock } from '../../src/runtime/lock.ts';

interface Request {
  readonly out: string;
  readonly side: number;
  readonly cells: number;
  readonly startAt: number;
}

/**
 * Adds cells one by one to the manifest, and enters a second lock as often; -> how often another
 * process was in it.
 */
export async function addCells({ out, side, cells, startAt }: Request): Promise<{ overlaps: number }> {
  const store = await openStore(out);
  let overlaps = 0;
  while (Date.now() < startAt) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let i = 0; i < cells; i++) {
    const cell = { key: `${side}-${i}`, task: 't', taskHash: 'h', contender: `c${side}-${i}`, probe: 'none', seed: 0 };
    await store.addToManifest({ title: 't', command: 'c', cells: [cell] });
    await withLock(join(out, 'other.lock'), async () => {
      const inside = join(out, 'inside');
      await writeFile(inside, '', { flag: 'wx' }).catch(() => {
        overlaps += 1;
      });
      await new Promise((resolve) => setTimeout(resolve, 2));
      await rm(inside, { force: true });
    });
  }
  return { overlaps };
}
