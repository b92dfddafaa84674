/** Byte-pair encoding: the merges, the file and the ids of huggingface/tokenizers (`goldens/bpe.py`). */
import { readFileSync } from 'node:fs';
import { PreTrainedTokenizer } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { createBpeEncoder } from '../../../src/sequences/tokenizers/bpe-encoder.ts';
import {
  BPE_SPECIAL_TOKENS,
  type BpeLanguage,
  bpeTokenizerFiles,
  countWords,
} from '../../../src/sequences/tokenizers/bpe-tokenizer.ts';
import { trainBpe } from '../../../src/sequences/tokenizers/bpe-trainer.ts';

interface Golden {
  readonly size: number;
  readonly corpus: readonly string[];
  readonly probes: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly tokenizer: { readonly model: { readonly merges: readonly [string, string][] } };
}

function learn(corpus: readonly string[], language: BpeLanguage, vocabularySize: number) {
  const words = new Map<string, number>();
  for (const text of corpus) countWords(words, text, language);
  return trainBpe(words, { vocabularySize, specialTokens: BPE_SPECIAL_TOKENS });
}

describe.each(['text', 'dna'] as const)('byte-pair encoding of %s', (language) => {
  const golden = JSON.parse(
    readFileSync(new URL(`../goldens/bpe/${language}.json`, import.meta.url), 'utf8'),
  ) as Golden;
  const model = learn(golden.corpus, language, golden.size);
  const { tokenizer, settings } = bpeTokenizerFiles(model, language);

  it('learns the merges of BpeTrainer, all of them, in their order', () => {
    expect(model.merges.map(([left, right]) => [model.tokens[left], model.tokens[right]])).toEqual(
      golden.tokenizer.model.merges,
    );
    expect(model.tokens).toHaveLength(golden.size);
  });

  it('is written as the file that tokenizers saves', () => {
    expect(JSON.parse(JSON.stringify(tokenizer))).toEqual(golden.tokenizer);
  });

  it('is read by @huggingface/transformers with the ids that tokenizers gives', () => {
    const reader = new PreTrainedTokenizer(tokenizer, settings);
    for (const { text, ids } of golden.probes)
      expect(reader.encode(text, { add_special_tokens: false }), text).toEqual(ids);
  });

  it('is read by the encoder for whole corpora with the same ids', () => {
    const encode = createBpeEncoder(model, language);
    for (const { text, ids } of golden.probes) expect(encode(text), text).toEqual(ids);
  });
});

describe('a vocabulary', () => {
  it('is smaller than asked for where the corpus has no more pairs', () => {
    expect(learn(['ACGT', 'ACGT'], 'dna', 100).tokens).toEqual([...BPE_SPECIAL_TOKENS, ...'ACGT', 'AC', 'GT', 'ACGT']);
  });

  it('must hold special tokens and letters', () => {
    expect(() => learn(['ACGT'], 'dna', 8)).toThrow(/BPE of 8 tokens; give at least the 9 special tokens and letters/);
    expect(() => learn(['ACGT'], 'dna', 70_000)).toThrow(/at most 65536/);
  });

  it('must not spell a special token', () => {
    const words = new Map([['mask', 3]]);
    expect(() => trainBpe(words, { vocabularySize: 20, specialTokens: ['mask'] })).toThrow(
      /spells the special token mask/,
    );
  });

  it('grows with progress being told', () => {
    const random = createRandom('progress');
    const letters = Array.from({ length: 3000 }, () => 'ACGT'[random.integer(4)]).join('');
    const seen: number[] = [];
    trainBpe(new Map([[letters, 1]]), { vocabularySize: 256, specialTokens: [], progress: (f) => seen.push(f) });
    expect(seen).toEqual([0.25, 0.5, 0.75, 1]);
  });
});

describe('words', () => {
  it('of DNA are its stretches without N, however often each', () => {
    const words = new Map<string, number>();
    for (const chunk of ['ACGTNNACNAC', 'NN', 'AC']) countWords(words, chunk, 'dna');
    expect([...words]).toEqual([
      ['ACGT', 1],
      ['AC', 3],
    ]);
  });
});
