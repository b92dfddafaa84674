/**
 * Single letters as in HyenaDNA and Caduceus: special tokens first, then A, C, G, T, N in that
 * order, and [SEP] at the end of a sequence. Their tokenizers are hub code without a vocabulary
 * file; this table has their differences. HyenaDNA reads lower case as [UNK]; Caduceus converts it
 * to upper case.
 */
import { join } from 'node:path';
import type { TokenizerFiles } from './files.ts';
import type { ModelTokenizer } from './rows.ts';
import { describe, modelTokenizer } from './rows.ts';

const LETTERS = ['A', 'C', 'G', 'T', 'N'];
/** Default ids for tokens that the folder does not list. */
const SPECIAL_IDS: Readonly<Record<string, number>> = { '[CLS]': 0, '[SEP]': 1, '[MASK]': 3, '[PAD]': 4, '[UNK]': 6 };

/** Tokenizer classes, and whether they convert lower case to upper case. */
const RAISES: Readonly<Record<string, boolean>> = {
  HyenaDNATokenizer: false,
  CaduceusTokenizer: true,
  CharacterTokenizer: false,
};

/** Whether the folder's tokenizer is one of these. */
export function readsBases({ className }: TokenizerFiles): boolean {
  return className !== undefined && Object.hasOwn(RAISES, className);
}

export function baseTokenizer(files: TokenizerFiles, positions: number): ModelTokenizer {
  const specials = listedIds(files) ?? SPECIAL_IDS;
  const id = (which: string, fallback: string) => {
    const token = files.special(which, fallback);
    if (token === null || specials[token] === undefined)
      throw new Error(`${join(files.folder, 'tokenizer_config.json')} gives the token '${token}' no id`);
    return specials[token];
  };
  const [end, paddingId, unknown] = [id('sep_token', '[SEP]'), id('pad_token', '[PAD]'), id('unk_token', '[UNK]')];
  const letters = new Map(LETTERS.map((letter, i) => [letter, unknown + 1 + i]));
  const raises = RAISES[files.className ?? ''];
  const maxTokens = Math.min(positions, files.maxTokens);
  return modelTokenizer({
    vocabularySize: unknown + 1 + LETTERS.length,
    description: 'single letters',
    nucleotidesPerToken: 1,
    maxNucleotides: Number.isFinite(maxTokens) ? maxTokens - 1 : undefined,
    identity: { kind: 'letters', letters: [...letters], end, unknown, raises },
    maskId: specials[files.special('mask_token', '[MASK]') ?? ''],
    paddingId,
    specials: new Set([end, paddingId]),
    unknown: {
      token: '[UNK]',
      id: unknown,
      remedy: 'this tokenizer reads A, C, G, T and N; give the sequences in upper case',
    },
    maxTokens,
    ids(sequence) {
      if (sequence === '') throw new Error(`${describe(sequence)} makes no token`);
      const text = raises ? sequence.toUpperCase() : sequence;
      return [...Array.from(text, (letter) => letters.get(letter) ?? unknown), end];
    },
  });
}

/** Ids of special tokens in `added_tokens_decoder`. */
function listedIds({ settings }: TokenizerFiles): Record<string, number> | undefined {
  const listed = settings.added_tokens_decoder;
  if (typeof listed !== 'object' || listed === null) return undefined;
  const ids = Object.entries(listed).map(([id, token]) => [(token as { content?: string })?.content ?? '', Number(id)]);
  return Object.fromEntries(ids);
}
