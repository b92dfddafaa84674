/**
 * The files next to a checkpoint for tokenizers without `tokenizer.json`: `vocab.txt`,
 * `tokenizer_config.json`, `special_tokens_map.json`.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

type Settings = Readonly<Record<string, unknown>>;

export interface TokenizerFiles {
  readonly folder: string;
  /** Token -> id, its line in vocab.txt. Undefined without that file. */
  readonly vocabulary?: ReadonlyMap<string, number>;
  /** `tokenizer_config.json`, {} when missing. */
  readonly settings: Settings;
  /** `EsmTokenizer`, ... without the suffix of fast versions. */
  readonly className?: string;
  /**
   * A special token by the files (null: there is none), otherwise `fallback`. `which` is
   * `cls_token`, ...
   */
  special(which: string, fallback: string): string | null;
  /** `model_max_length`, unless it is a placeholder. */
  readonly maxTokens: number;
}

/**
 * Largest value of `model_max_length` that is a real length: transformers writes 1e30 for "none".
 */
const LARGEST_LENGTH = 1e9;

export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const settings = await readSettings(join(folder, 'tokenizer_config.json'));
  const map = await readSettings(join(folder, 'special_tokens_map.json'));
  const { tokenizer_class: named, model_max_length: length } = settings;
  return {
    folder,
    vocabulary: await readVocabulary(join(folder, 'vocab.txt')),
    settings,
    className: typeof named === 'string' ? named.replace(/Fast$/, '') : undefined,
    special(which, fallback) {
      const value = which in settings ? settings[which] : which in map ? map[which] : fallback;
      return textOf(value);
    },
    maxTokens: typeof length === 'number' && length <= LARGEST_LENGTH ? length : Number.POSITIVE_INFINITY,
  };
}

/** A token is written as its text, or as an object with its text as `content`. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'content' in value) return String(value.content);
  return null;
}

async function readSettings(path: string): Promise<Settings> {
  if (!existsSync(path)) return {};
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path} must hold a JSON object`);
  return value as Settings;
}

async function readVocabulary(path: string): Promise<ReadonlyMap<string, number> | undefined> {
  if (!existsSync(path)) return undefined;
  const lines = (await readFile(path, 'utf8')).replace(/\r?\n$/, '').split(/\r?\n/);
  return new Map(lines.map((line, id) => [line.trim(), id]));
}

/** The id of the mask token, if the vocabulary has one. */
export function maskIdOf({ vocabulary, special }: TokenizerFiles, fallback: string): number | undefined {
  const token = special('mask_token', fallback);
  return token === null ? undefined : vocabulary?.get(token);
}

/** The id of a required token. Throws with the name of the file. */
export function requireToken({ vocabulary, folder }: TokenizerFiles, token: string | null): number {
  const id = token === null ? undefined : vocabulary?.get(token);
  if (id === undefined) throw new Error(`${join(folder, 'vocab.txt')} lacks the token '${token}'`);
  return id;
}
