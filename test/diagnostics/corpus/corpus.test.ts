import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { chooseWindows, corpusKind, encodeWindows, readWindows } from '../../../src/diagnostics/corpus/corpus.ts';
import { maskTokens } from '../../../src/diagnostics/predictions/evaluation-masking.ts';
import { hubModelTokenizer } from '../../../src/models/tokenizers/hub-tokenizer.ts';
import { tokenLetters } from '../../../src/models/tokenizers/token-letters.ts';
import { kmerModelTokenizer } from '../../../src/models/tokenizers/tokenizers.ts';

const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string | Buffer) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const windowsOf = async (path: string, letters: number) => {
  const windows: string[] = [];
  for await (const window of readWindows(path, { letters })) windows.push(window);
  return windows;
};

describe('windows of FASTA', () => {
  it('are cut record by record, in upper case; short rests and runs of N are left out', async () => {
    const path = file('a.fa.gz', gzipSync('>one\nacgtac\nGTUR\nNNNNA\n>two\nTTTT\nTTTTCC\n'));
    expect(await corpusKind(path)).toBe('fasta');
    // one: ACGTACGT, TNNNNNA (2 of 7 known); two: TTTTTTTT, CC (less than half a window)
    expect(await windowsOf(path, 8)).toEqual(['ACGTACGT', 'TTTTTTTT']);
    expect(await windowsOf(path, 5)).toEqual(['ACGTA', 'CGTTN', 'TTTTT', 'TTTCC']);
  });
});

describe('windows of text', () => {
  it('end at white space, and leave no letter out but white space', async () => {
    const text = `${'It was a dark and stormy night;\nthe rain fell in torrents. '.repeat(20)}\n`;
    const path = file('a.txt', text);
    expect(await corpusKind(path)).toBe('text');
    const windows = await windowsOf(path, 40);
    for (const window of windows) expect(window.length).toBeLessThanOrEqual(40);
    const rest = text.replace(/\s+/g, '');
    const joined = windows.join('').replace(/\s+/g, '');
    expect(rest.startsWith(joined)).toBe(true);
    expect(rest.length - joined.length).toBeLessThan(20);
  });

  it('cut a word that is longer than half a window, but no surrogate pair', async () => {
    expect(await windowsOf(file('b.txt', 'abcdefghij'), 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(await windowsOf(file('c.txt', 'ab\u{1F9EC}cdef'), 3)).toEqual(['ab', '\u{1F9EC}c', 'def']);
  });

  it('of an empty file are refused', async () => {
    await expect(windowsOf(file('d.txt', '\n\n'), 4)).rejects.toThrow(/holds no text/);
  });
});

describe('letters of tokens', () => {
  it('of k-mers are their stride', () => {
    const tokenizer = kmerModelTokenizer({ k: 3 }, 10);
    const { letters, tokens, exact } = encodeWindows(['ACGTAC', 'ACGTACGTA'], tokenizer);
    expect([tokens, exact]).toEqual([3, true]);
    expect([...letters]).toEqual([3, 3, 0, 3, 3, 3]);
  });

  it('of a tokenizer.json are those of its vocabulary, none for special tokens', async () => {
    const vocab = {
      '[UNK]': 0,
      '[PAD]': 1,
      '[CLS]': 2,
      '[SEP]': 3,
      '[MASK]': 4,
      A: 5,
      C: 6,
      G: 7,
      T: 8,
      AC: 9,
      ACG: 10,
    };
    const special = ['[UNK]', '[PAD]', '[CLS]', '[SEP]', '[MASK]'];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    const model = { type: 'BPE', vocab, merges: ['A C', 'AC G'], unk_token: '[UNK]', fuse_unk: false };
    const bracketed = ['[CLS]', 'A', '[SEP]'].map((id) =>
      id === 'A' ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } },
    );
    const added = Object.fromEntries(
      ['[CLS]', '[SEP]'].map((id, i) => [id, { id, ids: [2 + i], tokens: [id] }] as const),
    );
    file(
      'tokenizer.json',
      JSON.stringify({
        version: '1.0',
        added_tokens: special.map((content, id) => ({ id, content, ...flags })),
        normalizer: null,
        pre_tokenizer: { type: 'Whitespace' },
        post_processor: { type: 'TemplateProcessing', single: bracketed, pair: bracketed, special_tokens: added },
        decoder: null,
        model,
      }),
    );
    file('tokenizer_config.json', JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast', pad_token: '[PAD]' }));
    const lengths = await tokenLetters(folder);
    expect([...(lengths ?? [])]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 3]);
    const tokenizer = await hubModelTokenizer(folder, 20);
    const windows = ['ACGTAC', 'TT'];
    const exact = encodeWindows(windows, tokenizer, lengths);
    expect(exact.exact).toBe(true);
    expect([...exact.letters]).toEqual([0, 3, 1, 2, 0, 0, 1, 1, 0, 0]); // [CLS] ACG T AC [SEP], [CLS] T T [SEP] [PAD]
    const overlapping = encodeWindows(windows, { ...tokenizer, nucleotidesPerToken: 1 }, lengths);
    expect([...overlapping.letters]).toEqual([...exact.letters]); // what a token tells of, not how far the next one is
    const even = encodeWindows(windows, tokenizer);
    expect(even.exact).toBe(false);
    expect([...even.letters.subarray(0, 5)]).toEqual([1.2, 1.2, 1.2, 1.2, 1.2]);
  });

  it('are taken from a vocab.txt, marks of word pieces off, and are unknown without either', async () => {
    const other = mkdtempSync(join(folder, 'vocabulary-'));
    expect(await tokenLetters(other)).toBeUndefined();
    writeFileSync(join(other, 'vocab.txt'), '<cls>\n[PAD]\nACGTAC\n##ing\n▁the\nlow</w>\n');
    expect([...((await tokenLetters(other)) ?? [])]).toEqual([0, 0, 6, 3, 3, 3]);
  });
});

describe('windows to measure on', () => {
  it('are drawn without replacement, from the seed', () => {
    const chosen = chooseWindows(100, 10, createRandom(1));
    expect(chosen.size).toBe(10);
    expect(chooseWindows(100, 10, createRandom(1))).toEqual(chosen);
    expect(chooseWindows(100, 10, createRandom(2))).not.toEqual(chosen);
    expect(chooseWindows(3, 10, createRandom(1))).toEqual(new Set([0, 1, 2]));
  });
});

describe('masking for a diagnosis', () => {
  const ids = BigInt64Array.from({ length: 4000 }, (_, i) => BigInt(5 + (i % 7)));
  const mask = BigInt64Array.from(ids, (_, i) => (i % 4 === 3 ? 0n : 1n));

  it('hides the share asked for, always behind [MASK], and never padding', () => {
    const masked = maskTokens({ ids, mask }, 4, 0.1, createRandom(1));
    // 3000 attended tokens: 300 expected, standard deviation 16.
    expect(Math.abs(masked.positions.length - 300)).toBeLessThan(5 * 16.5);
    masked.positions.forEach((place, i) => {
      expect(mask[place]).toBe(1n);
      expect(masked.ids[place]).toBe(4n);
      expect(masked.targets[i]).toBe(Number(ids[place]));
    });
    const chosen = new Set(masked.positions);
    expect(ids.every((id, i) => chosen.has(i) || masked.ids[i] === id)).toBe(true);
  });

  it('leaves out what may not be asked', () => {
    const { positions } = maskTokens({ ids, mask }, 4, 1, createRandom(1), (place) => ids[place] !== 5n);
    expect([...positions].some((place) => ids[place] === 5n)).toBe(false);
    expect(positions.length).toBe([...ids].filter((id, i) => id !== 5n && mask[i] === 1n).length);
  });

  it('refuses a share of 0', () => {
    expect(() => maskTokens({ ids, mask }, 4, 0, createRandom(1))).toThrow(/share of masked tokens is 0/);
  });
});
