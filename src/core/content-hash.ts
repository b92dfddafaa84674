/**
 * A checksum inside a JSON document: `contentHash` is the sha256 over the canonical JSON of the rest
 * of the document, so an edited or damaged value is noticed whatever the layout of the text.
 */
import { readFile } from 'node:fs/promises';
import { hashJson } from './files.ts';
import { CACHE_WARNING } from './optional-write.ts';

/** The document with its checksum; an older checksum in it is replaced. */
export function withContentHash<T extends object>(document: T): T & { contentHash: string } {
  const { contentHash: _, ...rest } = document as T & { readonly contentHash?: string };
  return { ...document, contentHash: hashJson(rest) };
}

/** What is wrong with the checksum of a document; undefined when it is right. */
export function contentProblem(document: { readonly contentHash?: string }): string | undefined {
  if (document.contentHash === undefined) return 'it has no checksum';
  if (withContentHash(document).contentHash !== document.contentHash) return 'its checksum is not the stored one';
  return undefined;
}

/**
 * A stored JSON document with its checksum, or undefined when there is none. A damaged one is
 * undefined too, with a warning that names the file and what happens next.
 */
export async function readChecked(path: string, next: string): Promise<object | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const document = JSON.parse(text) as { readonly contentHash?: string };
    if (contentProblem(document) === undefined) return document;
  } catch {
    // not JSON: damaged
  }
  warnDamaged(path, next);
  return undefined;
}

/** Warns that a stored file is damaged. Child processes pass the warning on to the command line. */
export function warnDamaged(path: string, next: string): void {
  process.emitWarning(`${path} is damaged (its checksum differs); ${next}`, CACHE_WARNING);
}
