/**
 * Lock files, so that several runs can share one results folder and one cache. A lock is made with O_EXCL and touched while it is
 * held; it is stale, and may be taken over, when its process is gone (same machine) or it has not been touched for a minute
 * (another machine). Should two takers of a stale lock ever both win, a cell or an encoder is computed twice and nothing worse:
 * every file is written whole and the same work gives the same result.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isMissing } from '../core/files.ts';

export interface Lock {
  release(): Promise<void>;
}

export interface LockTimes {
  /** How often a held lock is touched, and how long an untouched one counts as held. Milliseconds. */
  readonly heartbeat: number;
  readonly stale: number;
}

const TIMES: LockTimes = { heartbeat: 5_000, stale: 60_000 };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the lock's holder is gone. `undefined` when there is no lock any more. */
async function isStale(path: string, times: LockTimes): Promise<boolean | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const untouched = Date.now() - mtimeMs > times.stale;
    const holder = /^(\d+) (\S+) /.exec(text);
    if (!holder) return untouched; // just being written, or cut off by a crash
    return untouched || (holder[2] === hostname() && !isAlive(Number(holder[1])));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Takes the lock, or gives undefined when another process (or another part of this one) holds it. */
export async function tryLock(path: string, times: LockTimes = TIMES): Promise<Lock | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const text = `${process.pid} ${hostname()} ${randomUUID()}\n`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(text).finally(() => file.close());
      return hold(path, text, times);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if ((await isStale(path, times)) === false) return undefined;
    // Renaming lets one of several takers have the stale file; the others find it gone and try again.
    const grave = `${path}.${randomUUID()}.tmp`;
    await rename(path, grave).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    await rm(grave, { force: true });
  }
  return undefined;
}

function hold(path: string, text: string, times: LockTimes): Lock {
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // gone: taken over while this process slept; see the header
  }, times.heartbeat);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      const ours = await readFile(path, 'utf8').then(
        (found) => found === text,
        () => false,
      );
      if (ours) await rm(path, { force: true });
    },
  };
}

export interface WaitOptions {
  /** How long to wait for a lock that another holds. Milliseconds; default 30 seconds. */
  readonly patience?: number;
  /** Told once, when another holds the lock. */
  readonly onWait?: () => void;
}

/** Runs `action` under the lock, waiting for it where another holds it. Throws when patience ends. */
export async function withLock<T>(path: string, action: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { patience = 30_000, onWait } = options;
  const deadline = Date.now() + patience;
  for (let attempt = 0; ; attempt++) {
    const lock = await tryLock(path);
    if (lock) return action().finally(() => lock.release());
    if (Date.now() > deadline) throw new Error(`${path}: another process has held this lock for ${patience / 1000} s`);
    if (attempt === 0) onWait?.();
    // Often at first, once a second in a long wait; never in step with others that wait.
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, 20 + attempt) * (0.5 + Math.random())));
  }
}
