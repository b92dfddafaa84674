/**
 * DNABERT's tokenizer (Ji et al. 2021): all overlapping k-mers of a sequence, one letter apart,
 * between [CLS] and [SEP]; the k-mers are the words of `vocab.txt`. A k-mer that is not a word
 * (with N, lower case) is [UNK], as in transformers' BertTokenizer (do_lower_case false) for the
 * spaced text.
 */
import { maskIdOf, requireToken, type TokenizerFiles } from './files.ts';
import type { ModelTokenizer } from './rows.ts';
import { describe, modelTokenizer } from './rows.ts';

/**
 * The k of a vocabulary whose words, except those in brackets, are all 4^k k-mers; otherwise
 * undefined.
 */
export function kmerLength({ vocabulary }: TokenizerFiles): number | undefined {
  const words = [...(vocabulary?.keys() ?? [])].filter((word) => !/^\[.*\]$/.test(word));
  const k = words[0]?.length ?? 0;
  const all = k >= 1 && words.length === 4 ** k && words.every((word) => word.length === k && /^[ACGT]+$/.test(word));
  return all ? k : undefined;
}

export function overlappingKmerTokenizer(files: TokenizerFiles, k: number, positions: number): ModelTokenizer {
  const vocabulary = files.vocabulary ?? new Map<string, number>();
  const id = (which: string, fallback: string) => requireToken(files, files.special(which, fallback));
  const [first, last] = [id('cls_token', '[CLS]'), id('sep_token', '[SEP]')];
  const [unknown, paddingId] = [id('unk_token', '[UNK]'), id('pad_token', '[PAD]')];
  const maxTokens = Math.min(positions, files.maxTokens);
  return modelTokenizer({
    vocabularySize: vocabulary.size,
    description: `${k}-mers, stride 1`,
    nucleotidesPerToken: 1,
    maxNucleotides: Number.isFinite(maxTokens) ? maxTokens - 2 + k - 1 : undefined,
    identity: { kind: 'overlapping k-mers', vocabulary: [...vocabulary.keys()], first, last, unknown },
    maskId: maskIdOf(files, '[MASK]'),
    paddingId,
    specials: new Set([first, last, paddingId]),
    unknown: {
      token: '[UNK]',
      id: unknown,
      remedy: 'this tokenizer reads k-mers of A, C, G and T; give the sequences in upper case, with T for U',
    },
    maxTokens,
    ids(sequence) {
      if (sequence.length < k)
        throw new Error(`${describe(sequence)} has ${sequence.length} nucleotides, less than one ${k}-mer`);
      const words = Array.from(
        { length: sequence.length - k + 1 },
        (_, at) => vocabulary.get(sequence.slice(at, at + k)) ?? unknown,
      );
      return [first, ...words, last];
    },
  });
}
