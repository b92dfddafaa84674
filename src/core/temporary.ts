/**
 * Names of temporary files and folders, which are renamed when they are whole. The name states the
 * process that writes them, so that a later process can remove what a killed one left, and nothing
 * that is still being written.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { processState, thisProcess } from './process-identity.ts';

const NAME = /\.([0-9a-f]{8})_(\d+)_(\d+|-)_[0-9a-f]{8}\.tmp$/;

/** A new name in the folder of `path`, hidden: `.NAME.MACHINE_PID_START_RANDOM.tmp`. */
export function temporaryPath(path: string): string {
  const { machine, pid, start } = thisProcess();
  return join(dirname(path), `.${basename(path)}.${machine}_${pid}_${start}_${randomUUID().slice(0, 8)}.tmp`);
}

/**
 * Removes what killed processes of this machine left below `folder`, at most `depth` folders deep.
 * What processes of other machines, or of this one before it was started anew, left stays: nothing
 * here can tell whether they still run. Never throws: a folder that cannot be read or changed is
 * left as it is.
 */
export async function removeAbandoned(folder: string, depth = 0): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const [, machine, pid, start] = NAME.exec(entry.name) ?? [];
    if (machine !== undefined) {
      const owner = { machine, pid: Number(pid), start, host: '-' };
      if (processState(owner) === 'gone') await rm(path, { recursive: true, force: true }).catch(() => {});
    } else if (depth > 0 && entry.isDirectory()) await removeAbandoned(path, depth - 1);
  }
}
