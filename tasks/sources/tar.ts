/**
 * Unpacks a .tar, .tgz or .tar.gz into a folder: the POSIX ustar format (IEEE 1003.1, pax), plain
 * files only. Links and devices are skipped. Names that lead out of the folder or are longer than
 * 255 letters are refused. The archive is held in memory: meant for archives of megabytes.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UsageError } from '../../src/index.ts';

const BLOCK = 512;

/**
 * The folder with the archive's files, below `cacheFolder`; unpacked when the archive changed since
 * the last time.
 * @throws UsageError for a damaged archive.
 */
export async function unpackedArchive(path: string, cacheFolder: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const key = createHash('sha256')
    .update(`${resolve(path)} ${size} ${mtimeMs}`)
    .digest('hex')
    .slice(0, 16);
  const parent = join(cacheFolder, 'archives');
  const folder = join(parent, key);
  if (await exists(folder)) return folder;
  await mkdir(parent, { recursive: true });
  const partial = await mkdtemp(join(parent, 'partial-'));
  for (const { name, bytes } of archiveFiles(await readFile(path), path)) {
    await mkdir(dirname(join(partial, name)), { recursive: true });
    await writeFile(join(partial, name), bytes);
  }
  await rename(partial, folder).catch(async (error: unknown) => {
    await rm(partial, { recursive: true });
    if (!(await exists(folder))) throw error; // otherwise another process was first
  });
  return folder;
}

/** Plain files of an archive, gzip or not. */
export function archiveFiles(packed: Buffer, path: string): { readonly name: string; readonly bytes: Buffer }[] {
  const archive = packed[0] === 0x1f && packed[1] === 0x8b ? gunzipped(packed, path) : packed;
  const files: { name: string; bytes: Buffer }[] = [];
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + BLOCK);
    const text = (from: number, to: number) => header.toString('utf8', from, to).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 136).trim(), 8);
    if (text(257, 262) !== 'ustar' || !(size >= 0) || at + BLOCK + size > archive.length) {
      throw new UsageError(`${path} is not a complete tar archive (byte ${at})`, 'Download or pack it again.');
    }
    const prefix = text(345, 500);
    const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
    const type = text(156, 157);
    if (type === '' || type === '0') {
      if (isAbsolute(name) || name.split(/[\\/]/).includes('..')) {
        throw new UsageError(`${path} contains "${name}", which leads out of the folder`, 'Unpack it by hand.');
      }
      files.push({ name, bytes: archive.subarray(at + BLOCK, at + BLOCK + size) });
    } else if (
      type === 'L' ||
      (type === 'x' && / path=/.test(archive.toString('utf8', at + BLOCK, at + BLOCK + size)))
    ) {
      throw new UsageError(`${path} contains a name that is longer than the ustar format allows`, 'Unpack it by hand.');
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function gunzipped(packed: Buffer, path: string): Buffer {
  try {
    return gunzipSync(packed);
  } catch (error) {
    throw new UsageError(`${path}: the gzip stream is damaged (${(error as Error).message})`, 'Download it again.');
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
