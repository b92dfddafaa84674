/**
 * Words whose vectors were trained apart from the model that reads them, and lie apart: `word_vectors.safetensors`, with the tensor `vectors`
 * [words, width] and, in its metadata, "words": a JSON list of the rows' words, all k-mers of one length.
 */
import { readSafetensorsHeader } from '../../runtime/arrays/safetensors.ts';

export const WORD_VECTORS = 'word_vectors.safetensors';
export const WORD_VECTORS_TENSOR = 'vectors';

/** The words in the order of the rows. Throws, naming the file, where they are missing, repeated, or as many as there are no rows. */
export async function readWords(path: string): Promise<readonly string[]> {
  const { metadata, tensors } = await readSafetensorsHeader(path);
  const [rows] = tensors.get(WORD_VECTORS_TENSOR)?.shape ?? [];
  if (rows === undefined) throw new Error(`${path}: holds no tensor '${WORD_VECTORS_TENSOR}' [words, width]`);
  let words: unknown;
  try {
    words = JSON.parse(metadata.words ?? 'null');
  } catch (error) {
    throw new Error(`${path}: "words" of its metadata is not valid JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (!Array.isArray(words) || words.length === 0 || !words.every((word) => typeof word === 'string' && word !== ''))
    throw new Error(`${path}: its metadata must have "words", a JSON list of what each row is the vector of`);
  if (words.length !== rows) throw new Error(`${path}: lists ${words.length} words for ${rows} vectors`);
  if (new Set(words).size !== words.length) throw new Error(`${path}: lists a word twice`);
  const other = words.find(({ length }) => length !== words[0].length);
  if (other) throw new Error(`${path}: the words '${words[0]}' and '${other}' are of different length`);
  return words;
}
