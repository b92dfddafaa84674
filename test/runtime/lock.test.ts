import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryLock, withLock } from '../../src/runtime/lock.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a lock', () => {
  const path = () => join(folder, 'a.lock');

  it('is held by one at a time', async () => {
    const lock = await tryLock(path());
    expect(lock).toBeDefined();
    expect(await tryLock(path())).toBeUndefined();
    await lock?.release();
    const next = await tryLock(path());
    expect(next).toBeDefined();
    await next?.release();
  });

  it('is taken over from a process that is gone', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await writeFile(path(), `${pid} ${hostname()} x\n`);
    const lock = await tryLock(path());
    expect(await readFile(path(), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    await lock?.release();
  });

  it('of another machine is respected until it has not been touched for a minute', async () => {
    await writeFile(path(), '1 another-machine x\n');
    expect(await tryLock(path())).toBeUndefined();
    const longAgo = new Date(Date.now() - 61_000);
    await utimes(path(), longAgo, longAgo);
    const lock = await tryLock(path());
    expect(lock).toBeDefined();
    await lock?.release();
  });

  it('lets one action run after the other, and tells who has to wait', async () => {
    const events: string[] = [];
    const action = (name: string) =>
      withLock(
        path(),
        async () => {
          events.push(`${name} begins`);
          await new Promise((resolve) => setTimeout(resolve, 100));
          events.push(`${name} ends`);
        },
        { onWait: () => events.push(`${name} waits`) },
      );
    const first = action('first');
    await new Promise((resolve) => setTimeout(resolve, 30));
    await Promise.all([first, action('second')]);
    expect(events).toEqual(['first begins', 'second waits', 'first ends', 'second begins', 'second ends']);
  });

  it('is let go when its action fails, and not waited for beyond patience', async () => {
    await expect(withLock(path(), () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    const lock = await tryLock(path());
    const never = withLock(path(), async () => {}, { patience: 50 });
    await expect(never).rejects.toThrow('a.lock: another process has held this lock for 0.05 s');
    await lock?.release();
  });
});
