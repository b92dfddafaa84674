/**
 * Pre-training on the ids of a `tokenizer.json` (BPE, WordPiece, Unigram; huggingface/tokenizers)
 * through @huggingface/transformers: the BPE option of BarcodeBERT and BarcodeMAE (bioscan-ml,
 * `barcodebert/datasets.py`), except that [CLS] and [SEP] are not added and no special token is an
 * output of the heads. Special tokens of the file and its unknown token are never predicted. The
 * file defines how N is tokenized.
 */
import '../runtime/telemetry.ts';
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256, writeFileAtomic } from '../core/files.ts';
import { type MaskingConfig, showsMask } from './masking.ts';
import type { TrainingTokenizer, Vocabulary } from './training-tokenizers.ts';

/** The fields of a `tokenizer.json` that are read here; the library reads the others. */
interface TokenizerFile {
  readonly model: {
    readonly type?: string;
    readonly vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[];
    readonly unk_token?: string | null;
    readonly unk_id?: number | null;
  };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special?: boolean }[];
}

/** Special tokens of pre-training: fields of `tokenizer_config.json`, and their default names. */
const NAMES = {
  unk_token: ['[UNK]', '<unk>'],
  pad_token: ['[PAD]', '<pad>'],
  mask_token: ['[MASK]', '<mask>'],
} as const;
type SpecialName = keyof typeof NAMES;
const SPECIAL_NAMES = Object.keys(NAMES) as SpecialName[];

export interface HubTrainingConfig extends Pick<MaskingConfig, 'objective' | 'maskedShare'> {
  /**
   * In training a window starts at its first letter or up to k - 1 letters later, as in the source.
   */
  readonly k: number;
  /** Maximum number of letters in a window. */
  readonly length: number;
}

async function readObject(path: string): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path} must hold a JSON object, as written by save_pretrained of a fast tokenizer`);
  return value;
}

/** Ids by their text. @throws for a file without a vocabulary. */
function idsByText({ model, added_tokens = [] }: TokenizerFile, path: string): ReadonlyMap<string, number> {
  const { vocab } = model ?? {};
  if (typeof vocab !== 'object' || vocab === null)
    throw new Error(`${path}: model.vocab is missing; give the tokenizer.json that save_pretrained writes`);
  // Unigram lists pieces with their scores, ordered by id.
  const pieces = Array.isArray(vocab)
    ? vocab.map(([text], id) => [text, id] as const)
    : Object.entries(vocab as Readonly<Record<string, number>>);
  return new Map([...pieces, ...added_tokens.map(({ content, id }) => [content, id] as const)]);
}

/** Texts of the special tokens in the file. */
function specialTexts(
  file: TokenizerFile,
  settings: Readonly<Record<string, unknown>>,
  ids: ReadonlyMap<string, number>,
): Partial<Record<SpecialName, string>> {
  const found: Partial<Record<SpecialName, string>> = {};
  const { unk_token: unknown, unk_id: unknownId, vocab } = file.model;
  if (unknown) found.unk_token = unknown;
  else if (typeof unknownId === 'number' && Array.isArray(vocab)) found.unk_token = vocab[unknownId][0];
  for (const name of SPECIAL_NAMES) {
    const said = settings[name] as string | { content?: string } | null | undefined;
    const text = typeof said === 'object' ? said?.content : said;
    const known = [found[name], text, ...NAMES[name]].find(
      (candidate) => candidate !== undefined && ids.has(candidate),
    );
    if (known !== undefined) found[name] = known;
  }
  return found;
}

/**
 * Reads `path`, a tokenizer.json or its folder.
 * @throws when it is missing or damaged, and when the objective shows [MASK] to the encoder and the
 *   file has no such token.
 */
export async function hubTrainingTokenizer(path: string, config: HubTrainingConfig): Promise<TrainingTokenizer> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const at = isFolder ? join(path, 'tokenizer.json') : path;
  if (!existsSync(at)) throw new Error(`${at} is missing; give a tokenizer.json or its folder`);
  const beside = join(dirname(at), 'tokenizer_config.json');
  // The same ids everywhere: options of the file that add, cut or pad tokens are switched off.
  const file = {
    ...(await readObject(at)),
    post_processor: null,
    truncation: null,
    padding: null,
  } as object as TokenizerFile;
  const ids = idsByText(file, at);
  const settings = existsSync(beside) ? ((await readObject(beside)) as Record<string, unknown>) : {};
  const texts = specialTexts(file, settings, ids);
  const idOf = (name: SpecialName) => (texts[name] === undefined ? undefined : ids.get(texts[name]));
  if (showsMask(config) && idOf('mask_token') === undefined)
    throw new Error(
      `${at} has no mask token, and objective '${config.objective}' shows it to the encoder; add one to the tokenizer ` +
        "(add_special_tokens({'mask_token': '[MASK]'}) in transformers), or use mae-v2, mae-v1 or causal",
    );

  const special = new Set([
    ...(file.added_tokens ?? []).filter((token) => token.special).map((token) => token.id),
    ...SPECIAL_NAMES.map(idOf),
  ]);
  const ordinary = [...new Set(ids.values())].filter((id) => !special.has(id)).sort((a, b) => a - b);
  if (ordinary.length === 0) throw new Error(`${at} has only special tokens`);
  const size = [...ids.values()].reduce((most, id) => Math.max(most, id + 1), 0);
  const paddingId = idOf('pad_token') ?? idOf('unk_token') ?? 0;
  const vocabulary = vocabularyOf(size, ordinary, idOf('mask_token') ?? paddingId, paddingId);

  const settingsKept = { tokenizer_class: 'PreTrainedTokenizerFast', ...texts };
  const read = await reader(file, settingsKept, at);
  const perLetter = [...'ACGT'].map((letter) => read(letter).length);
  const maxTokens = config.length * Math.max(1, ...perLetter);
  const idsOf = (window: string) => {
    const found = read(window);
    if (found.length > maxTokens)
      throw new Error(`${at} makes ${found.length} tokens of ${window.length} letters, more than ${maxTokens}`);
    return found;
  };
  const text = `${JSON.stringify(file)}\n`;
  return {
    vocabulary,
    maxTokens,
    ordinary: `non-special token of ${at}`,
    identity: `tokenizer.json ${sha256(text)}`,
    randomOffset: true,
    drawOffset: (letters, random) => (letters >= 2 * config.k ? random.integer(config.k) : 0),
    count(window) {
      const found = idsOf(window);
      return found.some((id) => vocabulary.classOf(id) >= 0) ? found.length : 0;
    },
    encode(windows, offsets) {
      const rows = windows.map((window, i) => idsOf(window.slice(offsets[i])));
      const tokens = rows.reduce((most, row) => Math.max(most, row.length), 1);
      const filled = new Int32Array(rows.length * tokens).fill(paddingId); // [windows, tokens]
      const mask = new Uint8Array(filled.length); // [windows, tokens]
      rows.forEach((row, r) => {
        filled.set(row, r * tokens);
        mask.fill(1, r * tokens, r * tokens + row.length);
      });
      return { ids: filled, mask, tokens };
    },
    async saveTo(folder) {
      await rm(join(folder, 'kmer_tokenizer.json'), { force: true });
      await writeFileAtomic(join(folder, 'tokenizer.json'), text);
      await writeFileAtomic(join(folder, 'tokenizer_config.json'), `${JSON.stringify(settingsKept, null, 2)}\n`);
    },
  };
}

function vocabularyOf(size: number, ordinary: readonly number[], maskId: number, paddingId: number): Vocabulary {
  const classes = new Int32Array(size).fill(-1);
  ordinary.forEach((id, i) => {
    classes[id] = i;
  });
  return {
    size,
    maskId,
    paddingId,
    classes: ordinary.length,
    classOf: (id) => classes[id],
    idOf: (classIndex) => ordinary[classIndex],
  };
}

/**
 * Ids of a window. Throws for a letter without a token when there is no unknown token:
 * implementations differ in this case.
 */
async function reader(file: TokenizerFile, settings: object, path: string): Promise<(window: string) => number[]> {
  const { PreTrainedTokenizer } = await import('@huggingface/transformers');
  const tokenizer = new PreTrainedTokenizer(file, settings);
  const encode = (letters: string): number[] => tokenizer.encode(letters, { add_special_tokens: false });
  const readable = new Map<string, boolean>();
  const isReadable = (letter: string) => {
    let known = readable.get(letter);
    if (known === undefined) {
      const ids = encode(letter);
      known = ids.length > 0 && ids.every((id) => Number.isInteger(id));
      readable.set(letter, known);
    }
    return known;
  };
  return (window) => {
    for (const letter of new Set(window))
      if (!isReadable(letter))
        throw new Error(
          `${path} has no token for '${letter}' and no unknown token; add one to the tokenizer, or remove such letters from the sequences`,
        );
    const ids = encode(window);
    const at = ids.findIndex((id) => !Number.isInteger(id));
    if (at >= 0)
      throw new Error(
        `${path} (${file.model.type ?? 'no model.type'}) gives no id for token ${at} of '${window.slice(0, 24)}...'; supported: BPE, WordPiece and Unigram`,
      );
    return ids;
  };
}
