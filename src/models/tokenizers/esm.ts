/**
 * The tokenizer of the Nucleotide Transformer (transformers' `EsmTokenizer` over a vocabulary of
 * 6-mers and single letters): takes the longest word of the vocabulary from the left, so that the
 * rest at the end, and all letters around an N, become single letters; <cls> is first. As in the
 * reference, a run of letters without any word (lower case, R) is one <unk>.
 */
import { maskIdOf, requireToken, type TokenizerFiles } from './files.ts';
import type { ModelTokenizer } from './rows.ts';
import { describe, modelTokenizer } from './rows.ts';

/** Whether the folder's tokenizer is one of these. */
export function isEsm({ className, vocabulary }: TokenizerFiles): boolean {
  return (
    vocabulary !== undefined && (className === 'EsmTokenizer' || (className === undefined && vocabulary.has('<cls>')))
  );
}

export function esmModelTokenizer(files: TokenizerFiles, positions: number): ModelTokenizer {
  const vocabulary = files.vocabulary ?? new Map<string, number>();
  const id = (which: string, fallback: string) => requireToken(files, files.special(which, fallback));
  const [first, unknown, paddingId] = [id('cls_token', '<cls>'), id('unk_token', '<unk>'), id('pad_token', '<pad>')];
  const last = files.special('eos_token', '<eos>') === null ? [] : [id('eos_token', '<eos>')];
  const words = new Map([...vocabulary].filter(([word]) => /^[A-Za-z]+$/.test(word)));
  const longest = [...words.keys()].reduce((most, word) => Math.max(most, word.length), 1);
  const emitted = [first, unknown, paddingId, ...last, ...words.values()];
  return modelTokenizer({
    // The vocabulary may have special words that no sequence produces and that have no row in the
    // model.
    vocabularySize: emitted.reduce((most, token) => Math.max(most, token + 1), 0),
    description: `${longest}-mers, single letters where none fits`,
    nucleotidesPerToken: longest,
    frames: longest,
    identity: { kind: 'esm', vocabulary: [...vocabulary.keys()], first, unknown, last },
    maskId: maskIdOf(files, '<mask>'),
    paddingId,
    specials: new Set([first, paddingId, ...last]),
    unknown: {
      token: '<unk>',
      id: unknown,
      remedy: 'this tokenizer reads the letters of its vocabulary only; give the sequences in upper case, with T for U',
    },
    maxTokens: Math.min(positions, files.maxTokens),
    ids(sequence) {
      if (sequence === '') throw new Error(`${describe(sequence)} makes no token`);
      return [first, ...wordIds(sequence, words, longest, unknown), ...last];
    },
  });
}

/** Ids of the longest words from the left. */
function wordIds(sequence: string, words: ReadonlyMap<string, number>, longest: number, unknown: number): number[] {
  const ids: number[] = [];
  let inUnknown = false;
  for (let at = 0; at < sequence.length; ) {
    let length = Math.min(longest, sequence.length - at);
    let id = words.get(sequence.slice(at, at + length));
    while (id === undefined && length > 1) {
      length -= 1;
      id = words.get(sequence.slice(at, at + length));
    }
    if (id !== undefined) ids.push(id);
    else if (!inUnknown) ids.push(unknown);
    inUnknown = id === undefined;
    at += length;
  }
  return ids;
}
