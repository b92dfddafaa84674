/**
 * Does a device compute what the CPU does? For a machine with a GPU on which this was never tried:
 *
 *   npm run check:device -- [--device cuda] [--only TEXT] [--json FILE]
 *
 * One line for each of `cases.ts`: the largest difference from the CPU, relative to the CPU's largest number, and what is allowed. float16 is
 * compared with the CPU's float32. Exits with 1 where a difference is larger or a case fails, with 2 where the device does
 * not run.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  type Device,
  deviceEnvironment,
  parseDevice,
  precisionLabel,
  resolveDevice,
} from '../../src/runtime/device.ts';
import { type JobWorker, startWorker } from '../../src/runtime/jobs/job.ts';
import { relativeError } from '../onnx/helpers.ts';
import { DEVICE_CASES, type DeviceCase } from './cases.ts';

const CASES = new URL('./cases.ts', import.meta.url);
const THREADS = 2;
/** Exit code. @throws for a wrong flag and for a device that does not run here. */
async function main(): Promise<number> {
  const { values: flags } = parseArgs({
    options: { device: { type: 'string', default: 'cuda' }, only: { type: 'string' }, json: { type: 'string' } },
  });
  const { device } = await resolveDevice(parseDevice(flags.device));
  if (device === 'cpu') throw new Error('the CPU is what devices are compared with: name another, --device cuda');
  const cases = [...DEVICE_CASES.entries()].filter(
    ([, { group, name }]) => flags.only === undefined || `${group} ${name}`.includes(flags.only),
  );
  if (cases.length === 0) throw new Error(`nothing has "${flags.only}" in its name`);
  const environment = deviceEnvironment(device);
  console.log(`${device} (${precisionLabel(device, environment)}) against cpu`);
  let worker = startWorker({ environment });
  const results: Result[] = [];
  for (const [at, item] of cases) {
    const result = await compared(at, item, device, worker);
    results.push(result);
    const { group, name, tolerance, agrees, difference, problem } = result;
    const told = problem ?? `${difference?.toExponential(1)} (at most ${tolerance.toExponential(0)})`;
    console.log(`${agrees ? 'agrees ' : 'DIFFERS'}  ${group.padEnd(12)} ${name.padEnd(34)} ${told}`);
    if (!worker.alive) worker = startWorker({ environment });
  }
  await worker.close();
  const agreeing = results.filter(({ agrees }) => agrees).length;
  console.log(`${agreeing} of ${results.length} agree`);
  if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ device, results }, null, 2)}\n`);
  return agreeing === results.length ? 0 : 1;
}

interface Result extends Pick<DeviceCase, 'group' | 'name' | 'tolerance'> {
  readonly agrees: boolean;
  readonly difference?: number;
  readonly problem?: string;
}

/** A case computed on the CPU, here, and on the device, in a process of its own. */
async function compared(at: number, item: DeviceCase, device: Device, worker: JobWorker): Promise<Result> {
  const { group, name, tolerance } = item;
  const result = { group, name, tolerance, agrees: false };
  try {
    const expected = await item.values({ device: 'cpu', threads: THREADS });
    const actual = await worker.run<number[]>(CASES, 'valuesOfCase', { at, compute: { device, threads: THREADS } });
    if (actual.length !== expected.length)
      return { ...result, problem: `${actual.length} numbers, ${expected.length} on the CPU` };
    const difference = relativeError(actual, expected, Number.MIN_VALUE);
    return { ...result, agrees: difference <= tolerance, difference };
  } catch (error) {
    return { ...result, problem: (error as Error).message };
  }
}

process.exit(
  await main().catch((error: Error) => {
    console.error(`error: ${error.message}`);
    return 2;
  }),
);
