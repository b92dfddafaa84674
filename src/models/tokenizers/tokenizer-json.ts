/**
 * Reads and checks parts of a `tokenizer.json`: vocabulary, added tokens, normaliser and splitter.
 * The library checks the other parts when it runs the tokenizer.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { patternsIn, whyUnsafe } from './patterns.ts';

const MOST_BYTES = 256 * 2 ** 20;
const MOST_ID = 2 ** 24;
const id = z.number().int().min(0).max(MOST_ID);
const part = z.looseObject({ type: z.string() }).nullish();
const schema = z.looseObject({
  model: z.looseObject({
    type: z.string().nullish(),
    vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()]))]),
    unk_token: z.string().nullish(),
    unk_id: id.nullish(),
    continuing_subword_prefix: z.string().nullish(),
    max_input_chars_per_word: z.number().int().min(1).nullish(),
  }),
  added_tokens: z.array(z.looseObject({ id, content: z.string(), special: z.boolean().nullish() })).nullish(),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  decoder: part,
});

export interface TokenizerJson {
  readonly path: string;
  /** The file's text. */
  readonly text: string;
  readonly parsed: z.infer<typeof schema>;
  /** Words of the model and added tokens, with their ids. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly kind: string;
  /** The unknown token. */
  readonly unknown?: { readonly token: string; readonly id: number };
}

/**
 * @throws with the file and the field for an invalid tokenizer.json, and for patterns that may
 *   never end.
 */
export async function readTokenizerJson(path: string): Promise<TokenizerJson> {
  const text = await readFile(path, 'utf8');
  if (text.length > MOST_BYTES) throw new Error(`${path} is longer than ${MOST_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  const checked = schema.safeParse(value);
  if (!checked.success) {
    const { path: field, message } = checked.error.issues[0];
    throw new Error(`${path}: ${field.join('.') || 'the document'}: ${message}; fetch the model's file again`);
  }
  for (const pattern of patternsIn(value)) {
    const why = whyUnsafe(pattern);
    if (why) throw new Error(`${path}: the regular expression '${pattern}' ${why}, so it is not run`);
  }
  const parsed = checked.data;
  const { vocab, type, unk_token: named, unk_id: unigram } = parsed.model;
  const words = Array.isArray(vocab)
    ? vocab.map(([word], i): [string, number] => [word, i])
    : (Object.entries(vocab) as [string, number][]);
  const added = (parsed.added_tokens ?? []).map((token): [string, number] => [token.content, token.id]);
  const vocabulary = new Map([...words, ...added]);
  const token = named ?? (unigram == null ? undefined : words[unigram]?.[0]);
  const unknownId = token == null ? undefined : vocabulary.get(token);
  return {
    ...{ path, text, parsed, vocabulary },
    kind: type ?? 'tokenizer.json',
    ...(token != null && unknownId !== undefined ? { unknown: { token, id: unknownId } } : {}),
  };
}
