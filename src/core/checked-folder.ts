/**
 * Folders of files with a checksum for every file. The checksums are written last, so a folder
 * without them is unfinished, and a folder with a changed, missing or cut-off file is damaged.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { sha256File, writeFileAtomic } from './files.ts';

const CHECKSUMS = 'checksums.json';
const checksumsSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

/** Writes the checksums of all files of a finished folder. */
export async function sealFolder(folder: string): Promise<void> {
  const checksums: Record<string, string> = {};
  for (const name of await filesOf(folder)) checksums[name] = await sha256File(join(folder, name));
  await writeFileAtomic(join(folder, CHECKSUMS), `${JSON.stringify(checksums, null, 2)}\n`);
}

export type FolderState =
  | { readonly state: 'whole' }
  | { readonly state: 'unfinished' }
  | { readonly state: 'damaged'; readonly file: string };

/** Folders that this process has verified, with the sizes and times of their files at that time. */
const verified = new Map<string, string>();

/**
 * Compares a folder with its checksums. A folder is hashed once per process, and again when the size
 * or time of a file changes.
 */
export async function verifyFolder(folder: string): Promise<FolderState> {
  const text = await readFile(join(folder, CHECKSUMS), 'utf8').catch(() => undefined);
  if (text === undefined) return { state: 'unfinished' };
  const checksums = parse(text);
  if (!checksums) return { state: 'damaged', file: join(folder, CHECKSUMS) };
  const seen: string[] = [text];
  for (const name of Object.keys(checksums)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (!found) return { state: 'damaged', file: join(folder, name) };
    seen.push(`${name} ${found.size} ${found.mtimeMs}`);
  }
  const now = seen.join('\n');
  if (verified.get(folder) === now) return { state: 'whole' };
  for (const [name, checksum] of Object.entries(checksums)) {
    if ((await sha256File(join(folder, name))) !== checksum) return { state: 'damaged', file: join(folder, name) };
  }
  verified.set(folder, now);
  return { state: 'whole' };
}

function parse(text: string): Record<string, string> | undefined {
  try {
    return checksumsSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== CHECKSUMS)
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
