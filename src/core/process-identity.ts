/**
 * Which process made a lock or a temporary file, and whether it still runs. A process id alone is
 * not enough: ids are reused and are counted anew on every machine. A process is its machine, its
 * id and its start time (field 22 of /proc/PID/stat, clock ticks since the boot). A machine is its
 * host name, its boot (boot_id) and its namespace of process ids, so that containers of one host
 * and machines of one name are told apart. Where there is no /proc, the host name alone names the
 * machine, and an id can only show that a process is gone.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Start time in clock ticks since the boot; '-' where it is not known. */
  readonly start: string;
  /**
   * Eight hex digits that name host, boot and namespace of process ids; '-' where they are not
   * known.
   */
  readonly machine: string;
}

/** `unknown`: a process of another machine, or one whose start time cannot be compared. */
export type ProcessState = 'alive' | 'gone' | 'unknown';

const MACHINE = thisMachine();
const SELF: ProcessIdentity = {
  pid: process.pid,
  host: hostname().replace(/\s/g, '-'),
  start: statOf(process.pid)?.start ?? '-',
  machine: MACHINE,
};

/** The process that calls. */
export const thisProcess = (): ProcessIdentity => SELF;

export function processState({ pid, host, start, machine }: ProcessIdentity): ProcessState {
  const ours = machine === '-' ? host === hostname() : machine === MACHINE;
  if (!ours) return 'unknown';
  if (!exists(pid)) return 'gone';
  const found = statOf(pid);
  if (!found) return 'unknown';
  if (found.state === 'Z' || found.state === 'X') return 'gone'; // killed, not yet waited for by its parent
  if (start === '-') return 'unknown';
  return found.start === start ? 'alive' : 'gone'; // another start time: the id was given to another process
}

function thisMachine(): string {
  const boot = textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const namespace = textOf(() => readlinkSync('/proc/self/ns/pid'));
  return createHash('sha256').update(`${hostname()}\n${boot}\n${namespace}`).digest('hex').slice(0, 8);
}

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** State and start time of a process; undefined where there is no /proc or it hides the process. */
function statOf(pid: number): { readonly state: string; readonly start: string } | undefined {
  const text = textOf(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The name of the program, in brackets, may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.length > 19 ? { state: fields[0], start: fields[19] } : undefined;
}
