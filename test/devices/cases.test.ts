/** What `check.ts` asks of a device, asked of the CPU: every case computes, gives finite numbers, and the same ones again. */
import { expect, it } from 'vitest';
import { DEVICE_CASES } from './cases.ts';

const COMPUTE = { device: 'cpu', threads: 1 } as const;

it.each(DEVICE_CASES.filter(({ group }) => group !== 'float16'))('$group: $name', async ({ values }) => {
  const [first, again] = [Array.from(await values(COMPUTE)), Array.from(await values(COMPUTE))];
  expect(first.length).toBeGreaterThan(0);
  expect(first.every(Number.isFinite)).toBe(true);
  expect(new Set(first).size).toBeGreaterThan(1);
  expect(again).toEqual(first);
});
