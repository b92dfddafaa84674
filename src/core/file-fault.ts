/**
 * Faults of the machine (a full disk, missing rights, too many open files) as errors that name the
 * file and the remedy. The errors of Node name no file when a write fails, and no remedy ever.
 */
import { UsageError } from './errors.ts';

/** What is wrong, and what to do about it, by the code of the operating system. */
const FAULTS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOSPC: ['the disk is full', 'Free space there or choose another folder, then give the same command again.'],
  EDQUOT: [
    'your disk quota is used up',
    'Free space there or choose another folder, then give the same command again.',
  ],
  EFBIG: ['the file is larger than this file system or `ulimit -f` allows', 'Choose a folder on another file system.'],
  EACCES: ['permission denied', 'Change the rights of the folder (`ls -ld`), or choose another one.'],
  EPERM: ['permission denied', 'Change the rights of the folder (`ls -ld`), or choose another one.'],
  EROFS: ['the file system is read-only', 'Choose a folder on another file system.'],
  EMFILE: ['this process has too many open files', 'Raise the limit (`ulimit -n 4096`), or use fewer --jobs.'],
  ENFILE: ['this machine has too many open files', 'End other programs, or use fewer --jobs.'],
  EIO: ['the disk reports an error', 'Check the disk (`dmesg`), or choose another folder.'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'Choose another path.'],
  EISDIR: ['it is a folder, not a file', 'Choose another path.'],
  ENAMETOOLONG: ['the name is too long', 'Choose a shorter path.'],
  ESTALE: ['the network file system lost the file', 'Give the same command again.'],
};

export class FileFault extends UsageError {
  /** As in Node's errors, such as `ENOSPC`. */
  readonly code: string;
  /** What is wrong, in words. */
  readonly what: string;

  constructor(file: string, action: 'read' | 'opened' | 'written', code: string, cause: unknown) {
    const [what, remedy] = FAULTS[code];
    super(`${file}: cannot be ${action}: ${what} (${code})`, remedy);
    this.code = code;
    this.what = what;
    this.cause = cause;
  }
}

/**
 * The error as a {@link FileFault} that names `path`, where it is a fault of the machine; else the
 * error itself.
 */
export function fileFault(error: unknown, path?: string): unknown {
  if (error instanceof FileFault) return error;
  const { code: found = '', path: named, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const code = found === 'EEXIST' && syscall === 'mkdir' ? 'ENOTDIR' : found;
  const file = path ?? named;
  if (!Object.hasOwn(FAULTS, code) || file === undefined) return error;
  const isRead = /^(read|scandir|stat|lstat)$/.test(syscall ?? '');
  const isOpen = syscall === 'open' && path === undefined;
  return new FileFault(file, isRead ? 'read' : isOpen ? 'opened' : 'written', code, error);
}

/** Runs `action`; a fault of the machine in it names `path`. */
export async function namingFile<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw fileFault(error, path);
  }
}
