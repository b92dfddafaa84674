/**
 * Touches the lock files that this process holds, so that processes of other machines see that it
 * lives. One thread of its own does it, since native code blocks the main thread for minutes. A
 * file that is no longer ours is left alone.
 */
import { Worker } from 'node:worker_threads';

/** Milliseconds between two touches. */
export const HEARTBEAT = 3_000;

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { readFileSync, utimesSync } = require('node:fs');
const held = new Map();
parentPort.on('message', ({ path, id, held: isHeld }) => (isHeld ? held.set(path, id) : held.delete(path)));
setInterval(() => {
  const now = new Date();
  for (const [path, id] of held) {
    try {
      if (readFileSync(path, 'utf8').includes(id)) utimesSync(path, now, now);
      else held.delete(path);
    } catch (error) {
      if (error.code === 'ENOENT') held.delete(path);
    }
  }
}, workerData);
`;

let thread: Worker | undefined; // one per process; it ends with the process

/** Touches the file until the function that it returns is called. */
export function startHeartbeat(path: string, id: string): () => void {
  if (!thread) {
    thread = new Worker(THREAD, { eval: true, execArgv: [], workerData: HEARTBEAT });
    thread.unref();
    thread.on('error', () => {
      thread = undefined; // the next lock starts another
    });
  }
  const beating = thread;
  beating.postMessage({ path, id, held: true });
  return () => beating.postMessage({ path, id, held: false });
}
