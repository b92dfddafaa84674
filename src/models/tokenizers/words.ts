/** Overlapping k-mers, one letter apart, that are the words of `word_vectors.safetensors`, without special tokens; what is no word has the id after the last. */
import { join } from 'node:path';
import type { ModelTokenizer } from './rows.ts';
import { describe, modelTokenizer } from './rows.ts';
import { readWords, WORD_VECTORS } from './word-vectors.ts';

export async function wordTokenizer(folder: string, positions: number): Promise<ModelTokenizer> {
  const words = await readWords(join(folder, WORD_VECTORS));
  const ids = new Map(words.map((word, id) => [word, id]));
  const [k, unknown] = [words[0].length, words.length];
  return modelTokenizer({
    vocabularySize: words.length,
    description: `${k}-mers, stride 1`,
    nucleotidesPerToken: 1,
    maxNucleotides: Number.isFinite(positions) ? positions + k - 1 : undefined,
    identity: { kind: 'words with vectors', words },
    paddingId: unknown,
    specials: new Set<number>(),
    unknown: { token: 'no word', id: unknown, remedy: 'compare the letters of the data with the words of the vectors' },
    maxTokens: positions,
    ids(sequence) {
      if (sequence.length < k)
        throw new Error(`${describe(sequence)} has ${sequence.length} nucleotides, less than one ${k}-mer`);
      return Array.from({ length: sequence.length - k + 1 }, (_, at) => ids.get(sequence.slice(at, at + k)) ?? unknown);
    },
  });
}
