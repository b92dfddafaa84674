/**
 * Files and folders that are either whole or absent. They are written under a temporary name in the
 * same folder, flushed to the disk, and renamed once: a process killed at any moment leaves the old
 * one or the new one, never a mixture.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FileFault, fileFault, namingFile } from './file-fault.ts';
import { temporaryPath } from './temporary.ts';

/**
 * Makes a folder and those above it. Node's recursive `mkdir` says ENOENT where a folder cannot be
 * made because the file system is read-only; here the error is the one of the first folder that is
 * missing.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    let missing = resolve(path);
    while (!existsSync(dirname(missing))) missing = dirname(missing);
    await mkdir(missing);
    throw error;
  }
}

export interface AtomicFile {
  append(data: string | NodeJS.ArrayBufferView): Promise<void>;
  /** Flushes the file and gives it its name. */
  finish(): Promise<void>;
  /** Removes what was written, unless it is finished. */
  discard(): Promise<void>;
}

/** Begins a file; makes its folder where absent. Every error names `path`. */
export async function createAtomicFile(path: string): Promise<AtomicFile> {
  const temporary = temporaryPath(path);
  const file = await namingFile(path, async () => {
    await makeFolder(dirname(path));
    return open(temporary, 'wx');
  });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    append: (data) => namingFile(path, () => file.appendFile(data as string | Uint8Array)),
    finish: () =>
      namingFile(path, async () => {
        await file.sync();
        await close();
        await rename(temporary, path);
      }),
    async discard() {
      await close();
      await rm(temporary, { force: true });
    },
  };
}

/**
 * Writes a file so that other processes see all of it or nothing; makes its folder where absent.
 */
export async function writeFileAtomic(path: string, data: string | NodeJS.ArrayBufferView): Promise<void> {
  const file = await createAtomicFile(path);
  try {
    await file.append(data);
    await file.finish();
  } finally {
    await file.discard();
  }
}

/** Where an older folder is kept while the new one takes its name. */
const previous = (path: string) => join(dirname(path), `.${basename(path)}.previous`);

/**
 * Makes a folder: `fill` writes into a temporary one beside it, which then takes the name. An older
 * folder at `path` is replaced. Callers hold a lock on `path` and call {@link recoverFolder}
 * before.
 */
export async function writeFolderAtomic(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryPath(path);
  await namingFile(path, () => makeFolder(temporary));
  try {
    await fill(temporary).catch((error: unknown) => {
      throw error instanceof FileFault ? fileFault(error.cause, path) : error; // name no temporary file
    });
    await syncFolder(temporary);
    await namingFile(path, () => takeName(temporary, path));
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function takeName(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path); // an empty folder at `path` is replaced too
  } catch (error) {
    if (!/^(ENOTEMPTY|EEXIST)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await rename(path, previous(path));
    await rename(temporary, path);
    await rm(previous(path), { recursive: true, force: true });
  }
}

/**
 * Puts back the older folder of a replacement that was cut off in the middle, or removes it where
 * the new one is in place.
 */
export async function recoverFolder(path: string): Promise<void> {
  const isThere = (folder: string) => readdir(folder).then(...([() => true, () => false] as const));
  if (!(await isThere(previous(path)))) return;
  if (await isThere(path)) await rm(previous(path), { recursive: true, force: true });
  else await rename(previous(path), path);
}

/** Flushes the names in a folder to the disk, where the system can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
