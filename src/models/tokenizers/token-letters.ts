/** How many letters the tokens of a folder's vocabulary have, by their words: what turns numbers per token into numbers per nucleotide or character. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What stands before or after the letters of a token in the vocabularies of WordPiece, SentencePiece and BPE with ends of words. */
const MARKS = /^##|^▁|<\/w>$/g;
/** Special tokens where a vocabulary doesn't say which are. */
const SPECIAL = /^(\[[^\]]+\]|<[^>]+>)$/;

/**
 * `[vocabulary]` letters of every token by the folder's `tokenizer.json` or `vocab.txt`: its characters without marks of word pieces, 0 for special tokens.
 * A space that is part of a token (byte-level BPE) counts. Undefined where the folder has neither.
 */
export async function tokenLetters(folder: string): Promise<Uint16Array | undefined> {
  const json = join(folder, 'tokenizer.json');
  const list = join(folder, 'vocab.txt');
  const entries: [string, number][] = [];
  const special = new Set<number>();
  if (existsSync(json)) {
    const file = JSON.parse(await readFile(json, 'utf8')) as TokenizerFile;
    const vocabulary = file.model?.vocab ?? {};
    // Unigram lists pieces with their scores in the order of ids.
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

/** Of a `tokenizer.json`, what is read here. */
interface TokenizerFile {
  readonly model?: { readonly vocab?: Readonly<Record<string, number>> | readonly (readonly [string, number])[] };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special?: boolean }[];
}
