/**
 * The corpus of an ensemble in chunks, some of them held out. FASTA: every record is cut into
 * chunks; no chunk spans two records; upper case, letters other than A, C, G, T as N (U as T).
 * Text: one stream per file, cut at white space and cleaned (`cleanText`). Every twentieth chunk is
 * never used for training: the ensemble is measured on these.
 */

import { fastaId, readFasta } from '../sequences/formats/fasta.ts';
import { readText } from '../sequences/formats/gzip-stream.ts';
import { cleanText } from '../sequences/tokenizers/bpe-tokenizer.ts';

/**
 * Letters of a chunk: 512 words of six, as the study cuts (lbcb-sci/GFMs,
 * `scripts/download_ensembl_ncrna.py`).
 */
export const CHUNK_LETTERS = 3072;
/** Of this many chunks the last one is held out. */
export const HELD_OUT_EVERY = 20;
/** Minimum number of letters other than N of a chunk of DNA. */
const LEAST_LETTERS = 96;

export interface Chunk {
  readonly letters: string;
  /** Origin: `record:start-end`, 1-based, or the number of the chunk in its file. */
  readonly name: string;
  /** Chunks of one stream are contiguous. */
  readonly flow: number;
  readonly heldOut: boolean;
}

/** Chunks in the order of the files. */
export async function* readChunks(files: readonly string[], language: 'text' | 'dna'): AsyncGenerator<Chunk> {
  let index = 0;
  let flow = 0;
  let last: string | undefined;
  for (const file of files)
    for await (const { letters, name, record } of language === 'dna' ? dnaChunks(file) : textChunks(file)) {
      const heldOut = index % HELD_OUT_EVERY === HELD_OUT_EVERY - 1;
      if (record !== last || heldOut) flow++;
      // The chunk after a held-out one does not continue the chunk before it.
      last = heldOut ? undefined : record;
      yield { letters, name, flow, heldOut };
      index++;
    }
}

interface Piece {
  readonly letters: string;
  readonly name: string;
  readonly record: string;
}

async function* dnaChunks(file: string): AsyncGenerator<Piece> {
  for await (const { header, sequence, line } of readFasta(file)) {
    const upper = sequence
      .toUpperCase()
      .replaceAll('U', 'T')
      .replace(/[^ACGT]/g, 'N');
    for (let start = 0; start < upper.length; start += CHUNK_LETTERS) {
      const letters = upper.slice(start, start + CHUNK_LETTERS);
      const known = letters.length - (letters.match(/N/g)?.length ?? 0);
      if (known < LEAST_LETTERS || known < letters.length / 2) continue;
      const name = `${fastaId(header)}:${start + 1}-${start + letters.length}`;
      yield { letters, name, record: `${file}:${line}` };
    }
  }
}

async function* textChunks(file: string): AsyncGenerator<Piece> {
  let held = '';
  let index = 0;
  const pieceOf = (text: string): Piece | undefined => {
    const letters = cleanText(text);
    return letters === '' ? undefined : { letters, name: `${++index}`, record: file };
  };
  for await (const text of readText(file)) {
    held += text;
    let start = 0;
    while (held.length - start > CHUNK_LETTERS) {
      const end = wordEnd(held, start);
      const piece = pieceOf(held.slice(start, end));
      if (piece) yield piece;
      start = end;
    }
    held = held.slice(start);
  }
  const piece = pieceOf(held);
  if (piece) yield piece;
}

/** After the last white space of a chunk, or inside a word that fills it. */
function wordEnd(text: string, start: number): number {
  for (let end = start + CHUNK_LETTERS; end > start; end--) if (/\s/.test(text[end - 1])) return end;
  return start + CHUNK_LETTERS;
}
