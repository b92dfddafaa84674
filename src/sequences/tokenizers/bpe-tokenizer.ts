/**
 * What byte-pair encoding is learned from and how it is written: the `tokenizer.json` of huggingface/tokenizers. English as in the study of entropy and disagreement
 * (Rochkoulets, Vrcek & Sikic 2026, arXiv 2604.04287; lbcb-sci/GFMs, `src/train/tokenizer`): other than usual characters become spaces, words and punctuation
 * apart (`Whitespace`), spaces not kept. The study cleans before it tokenizes; here the file does it, so that whoever reads the file reads raw text alike. DNA: no
 * pre-tokenization, merges run over A, C, G, T within a chunk; unlike the study's, N is no letter of the alphabet but unknown, as in a k-mer, and nothing is learned of it.
 */
import type { BpeModel } from './bpe-trainer.ts';

export type BpeLanguage = 'text' | 'dna';

/** In the order of their ids. */
export const BPE_SPECIAL_TOKENS = ['<UNK>', '<PAD>', '<CLS>', '<SEP>', '<MASK>'] as const;
const [UNKNOWN, PADDING, CLASS, SEPARATOR, MASK] = BPE_SPECIAL_TOKENS;

/** What becomes a space: white space, and the characters that the study's `clean_text` takes out. */
const UNUSUAL = String.raw`[^a-zA-Z0-9 .,;:!?"'()\-–—/\\&%$€@#\[\]{}<>]+`;
const CLEANED = new RegExp(UNUSUAL, 'gu');

interface Language {
  readonly normalizer: object | null;
  readonly preTokenizer: object | null;
  words(text: string): Iterable<string>;
}

const LANGUAGES: Readonly<Record<BpeLanguage, Language>> = {
  text: {
    normalizer: { type: 'Replace', pattern: { Regex: UNUSUAL }, content: ' ' },
    preTokenizer: { type: 'Whitespace' },
    words: (text) => cleanText(text).match(/\w+|[^\w\s]+/g) ?? [],
  },
  dna: { normalizer: null, preTokenizer: null, words: (text) => [text] },
};

/** Text with unusual characters and runs of white space as one space. */
export function cleanText(text: string): string {
  return text.replace(CLEANED, ' ').replace(/ +/g, ' ').trim();
}

/** What merges stay within: words of a text, a whole chunk of DNA. */
export function bpeWords(text: string, language: BpeLanguage): Iterable<string> {
  return LANGUAGES[language].words(text);
}

/** Adds the words of a text, or of a chunk of DNA its stretches of known letters, to the counts that `trainBpe` takes. */
export function countWords(counts: Map<string, number>, text: string, language: BpeLanguage): void {
  for (const word of bpeWords(text, language))
    for (const part of language === 'dna' ? (word.match(/[ACGT]+/g) ?? []) : [word])
      counts.set(part, (counts.get(part) ?? 0) + 1);
}

/** Contents of `tokenizer.json` and `tokenizer_config.json`. The model must have been learned with {@link BPE_SPECIAL_TOKENS}. No special token is added to a text. */
export function bpeTokenizerFiles(
  { tokens, merges }: BpeModel,
  language: BpeLanguage,
): { readonly tokenizer: object; readonly settings: object } {
  const { normalizer, preTokenizer } = LANGUAGES[language];
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: BPE_SPECIAL_TOKENS.map((content, id) => ({ id, content, ...plain })),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: UNKNOWN,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => [tokens[left], tokens[right]]),
    },
  };
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    unk_token: UNKNOWN,
    pad_token: PADDING,
    cls_token: CLASS,
    sep_token: SEPARATOR,
    mask_token: MASK,
  };
  return { tokenizer, settings };
}
