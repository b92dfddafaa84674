/**
 * Hashes of strings, files and JSON values, and the writing of whole files (`atomic-file.ts`).
 * Canonical JSON sorts object keys, so that equal settings give equal hashes. Does not know what
 * the files hold.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export { writeFileAtomic } from './atomic-file.ts';

/** sha256 of a string (as UTF-8) or of bytes, as 64 lower-case hexadecimal digits. */
export function sha256(data: string | NodeJS.ArrayBufferView): string {
  return createHash('sha256').update(data).digest('hex');
}

/** sha256 of strings joined by line feeds, without the joined string: it could be too long for one. */
export function sha256Lines(lines: readonly string[]): string {
  const hash = createHash('sha256');
  for (const [i, line] of lines.entries()) hash.update(i === 0 ? line : `\n${line}`);
  return hash.digest('hex');
}

/**
 * sha256 of a file's bytes, read in pieces. Rejects with the file system's error where it cannot be
 * read.
 */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * JSON with the keys of every object sorted and `undefined` members left out: one text per value.
 * Throws on what JSON cannot hold faithfully (NaN, infinities, functions, bigint), naming the
 * place.
 */
export function canonicalJson(value: unknown, path = '$'): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${path} is ${value}, which JSON cannot hold`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => canonicalJson(item, `${path}[${i}]`)).join(',')}]`;
  if (ArrayBuffer.isView(value) || typeof value !== 'object') {
    throw new TypeError(`${path} is a ${typeof value === 'object' ? 'binary array' : typeof value}, not plain JSON`);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member, `${path}.${key}`)}`);
  return `{${members.join(',')}}`;
}

/**
 * sha256 over the canonical JSON of a value: equal for equal values, whatever the order of their
 * keys.
 */
export function hashJson(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** Whether a file system error says that nothing is there. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
