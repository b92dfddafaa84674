import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/core/errors.ts';
import { describeExit, type JobProgress, startWorker, WorkerDied } from '../../../src/runtime/jobs/job.ts';

const JOBS = new URL('../fixtures/jobs.ts', import.meta.url);
const worker = startWorker({ environment: { NVIDIA_TF32_OVERRIDE: '0' } });
afterAll(() => worker.close());

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a worker', () => {
  it('runs a function in another process and reports progress', async () => {
    const seen: JobProgress[] = [];
    const doubled = await worker.run<Float32Array>(JOBS, 'double', Float32Array.of(1, 2), (p) => seen.push(p));
    expect(doubled).toEqual(Float32Array.of(2, 4));
    expect(seen).toEqual([{ fraction: 0.5, message: 'half way' }]);
    expect(await worker.run<number>(JOBS, 'pid', null)).not.toBe(process.pid);
  });

  it('is started with the environment asked for', async () => {
    expect(await worker.run(JOBS, 'environment', 'NVIDIA_TF32_OVERRIDE')).toBe('0');
  });

  it('passes on errors with the stack of the child, and goes on', async () => {
    const error = await worker.run(JOBS, 'fail', null).catch((e: Error) => e);
    expect(error).toMatchObject({ message: 'row 7 is empty', stack: expect.stringContaining('jobs.ts') });
    await expect(worker.run(JOBS, 'missing', null)).rejects.toThrow('exports no function "missing"');
    expect(worker.alive).toBe(true);
  });

  it('passes on errors of the user and of the machine with what to do about them', async () => {
    const error = await worker.run(JOBS, 'refuse', null).catch((e: Error) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ message: 'reads.fa: is empty', hint: 'Give another file.' });
    const fault = await worker.run(JOBS, 'fillTheDisk', '/data/out.npy').catch((e: Error) => e);
    expect(fault).toBeInstanceOf(UsageError);
    expect(fault).toMatchObject({
      message: '/data/out.npy: cannot be written: the disk is full (ENOSPC)',
      hint: 'Free space there or choose another folder, then give the same command again.',
    });
  });

  it('goes on when its cache cannot be written, and gives notice once', async () => {
    const file = fileURLToPath(import.meta.url);
    const notices: string[] = [];
    const other = startWorker({ onNotice: (message) => notices.push(message) });
    expect(await other.run(JOBS, 'writeToCache', file)).toBe('done');
    expect(notices).toEqual([
      `The cache folder ${file} cannot be written: a part of the path is a file, not a folder (ENOTDIR). ` +
        'The run goes on; what is not kept is computed again next time.',
    ]);
    await other.close();
  });

  it('runs one job at a time', async () => {
    const first = worker.run(JOBS, 'pid', null);
    await expect(worker.run(JOBS, 'pid', null)).rejects.toThrow('busy');
    await first;
  });
});

describe('a worker that dies', () => {
  it.each([
    ['SIGKILL', /killed \(SIGKILL\): the machine is probably out of memory/],
    ['SIGSEGV', /ended by SIGSEGV: native code probably crashed/],
  ])('by %s rejects its job with the reason', async (signal, reason) => {
    const victim = startWorker();
    const error = await victim.run(JOBS, 'killMyself', signal).catch((e: Error) => e);
    expect(error).toBeInstanceOf(WorkerDied);
    expect((error as Error).message).toMatch(reason);
    expect(victim.alive).toBe(false);
    await expect(victim.run(JOBS, 'pid', null)).rejects.toThrow(reason);
  });

  it('by leaving names its exit code and last words', async () => {
    const victim = startWorker();
    await expect(victim.run(JOBS, 'leave', null)).rejects.toThrow(/exited with code 3[\s\S]*a library gave up/);
  });

  it('for want of heap memory is told as such', () => {
    const stderr = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';
    expect(describeExit(null, 'SIGABRT', stderr)).toContain('ran out of JavaScript heap memory');
  });
});

describe('the end', () => {
  it('of a worker, when closed, comes at once even in a blocking job', async () => {
    const busy = startWorker();
    const job = busy.run(JOBS, 'block', 60_000);
    const rejected = expect(job).rejects.toThrow('closed');
    await busy.close();
    await rejected;
  });

  it('of the parent, even by SIGKILL, ends a child whose thread is blocked', async () => {
    const script = fileURLToPath(new URL('../fixtures/parent.ts', import.meta.url));
    const parent = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(line.toString());
    expect(exists(child)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => exists(child), { timeout: 5000 }).toBe(false);
  });
});
