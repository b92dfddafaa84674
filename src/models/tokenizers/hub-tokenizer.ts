/**
 * The `tokenizer.json` of a folder (BPE, WordPiece, Unigram, ...), run by @huggingface/transformers
 * from the folder's files alone. `tokenizer_config.json` has the class and the special tokens;
 * without it the default class reads the file.
 */
import '../../runtime/telemetry.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PreTrainedTokenizer } from '@huggingface/transformers';
import type { TokenizerFiles } from './files.ts';
import { readTokenizerFiles } from './files.ts';
import { kmerLength, overlappingKmerTokenizer } from './overlapping-kmers.ts';
import { describe, type ModelTokenizer, modelTokenizer } from './rows.ts';
import { readTokenizerJson, type TokenizerJson } from './tokenizer-json.ts';
import { wordPieces } from './word-pieces.ts';

/** Splitters that keep a sequence of letters in one piece. */
const WHOLE = new Set(['Whitespace', 'WhitespaceSplit', 'BertPreTokenizer']);

/**
 * Special tokens as the post-processor adds them; padding on the right. A vocabulary of whole k-mers that no splitter leads
 * to is DNABERT's: its text is k-mers apart from blanks, so the k-mers of a sequence are its words.
 */
export async function hubModelTokenizer(folder: string, positions: number): Promise<ModelTokenizer> {
  const json = await readTokenizerJson(join(folder, 'tokenizer.json'));
  const files = await readTokenizerFiles(folder);
  const kmers = wholeKmers(json, files);
  if (kmers) return overlappingKmerTokenizer(kmers.files, kmers.k, positions);
  const tokenizer = await runnable(json, files);
  const specials = new Set((json.parsed.added_tokens ?? []).filter(({ special }) => special).map(({ id }) => id));
  const id = (which: string, fallback: string): number | undefined => {
    const token = files.special(which, fallback);
    return token === null ? undefined : json.vocabulary.get(token);
  };
  return modelTokenizer({
    vocabularySize: Math.max(0, ...chunkMaxima([...json.vocabulary.values()])),
    description: `${json.kind} (tokenizer.json)`,
    identity: json.text,
    paddingId: id('pad_token', '[PAD]') ?? id('eos_token', '') ?? 0,
    maskId: id('mask_token', '[MASK]'),
    unknown: json.unknown && { ...json.unknown, remedy: remedyOf(json) },
    specials,
    maxTokens: positions,
    ids(sequence) {
      // The library gives no id to words that are missing from a WordLevel model.
      const ids = tokenizer.encode(sequence).map((token: number | undefined) => token ?? json.unknown?.id);
      if (ids.length === 0) throw new Error(`${describe(sequence)} makes no token`);
      if (!ids.every((token) => Number.isInteger(token)))
        throw new Error(
          `${json.path}: ${describe(sequence)} makes a token without an id; the vocabulary is incomplete`,
        );
      return ids as number[];
    },
  });
}

/** One more than the largest id, of parts that fit into a call. */
function chunkMaxima(ids: readonly number[]): number[] {
  return [ids.reduce((most, id) => Math.max(most, id + 1), 0)];
}

/** The vocabulary of overlapping k-mers, when it is certain that sequences are cut in this way. */
function wholeKmers(json: TokenizerJson, files: TokenizerFiles): { files: TokenizerFiles; k: number } | undefined {
  const { normalizer, pre_tokenizer: splitter } = json.parsed;
  if (json.kind !== 'WordPiece' && json.kind !== 'WordLevel') return undefined;
  if (splitter && !WHOLE.has(splitter.type)) return undefined;
  if (lowers(normalizer)) return undefined;
  const vocabulary = { ...files, vocabulary: json.vocabulary };
  const k = kmerLength(vocabulary);
  return k === undefined || k < 2 ? undefined : { files: vocabulary, k };
}

/** Whether a normaliser converts letters to lower case. */
function lowers(normalizer: unknown): boolean {
  const { type, lowercase, normalizers } = (normalizer ?? {}) as Readonly<Record<string, unknown>>;
  if (type === 'Lowercase' || (type === 'BertNormalizer' && lowercase !== false)) return true;
  return Array.isArray(normalizers) && normalizers.some(lowers);
}

/** The remedy when most tokens are unknown. */
function remedyOf({ parsed, kind, vocabulary }: TokenizerJson): string {
  const words = [...vocabulary.keys()].filter((word) => /^[A-Za-z]+$/.test(word));
  const isUpper = words.length > 0 && words.every((word) => word === word.toUpperCase());
  if (isUpper && lowers(parsed.normalizer))
    return 'its normalizer turns letters into lower case, and its vocabulary has upper case only: remove the normalizer (or set "lowercase": false)';
  const splitter = parsed.pre_tokenizer?.type;
  if (kind !== 'BPE' && (splitter === undefined || WHOLE.has(splitter)))
    return 'its words are k-mers, but it has no splitter that cuts a sequence into them: give the vocabulary as vocab.txt, or add a pre_tokenizer that splits';
  return "compare the letters of the data with the words of the vocabulary (case, U for T), or bring the model's own tokenizer";
}

type TokenizerClass = new (json: object, config: object) => PreTrainedTokenizer;

async function runnable({ path, parsed }: TokenizerJson, files: TokenizerFiles): Promise<PreTrainedTokenizer> {
  const library = await import('@huggingface/transformers');
  const classes = library as unknown as Readonly<Record<string, unknown>>;
  const named =
    files.className !== undefined && /Tokenizer$/.test(files.className) ? classes[files.className] : undefined;
  const Class = (typeof named === 'function' ? named : library.PreTrainedTokenizer) as TokenizerClass;
  const where = existsSync(join(files.folder, 'tokenizer_config.json')) ? `${path} or tokenizer_config.json` : path;
  try {
    const tokenizer = new Class(
      { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parsed },
      plainTokens(files.settings),
    );
    if (parsed.model.type === 'WordPiece') useTrie(tokenizer, parsed.model);
    tokenizer.encode('ACGT');
    return tokenizer;
  } catch (error) {
    throw new Error(`${where}: the tokenizer cannot be run (${(error as Error).message}). Fetch the files again`, {
      cause: error,
    });
  }
}

/** Special tokens as text; values of other types are omitted. */
function plainTokens(settings: TokenizerFiles['settings']): Record<string, unknown> {
  const text = (value: unknown) =>
    typeof value === 'object' && value !== null && 'content' in value ? String(value.content) : value;
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([field]) => field !== 'chat_template')
      .map(([field, value]) => [field, field.endsWith('_token') ? text(value) : value])
      .filter(([field, value]) => !`${field}`.endsWith('_token') || typeof value === 'string'),
  );
}

/**
 * The library's WordPiece tries all ends of a word, which takes cubic time; this version gives the
 * same pieces.
 */
function useTrie(tokenizer: PreTrainedTokenizer, model: TokenizerJson['parsed']['model']): void {
  const inner = (
    tokenizer as unknown as { _tokenizer: { model: { encode: unknown; tokens_to_ids: Map<string, number> } } }
  )._tokenizer.model;
  if (typeof inner.encode !== 'function') throw new Error('@huggingface/tokenizers has changed: no model.encode');
  inner.encode = wordPieces({
    vocabulary: inner.tokens_to_ids,
    prefix: model.continuing_subword_prefix ?? '##',
    unknown: model.unk_token ?? '[UNK]',
    longestWord: model.max_input_chars_per_word ?? 100,
  });
}
