/**
 * Does a device compute what the CPU does? For a machine with a GPU on which this was never tried:
 *
 *   npm run check:device -- [--device cuda] [--only TEXT] [--json FILE]
 *
 * One line for each of `cases.ts`: the largest difference from the CPU, relative to the CPU's largest number, and what is allowed. float16 is
 * compared with the CPU's float32. Exits with 1 where a difference is larger or a case fails.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { deviceEnvironment, parseDevice, precisionLabel, resolveDevice } from '../../src/runtime/device.ts';
import { startWorker } from '../../src/runtime/job.ts';
import { relativeError } from '../onnx/helpers.ts';
import { DEVICE_CASES } from './cases.ts';

const CASES = new URL('./cases.ts', import.meta.url);
const { values: flags } = parseArgs({
  options: { device: { type: 'string', default: 'cuda' }, only: { type: 'string' }, json: { type: 'string' } },
});
const { device } = await resolveDevice(parseDevice(flags.device));
const environment = deviceEnvironment(device);
console.log(`${device} (${precisionLabel(device, environment)}) against cpu`);

const results: object[] = [];
let failed = 0;
let worker = startWorker({ environment });
for (const [at, { group, name, tolerance, values }] of DEVICE_CASES.entries()) {
  if (flags.only !== undefined && !`${group} ${name}`.includes(flags.only)) continue;
  const expected = await values({ device: 'cpu', threads: 2 });
  const started = performance.now();
  let difference: number | undefined;
  let problem: string | undefined;
  try {
    const request = { at, compute: { device, threads: 2 } };
    const actual = await worker.run<number[]>(CASES, 'valuesOfCase', request, () => {});
    if (actual.length !== expected.length) problem = `${actual.length} numbers, ${expected.length} on the CPU`;
    else difference = relativeError(actual, expected, Number.MIN_VALUE);
  } catch (error) {
    problem = (error as Error).message;
    if (!worker.alive) worker = startWorker({ environment });
  }
  const agrees = difference !== undefined && difference <= tolerance;
  if (!agrees) failed++;
  const seconds = (performance.now() - started) / 1000;
  results.push({ group, name, tolerance, difference, problem, seconds });
  const told = problem ?? `${difference?.toExponential(1)} (at most ${tolerance.toExponential(0)})`;
  console.log(`${agrees ? 'agrees ' : 'DIFFERS'}  ${group.padEnd(12)} ${name.padEnd(34)} ${told}`);
}
await worker.close();
console.log(`${results.length - failed} of ${results.length} agree`);
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ device, results }, null, 2)}\n`);
process.exit(failed === 0 ? 0 : 1);
