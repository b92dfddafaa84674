/**
 * Locks between processes of one or several machines that share a folder. The protocol:
 *  1. A lock is a file that names its holder: process id, host, a unique id, start time, machine
 *     (`core/process-identity.ts`).
 *  2. The file is written under another name and linked to the lock's name. Only one link succeeds;
 *     no lock is ever half written.
 *  3. A holder of this machine is alive as long as its process runs: same process id and same start
 *     time.
 *  4. The holder touches the file every 3 s. For a holder of another machine, a waiter watches
 *     whether the file's time stamp changes. It measures the silence with its own monotonic clock
 *     and compares no time stamp with any clock.
 *  5. The holder is gone when its process is (3), or after 30 s of silence (4); 2 s for a file that
 *     names no holder.
 *  6. Only the process that has made the file LOCK.ID.1 may replace or remove the lock with the
 *     unique id ID. Linking that file succeeds once. Its owner reads the lock again; if it still
 *     has ID, the owner renames its own file over the lock.
 *  7. If the owner of LOCK.ID.n is gone (5), a waiter makes LOCK.ID.n+1. The last one has the
 *     right.
 *  8. The holder releases by the same right: it makes LOCK.ID.1, removes the lock, then LOCK.ID.1.
 *     Ids never return.
 *  9. A holder that was paused for more than 30 s may have lost its lock to another machine: it
 *     calls `confirm` before it writes.
 * 10. Only link, rename, unlink and reads after open are used, which NFS orders; no flock.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../core/atomic-file.ts';
import { UsageError } from '../core/errors.ts';
import { namingFile } from '../core/file-fault.ts';
import { isMissing } from '../core/files.ts';
import { type ProcessIdentity, processState, thisProcess } from '../core/process-identity.ts';
import { temporaryPath } from '../core/temporary.ts';
import { startHeartbeat } from './heartbeat.ts';

export interface Lock {
  /**
   * Throws where another process has taken the lock over. Call it before a write that must not be
   * based on old data.
   */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

export interface LockTimes {
  /** Silence after which a holder of another machine counts as gone. Milliseconds. */
  readonly stale: number;
  /** The same for a file that names no holder. */
  readonly unnamed: number;
}

const TIMES: LockTimes = { stale: 30_000, unnamed: 2_000 };
/**
 * The most that one look adds to a silence: a waiter that was itself paused has observed nothing
 * meanwhile.
 */
const LOOK = 2_000;

/** What a waiter has seen of lock files, by path. Kept by the caller between tries. */
export type LockSightings = Map<string, { seen: string; at: number; silent: number; changed: boolean }>;

/** A lock file as read. */
interface LockFile {
  /** Unique; made of the file itself where it names no holder. */
  readonly id: string;
  readonly holder?: ProcessIdentity;
  /** Changes with every touch. */
  readonly stamp: string;
}

const HOLDER = /^(\d+) (\S+) (\S+)(?: (\S+) (\S+))?\n$/;

async function readLock(path: string): Promise<LockFile | undefined> {
  try {
    const file = await open(path, 'r'); // opening makes NFS fetch the file's state anew
    try {
      const text = await file.readFile('utf8');
      const { ino, mtimeNs } = await file.stat({ bigint: true });
      const stamp = `${ino} ${mtimeNs} ${text}`;
      const [, pid, host, id, start = '-', machine = '-'] = HOLDER.exec(text) ?? [];
      if (id === undefined) return { id: createHash('sha256').update(stamp).digest('hex').slice(0, 32), stamp };
      return { id: id.replace(/\W/g, '-'), holder: { pid: Number(pid), host, start, machine }, stamp };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** `silent`: nothing is known of the holder yet. */
type HolderState = 'alive' | 'gone' | 'silent';

function look(path: string, { holder, stamp }: LockFile, sightings: LockSightings, times: LockTimes): HolderState {
  const state = holder ? processState(holder) : 'unknown';
  if (state !== 'unknown') return state;
  const now = performance.now();
  const before = sightings.get(path);
  const sighting =
    before?.seen === stamp
      ? { ...before, at: now, silent: before.silent + Math.min(now - before.at, LOOK) }
      : { seen: stamp, at: now, silent: 0, changed: before !== undefined };
  sightings.set(path, sighting);
  if (sighting.silent >= (holder ? times.stale : times.unnamed)) return 'gone';
  return sighting.changed && sighting.silent === 0 ? 'alive' : 'silent';
}

export interface TryOptions {
  /** Of earlier tries; without them a silent holder of another machine is never taken for gone. */
  readonly sightings?: LockSightings;
  readonly times?: LockTimes;
}

/**
 * Takes the lock, or gives undefined while another process (or another part of this one) holds it.
 */
export async function tryLock(path: string, options: TryOptions = {}): Promise<Lock | undefined> {
  return (await attempt(path, options)).lock;
}

interface Attempt {
  readonly lock?: Lock;
  readonly holder?: ProcessIdentity;
  readonly state?: HolderState;
}

async function attempt(path: string, { sightings = new Map(), times = TIMES }: TryOptions): Promise<Attempt> {
  await namingFile(path, () => makeFolder(dirname(path)));
  const found = await readLock(path);
  const state = found && look(path, found, sightings, times);
  if (state === 'alive' || state === 'silent') return { holder: found?.holder, state };
  const { pid, host, start, machine } = thisProcess();
  const id = randomUUID();
  const claim = temporaryPath(path);
  const words = `${pid} ${host} ${id} ${start} ${machine}\n`;
  try {
    await namingFile(path, () => writeFile(claim, words, { flag: 'wx' }));
    const won = found
      ? await replace(path, found, claim, id, sightings, times)
      : (await linkExclusive(claim, path)) || (await readLock(path))?.id === id; // a repeated NFS request
    if (!won) return { holder: found?.holder, state: 'silent' };
    sightings.delete(path);
    return { lock: held(path, id) };
  } finally {
    await rm(claim, { force: true });
  }
}

/**
 * Gives the lock of a holder that is gone to the process with the file `claim`; false where another
 * process is ahead.
 */
async function replace(
  path: string,
  dead: LockFile,
  claim: string,
  id: string,
  sightings: LockSightings,
  times: LockTimes,
): Promise<boolean> {
  for (let n = 1; ; n++) {
    const right = `${path}.${dead.id}.${n}`;
    const startedAt = performance.now();
    if (await linkExclusive(claim, right)) {
      let replaced = false;
      try {
        const isUnchanged = (await readLock(path))?.id === dead.id; // else replaced before this process had the right
        if (!isUnchanged || performance.now() - startedAt > times.stale / 2) return false;
        await rename(claim, path);
        replaced = true;
      } finally {
        if (!replaced) await rm(right, { force: true });
      }
      await removeRights(path, id);
      return (await readLock(path))?.id === id;
    }
    const owner = await readLock(right);
    if (!owner || look(right, owner, sightings, times) !== 'gone') return false;
  }
}

/**
 * Removes what takers of earlier ids left, those that were killed too. Their ids never return, so
 * nobody needs it.
 */
async function removeRights(path: string, id: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    const rest = name.startsWith(`${basename(path)}.`) ? name.slice(basename(path).length + 1) : '';
    if (/^[\w-]+\.\d+$/.test(rest) && !rest.startsWith(id)) await rm(join(folder, name), { force: true });
  }
}

/**
 * Gives a file a second name that must be new. Where the file system has no links, the file is
 * copied.
 */
async function linkExclusive(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch(async (error: NodeJS.ErrnoException) => {
      if (!/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/.test(error.code ?? '')) throw error;
      const source = await open(from, 'r');
      const text = await source.readFile().finally(() => source.close());
      await writeFile(to, text, { flag: 'wx' });
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function held(path: string, id: string): Lock {
  const stop = startHeartbeat(path, id);
  const isOurs = async () => (await readLock(path))?.id === id;
  return {
    async confirm() {
      if (!(await isOurs()))
        throw new LockLost(`${path}: another process took this lock over while this one was paused`);
    },
    async release() {
      stop();
      const right = `${path}.${id}.1`;
      if (!(await isOurs()) || !(await linkExclusive(path, right))) return; // taken over, or being taken over
      if (await isOurs()) await rm(path, { force: true });
      await rm(right, { force: true });
    },
  };
}

/** The lock was taken over by another process. */
export class LockLost extends Error {
  override readonly name = 'LockLost';
}

export interface WaitOptions {
  /**
   * How long to wait for a holder that is known to be alive. Milliseconds; default a minute. Others
   * are waited for until they are known.
   */
  readonly patience?: number;
  /** Called once, when another process holds the lock. */
  readonly onWait?: (holder: string) => void;
  readonly times?: LockTimes;
}

/**
 * Takes the lock as soon as its holder releases it or is gone. Throws a {@link UsageError} that
 * names the holder when patience ends.
 */
export async function takeLock(path: string, options: WaitOptions = {}): Promise<Lock> {
  const { patience = 60_000, onWait, times } = options;
  const sightings: LockSightings = new Map();
  const startedAt = performance.now();
  for (let tries = 0; ; tries++) {
    const { lock, holder, state } = await attempt(path, { sightings, times });
    if (lock) return lock;
    const words = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
    if (state === 'alive' && performance.now() - startedAt >= patience)
      throw new UsageError(
        `${path}: ${words} holds this lock${patience > 0 ? `, after ${patience / 1000} s of waiting` : ''}`,
        'Wait until that process ends, or stop it.',
      );
    if (tries === 0) onWait?.(words);
    // Often at first, once a second in a long wait; never in step with other processes that wait.
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, 20 + tries) * (0.5 + Math.random())));
  }
}

/**
 * Runs `action` under the lock, waiting for it where another process holds it; see {@link
 * takeLock}.
 */
export async function withLock<T>(
  path: string,
  action: (lock: Lock) => Promise<T>,
  options: WaitOptions = {},
): Promise<T> {
  const lock = await takeLock(path, options);
  return action(lock).finally(() => lock.release());
}
