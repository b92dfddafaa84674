/**
 * Chooses the tokenizer of this project for a hub folder whose own tokenizer is code instead of a
 * `tokenizer.json`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { baseTokenizer, readsBases } from './bases.ts';
import { esmModelTokenizer, isEsm } from './esm.ts';
import { readTokenizerFiles, type TokenizerFiles } from './files.ts';
import { kmerLength, overlappingKmerTokenizer } from './overlapping-kmers.ts';
import type { ModelTokenizer } from './rows.ts';
import { WORD_VECTORS } from './word-vectors.ts';
import { wordTokenizer } from './words.ts';

interface Kind {
  readonly fits: (files: TokenizerFiles) => boolean;
  readonly make: (files: TokenizerFiles, positions: number) => ModelTokenizer | Promise<ModelTokenizer>;
}

/** In the order in which they are tested. */
const KINDS: readonly Kind[] = [
  {
    fits: ({ folder }) => existsSync(join(folder, WORD_VECTORS)),
    make: ({ folder }, positions) => wordTokenizer(folder, positions),
  },
  { fits: isEsm, make: esmModelTokenizer },
  { fits: readsBases, make: baseTokenizer },
  {
    // A tokenizer.json of whole k-mers already defines how a sequence is cut.
    fits: (files) => kmerLength(files) !== undefined && !existsSync(join(files.folder, 'tokenizer.json')),
    make: (files, positions) => overlappingKmerTokenizer(files, kmerLength(files) ?? 0, positions),
  },
];

/**
 * The tokenizer, or undefined when none matches the folder's files. `positions` is the longest
 * input in tokens.
 */
export async function kindTokenizer(folder: string, positions: number): Promise<ModelTokenizer | undefined> {
  const files = await readTokenizerFiles(folder);
  return KINDS.find(({ fits }) => fits(files))?.make(files, positions);
}
