/**
 * A checksum inside a JSON document: `contentHash` is the sha256 over the canonical JSON of the rest
 * of the document, so an edited or damaged value is noticed whatever the layout of the text.
 */
import { hashJson } from '../../core/files.ts';

/** The document with its checksum; an older checksum in it is replaced. */
export function withContentHash<T extends object>(document: T): T & { contentHash: string } {
  const { contentHash: _, ...rest } = document as T & { readonly contentHash?: string };
  return { ...document, contentHash: hashJson(rest) };
}

/** What is wrong with the checksum of a document, in words; undefined where it is right. */
export function contentProblem(document: { readonly contentHash?: string }): string | undefined {
  if (document.contentHash === undefined) return 'it has no checksum';
  if (withContentHash(document).contentHash !== document.contentHash) return 'its checksum is not the stored one';
  return undefined;
}
