/**
 * Four processes on one stale lock, many rounds: each round leaves the lock of a process that is
 * gone, an empty lock, or one whose process id was given to another process; then all four add
 * their cells to `run.json` at the same moment. Counts rounds in which a cell is missing, and
 * moments at which two processes held one lock.
 *
 *     node --import tsx test/robustness/stale-lock.ts --rounds 100
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { thisProcess } from '../../src/core/process-identity.ts';
import { startWorker } from '../../src/runtime/jobs/job.ts';

const SIDE = new URL('./stale-lock-side.ts', import.meta.url);
const PROCESSES = 4;

export interface StaleLockResult {
  readonly rounds: number;
  readonly lostCells: number;
  readonly twoHolders: number;
  readonly takeOvers: number;
  readonly slowestSeconds: number;
}

export async function staleLockRounds(rounds: number): Promise<StaleLockResult> {
  const folder = await mkdtemp(join(tmpdir(), 'stale-lock-'));
  const workers = Array.from({ length: PROCESSES }, () => startWorker());
  const { pid } = spawnSync(process.execPath, ['-e', '0']);
  const { start, machine } = thisProcess();
  const texts = [
    `${pid} ${hostname()} gone 12 ${machine}\n`,
    `${process.pid} ${hostname()} reused ${Number(start) - 1} ${machine}\n`,
    '',
  ];
  const sum = { rounds, lostCells: 0, twoHolders: 0, takeOvers: 0, slowestSeconds: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      const out = join(folder, String(round));
      await mkdir(join(out, 'results', 'locks'), { recursive: true });
      // Every tenth lock is empty: it is taken over after two seconds of silence, the others at
      // once.
      const text = round % 10 === 9 ? texts[2] : texts[round % 2];
      await writeFile(join(out, 'results', 'locks', 'run.lock'), text);
      await writeFile(join(out, 'other.lock'), text);
      const startAt = Date.now() + 20;
      const found = await Promise.all(
        workers.map((worker, side) =>
          worker.run<{ overlaps: number }>(SIDE, 'addCells', { out, side, startAt, cells: 5 }),
        ),
      );
      sum.slowestSeconds = Math.max(sum.slowestSeconds, (Date.now() - startAt) / 1000);
      const { cells } = JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as { cells: unknown[] };
      sum.lostCells += PROCESSES * 5 - cells.length;
      sum.twoHolders += found.reduce((total, { overlaps }) => total + overlaps, 0);
      sum.takeOvers += 2;
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
    await rm(folder, { recursive: true });
  }
  return sum;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '100' } } });
  console.log(await staleLockRounds(Number(values.rounds)));
}
