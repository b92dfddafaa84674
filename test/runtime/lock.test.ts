import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processState, thisProcess } from '../../src/core/process-identity.ts';
import { type LockSightings, takeLock, tryLock, withLock } from '../../src/runtime/lock.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
});
afterAll(() => rm(folder, { recursive: true }));

const TIMES = { stale: 400, unnamed: 100 };
const newPath = () => join(folder, `${count++}.lock`);
const deadPid = () => spawnSync(process.execPath, ['-e', '0']).pid;
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const { pid, start, machine } = thisProcess();
const isLinux = process.platform === 'linux';

async function stale(text: string): Promise<string> {
  const path = newPath();
  await writeFile(path, text);
  return path;
}

describe('a lock', () => {
  it('is held by one at a time and leaves no file when it is released', async () => {
    const path = newPath();
    const lock = await tryLock(path);
    expect(lock).toBeDefined();
    expect(await tryLock(path)).toBeUndefined();
    await lock?.confirm();
    await lock?.release();
    const next = await tryLock(path);
    expect(next).toBeDefined();
    await next?.release();
    expect((await readdir(folder)).filter((name) => name.includes(path.slice(folder.length + 1)))).toEqual([]);
  });

  it('names its holder', async () => {
    const path = newPath();
    const lock = await tryLock(path);
    const words = (await readFile(path, 'utf8')).trim().split(' ');
    expect([words[0], words[1], words[3], words[4]]).toEqual([String(pid), hostname(), start, machine]);
    await lock?.release();
  });

  it('of a process of this machine that is gone is taken over at the first try', async () => {
    for (const text of [`${deadPid()} ${hostname()} x 12 ${machine}\n`, `${deadPid()} ${hostname()} x\n`]) {
      const path = await stale(text);
      const lock = await tryLock(path);
      expect(await readFile(path, 'utf8')).toMatch(new RegExp(`^${pid} `));
      await lock?.release();
    }
  });

  it('whose process id was given to another process is taken over', async () => {
    // With the start time in the file at the first try, without it (an older format) after the
    // silence.
    const path = await stale(isLinux ? `${pid} ${hostname()} x ${Number(start) - 1} ${machine}\n` : 'x');
    const lock = await takeLock(path, { times: TIMES });
    await lock.release();
    const older = await stale(`${pid} ${hostname()} x\n`);
    await (await takeLock(older, { times: TIMES, patience: 0 })).release();
  });

  it.each([
    ['empty', ''],
    ['cut off', '4711 some'],
  ])('that is %s is taken over after a short silence', async (_, text) => {
    const path = await stale(text);
    expect(await tryLock(path)).toBeUndefined();
    const lock = await takeLock(path, { times: { stale: 60_000, unnamed: 100 }, patience: 0 });
    expect(await readFile(path, 'utf8')).toMatch(new RegExp(`^${pid} `));
    await lock.release();
  });

  it.each([
    ['now', 0],
    ['a year ago', -365 * 86_400_000],
    ['in a year', 365 * 86_400_000],
  ])(
    'of another machine whose clock says %s is respected while it is touched, and taken over after',
    async (_, skew) => {
      const path = await stale('1 another-machine x 5 0badcafe\n');
      const touch = () => utimes(path, new Date(Date.now() + skew), new Date(Date.now() + skew));
      const timer = setInterval(() => void touch(), 50);
      let isTaken = false;
      const taking = takeLock(path, { times: TIMES }).finally(() => {
        isTaken = true;
      });
      await sleep(3 * TIMES.stale);
      expect(isTaken).toBe(false);
      clearInterval(timer);
      await (await taking).release();
    },
  );

  it('of another machine is taken over by repeated single tries that share their sightings', async () => {
    const path = await stale('1 another-machine x 5 0badcafe\n');
    const sightings: LockSightings = new Map();
    expect(await tryLock(path, { times: TIMES })).toBeUndefined();
    await expect
      .poll(async () => (await tryLock(path, { times: TIMES, sightings })) !== undefined, { timeout: 10_000 })
      .toBe(true);
  });

  it('of a live process is refused when patience ends, with the name of the holder', async () => {
    const path = newPath();
    const lock = await tryLock(path);
    const never = withLock(path, async () => {}, { patience: 50 });
    await expect(never).rejects.toThrow(`0.lock: process ${pid} on ${hostname()} holds this lock`.slice(1));
    await lock?.release();
  });

  it('is taken by one process only when several find it stale', async () => {
    for (let round = 0; round < 20; round++) {
      const path = await stale(`${pid} ${hostname()} x ${Number(start) - 1} ${isLinux ? machine : '0badcafe'}\n`);
      const takers = Array.from({ length: 8 }, () => takeLock(path, { times: TIMES, patience: 0 }));
      const settled = await Promise.allSettled(takers);
      const locks = settled.flatMap((taker) => (taker.status === 'fulfilled' ? [taker.value] : []));
      expect(locks).toHaveLength(1);
      await locks[0].release();
    }
  });

  it('goes on to the next taker when one is killed while it takes a stale lock over', async () => {
    const dead = `${deadPid()} ${hostname()}`;
    const path = await stale(`${dead} x 12 ${machine}\n`);
    await writeFile(`${path}.x.1`, `${dead} y 12 ${machine}\n`);
    await writeFile(`${path}.x.2`, `${dead} z 12 ${machine}\n`);
    const lock = await tryLock(path);
    expect(lock).toBeDefined();
    await lock?.release();
    expect((await readdir(folder)).filter((name) => join(folder, name).startsWith(path))).toEqual([]);
  });

  it('that was taken over is noticed by its former holder, who leaves the new one alone', async () => {
    const path = newPath();
    const lock = await tryLock(path);
    const other = '1 another-machine x 5 0badcafe\n';
    await writeFile(path, other);
    await expect(lock?.confirm()).rejects.toThrow('another process took this lock over');
    await lock?.release();
    expect(await readFile(path, 'utf8')).toBe(other);
  });

  it('is touched while it is held, even when the main thread is blocked', async () => {
    const path = newPath();
    const lock = await tryLock(path);
    const watcher = `
      const { statSync } = require('node:fs');
      const first = statSync(process.argv[1]).mtimeMs;
      const timer = setInterval(() => { if (statSync(process.argv[1]).mtimeMs !== first) process.exit(7); }, 50);
      setTimeout(() => process.exit(1), 20000);`;
    await sleep(300); // the thread that touches files is started beside
    expect(spawnSync(process.execPath, ['-e', watcher, path]).status).toBe(7);
    await lock?.release();
  });
});

describe('withLock', () => {
  it('lets one action run after the other and calls onWait for the one that waits', async () => {
    const path = newPath();
    const events: string[] = [];
    const action = (name: string) =>
      withLock(
        path,
        async () => {
          events.push(`${name} begins`);
          await sleep(100);
          events.push(`${name} ends`);
        },
        { onWait: () => events.push(`${name} waits`) },
      );
    const first = action('first');
    await sleep(30);
    await Promise.all([first, action('second')]);
    expect(events).toEqual(['first begins', 'second waits', 'first ends', 'second begins', 'second ends']);
  });

  it('releases the lock when its action fails', async () => {
    const path = newPath();
    await expect(withLock(path, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    const lock = await tryLock(path);
    expect(lock).toBeDefined();
    await lock?.release();
  });
});

it.runIf(isLinux)('a killed process that nobody has waited for is gone', async () => {
  // The shell starts a child and becomes a program that never waits for it.
  const shell = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const child = await new Promise<number>((resolve) => shell.stdout.once('data', (data) => resolve(Number(data))));
  const identity = { pid: child, host: hostname(), start: '-', machine };
  await expect.poll(() => processState(identity), { timeout: 5000 }).toBe('gone');
  expect(() => process.kill(child, 0)).not.toThrow();
  shell.kill('SIGKILL');
});
