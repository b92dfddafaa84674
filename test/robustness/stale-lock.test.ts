import { expect, it } from 'vitest';
import { staleLockRounds } from './stale-lock.ts';

it('four processes on a stale lock lose no cell and never hold it together', async () => {
  const { lostCells, twoHolders } = await staleLockRounds(6);
  expect({ lostCells, twoHolders }).toEqual({ lostCells: 0, twoHolders: 0 });
});
