/**
 * Number of letters of each token of a folder's vocabulary, from its words: converts numbers per
 * token to numbers per nucleotide or character.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Marks before or after the letters of a token in vocabularies of WordPiece, SentencePiece and BPE
 * with end-of-word marks.
 */
const MARKS = /^##|^▁|<\/w>$/g;
/** Special tokens when a vocabulary does not declare them. */
const SPECIAL = /^(\[[^\]]+\]|<[^>]+>)$/;

/**
 * `[vocabulary]` letters of every token from the folder's `tokenizer.json` or `vocab.txt`: its
 * characters without word-piece marks, 0 for special tokens. A space that is part of a token
 * (byte-level BPE) counts. Undefined when the folder has neither file.
 */
export async function tokenLetters(folder: string): Promise<Uint16Array | undefined> {
  const json = join(folder, 'tokenizer.json');
  const list = join(folder, 'vocab.txt');
  const entries: [string, number][] = [];
  const special = new Set<number>();
  if (existsSync(json)) {
    const file = JSON.parse(await readFile(json, 'utf8')) as TokenizerFile;
    const vocabulary = file.model?.vocab ?? {};
    // Unigram lists pieces with their scores, ordered by id.
    for (const [key, value] of Object.entries(vocabulary))
      entries.push(Array.isArray(vocabulary) ? [value[0], Number(key)] : [key, value]);
    for (const token of file.added_tokens ?? []) {
      entries.push([token.content, token.id]);
      if (token.special) special.add(token.id);
    }
  } else if (existsSync(list)) {
    const lines = (await readFile(list, 'utf8')).split('\n').map((line) => line.replace(/\r$/, ''));
    if (lines.at(-1) === '') lines.pop();
    entries.push(...lines.map((text, id): [string, number] => [text, id]));
  } else return undefined;
  const letters = new Uint16Array(entries.reduce((most, [, id]) => Math.max(most, id + 1), 0));
  for (const [text, id] of entries)
    letters[id] = special.has(id) || SPECIAL.test(text) ? 0 : text.replace(MARKS, '').length;
  return letters;
}

/** The fields of a `tokenizer.json` that are read here. */
interface TokenizerFile {
  readonly model?: { readonly vocab?: Readonly<Record<string, number>> | readonly (readonly [string, number])[] };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special?: boolean }[];
}
