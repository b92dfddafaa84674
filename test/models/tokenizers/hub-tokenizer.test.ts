/** `tokenizer.json`: the ids of the reference on long sequences (goldens/long_tokenizers.py), and files that are refused. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { coverageShares, requireCoverage } from '../../../src/models/coverage.ts';
import { whyUnsafe } from '../../../src/models/tokenizers/patterns.ts';
import { withinRows } from '../../../src/models/tokenizers/rows.ts';
import { folderTokenizer } from '../../../src/models/tokenizers/tokenizers.ts';
import { wordPieces } from '../../../src/models/tokenizers/word-pieces.ts';
import golden from '../goldens/long_tokenizers.golden.json' with { type: 'json' };

const folder = mkdtempSync(join(tmpdir(), 'glm-bench-tokenizer-json-'));
afterAll(() => rmSync(folder, { recursive: true }));
const goldenFolder = (name: string) => fileURLToPath(new URL(`../goldens/long-tokenizers/${name}`, import.meta.url));

/** The letters of long_tokenizers.py. */
function letters(count: number, seed: number): string {
  let state = seed;
  const out: string[] = [];
  for (let i = 0; i < count; i++) {
    state = Number((1664525n * BigInt(state) + 1013904223n) % 2n ** 32n);
    out.push('ACGT'[(state >>> 24) % 4]);
  }
  return out.join('');
}

const SEQUENCES = [
  letters(10_000, 1),
  letters(4_000, 2) + 'N'.repeat(2_000) + letters(4_000, 3),
  'N'.repeat(10_000),
  'A'.repeat(10_000),
  letters(500, 4) + 'n'.repeat(100) + letters(500, 5).toLowerCase(),
];

let made = 0;
/** A folder with this tokenizer.json and other files. */
function written(document: unknown, files: Readonly<Record<string, unknown>> = {}): string {
  made += 1;
  const to = join(folder, `${made}`);
  mkdirSync(to);
  for (const [name, value] of Object.entries({ 'tokenizer.json': document, ...files }))
    writeFileSync(join(to, name), JSON.stringify(value));
  return to;
}

type Json = Record<string, unknown>;
const documentOf = (name: string) =>
  JSON.parse(readFileSync(join(goldenFolder(name), 'tokenizer.json'), 'utf8')) as Json;

describe.each(Object.keys(golden) as (keyof typeof golden)[])('tokenizer.json: %s', (name) => {
  it('gives the ids of `tokenizers` on 10 kb, runs of N and lower case, without a tokenizer_config.json', async () => {
    const tokenizer = await folderTokenizer(goldenFolder(name), 100_000);
    for (const [i, sequence] of SEQUENCES.entries()) {
      const ids = Array.from(tokenizer.encode([sequence]).ids, Number);
      const sha256 = createHash('sha256').update(ids.join(',')).digest('hex');
      expect({ tokens: ids.length, sha256 }, `sequence ${i}`).toEqual(golden[name][i]);
    }
  });

  it('is the same with a tokenizer_config.json that has special tokens as objects', async () => {
    const to = join(folder, `config-${name}`);
    cpSync(goldenFolder(name), to, { recursive: true });
    const config = { tokenizer_class: 'PreTrainedTokenizerFast', mask_token: { content: '[MASK]', lstrip: false } };
    writeFileSync(join(to, 'tokenizer_config.json'), JSON.stringify(config));
    const [plain, other] = [await folderTokenizer(goldenFolder(name), 100), await folderTokenizer(to, 100)];
    expect(other.encode(['ACGTACGT']).ids).toEqual(plain.encode(['ACGTACGT']).ids);
    expect(other.maskId).toBe(plain.maskId);
    expect(other.maskId).toBe(4);
  });
});

describe('truncation and padding that are stored in a tokenizer.json', () => {
  it('change nothing: a sequence is read whole, and padding stands on the right', async () => {
    const stored = {
      ...documentOf('bpe'),
      truncation: { direction: 'Right', max_length: 16, strategy: 'LongestFirst', stride: 0 },
      padding: {
        strategy: { Fixed: 64 },
        direction: 'Left',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '[PAD]',
      },
    };
    const config = { padding_side: 'left', tokenizer_class: 'TokenizersBackend', model_max_length: 1e30 };
    const other = await folderTokenizer(written(stored, { 'tokenizer_config.json': config }), 1000);
    const plain = await folderTokenizer(goldenFolder('bpe'), 1000);
    const rows = ['ACGTTTACG'.repeat(20), 'ACGT'];
    expect(other.encode(rows)).toEqual(plain.encode(rows));
    expect(other.encode(rows).mask.at(-1)).toBe(0n);
  });
});

describe('pieces of words', () => {
  it('are looked up in a number of steps that grows with the length of the word, not its cube', () => {
    let steps = 0;
    const vocabulary = new Map(['A', '##A', '##AA'].map((word, id) => [word, id]));
    const split = wordPieces({ vocabulary, prefix: '##', unknown: '[UNK]', longestWord: 1e6 });
    const pieces = split(['A'.repeat(100_001)]);
    for (const piece of pieces) steps += piece.replace('##', '').length;
    expect(steps).toBe(100_001);
    expect(pieces.length).toBe(50_001);
  });

  it('are one unknown token for a word with a part that none fits, or that is too long', () => {
    const vocabulary = new Map([
      ['A', 0],
      ['##C', 1],
    ] as const);
    const split = wordPieces({ vocabulary, prefix: '##', unknown: '[UNK]', longestWord: 3 });
    expect(split(['AC', 'AG', 'ACCC', 'A'])).toEqual(['A', '##C', '[UNK]', '[UNK]', 'A']);
  });
});

const THREE_MERS = (() => {
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  for (const a of 'ACGT') for (const b of 'ACGT') for (const c of 'ACGT') words.push(a + b + c);
  return Object.fromEntries(words.map((word, id) => [word, id]));
})();
const wholeKmers = (lowercase: boolean) => ({
  ...documentOf('word-piece'),
  normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: THREE_MERS,
  },
});

describe('a tokenizer.json of whole k-mers without a splitter', () => {
  it('cuts a sequence into its k-mers, as DNABERT does', async () => {
    const tokenizer = await folderTokenizer(written(wholeKmers(false)), 100);
    const id = (word: string) => THREE_MERS[word];
    expect(Array.from(tokenizer.encode(['ACGTA']).ids, Number)).toEqual([2, id('ACG'), id('CGT'), id('GTA'), 3]);
    expect(tokenizer.coverage?.('ACGTA')).toEqual({ tokens: 3, unknown: 0 });
  });

  it('that lowers letters knows no k-mer: the share of unknown tokens is 1, which is refused with the remedy', async () => {
    const tokenizer = await folderTokenizer(written(wholeKmers(true)), 100);
    const shares = coverageShares(['ACGTACGT', 'TTTTGGGG'], tokenizer.coverage ?? (() => ({ tokens: 1, unknown: 0 })));
    expect(shares).toMatchObject({ sequences: 2, unknown: 1, example: 'ACGTACGT' });
    expect(() => requireCoverage('some model', shares, tokenizer.unknown)).toThrow(
      /some model: 100% of the tokens are \[UNK\] .* those of 'ACGTACGT'.*its normalizer turns letters into lower case/,
    );
  });
});

describe('unknown tokens', () => {
  it('of sequences of N alone do not count', () => {
    const all = () => ({ tokens: 1, unknown: 1 });
    expect(coverageShares(['NNNN', 'NNNNA'], all)).toEqual({ sequences: 0, unknown: 0 });
  });

  it('are refused above one half, and so are sequences without a place', () => {
    const half = { sequences: 2, unknown: 0.5, unplaced: 0.5 };
    expect(() => requireCoverage('x', half)).not.toThrow();
    expect(() => requireCoverage('x', { ...half, unknown: 0.51, example: 'AC' })).toThrow(
      '51% of the tokens are [UNK]',
    );
    expect(() => requireCoverage('x', { ...half, unplaced: 0.51 })).toThrow(
      "51% of 2 sequences have no place on the model's reference gene",
    );
  });

  it('are all tokens of a sequence that makes special tokens alone', async () => {
    const document = documentOf('bpe');
    const model = { ...(document.model as Json), unk_token: null };
    const tokenizer = await folderTokenizer(written({ ...document, model }), 100);
    expect(tokenizer.coverage?.('acgt')).toEqual({ tokens: 1, unknown: 1 });
  });
});

describe('words that the model has no row for', () => {
  it('are an error when a sequence makes one, and only then', async () => {
    const tokenizer = await folderTokenizer(goldenFolder('split-3-mers'), 100);
    const fewer = withinRows(tokenizer, tokenizer.vocabularySize - 1, 'config.json');
    expect(fewer.encode(['ACGACG']).ids).toEqual(tokenizer.encode(['ACGACG']).ids);
    expect(() => fewer.encode(['ACGTTT'])).toThrow(/makes the token 68, but the model has 68 rows/);
  });
});

describe('regular expressions', () => {
  it.each(['(a+)+', '(?:A|AA)*!', '([ACGT]*)*', '(A?){50}', '(A)\\1', '(?:(?:AC)+G)+', '(A|A){2,}'])(
    'that may need exponential time are not run: %s',
    (pattern) => expect(whyUnsafe(pattern)).toBeDefined(),
  );

  it.each([
    '.{6}',
    '[ACGTN]',
    '',
    '\\s+',
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ])('of published tokenizers are run: %s', (pattern) => expect(whyUnsafe(pattern)).toBeUndefined());

  it('of a file are named with the file', async () => {
    const document = {
      ...documentOf('bpe'),
      pre_tokenizer: { type: 'Split', pattern: { Regex: '(A+)+$' }, behavior: 'Isolated', invert: false },
    };
    await expect(folderTokenizer(written(document), 100)).rejects.toThrow(
      /tokenizer\.json: the regular expression '\(A\+\)\+\$' repeats a group/,
    );
  });
});

describe('a damaged file of a tokenizer', () => {
  const VALUES = [null, 0, -1, 1e300, 'x', true, [], {}, [[]], [null], { type: 1 }, { vocab: null }, [1, 'x']];
  const deep = JSON.parse(`${'['.repeat(2000)}${']'.repeat(2000)}`) as unknown;

  it('is read, or is an error that names a file: every field missing or of another type', async () => {
    const seen: string[] = [];
    for (const name of ['word-piece', 'bpe'] as const) {
      const document = documentOf(name);
      const fields = [
        ...Object.keys(document).map((key) => [key]),
        ...Object.keys(document.model as Json).map((key) => ['model', key]),
      ];
      for (const path of fields)
        for (const value of [undefined, ...VALUES, deep]) {
          const copy = structuredClone(document);
          const parent = path.length === 2 ? (copy.model as Json) : copy;
          parent[path[path.length - 1]] = value;
          const place = written(copy);
          const outcome = await folderTokenizer(place, 100).then(
            (tokenizer) => {
              try {
                tokenizer.encode(['ACGT']);
                return '';
              } catch (error) {
                return (error as Error).message;
              }
            },
            (error: Error) => error.message,
          );
          if (outcome !== '' && !outcome.includes(place) && !outcome.includes('makes no token'))
            seen.push(`${path}: ${outcome}`);
        }
    }
    expect(seen).toEqual([]);
  });

  it('is read, or is an error that names a file: tokenizer_config.json', async () => {
    const fields = [
      'tokenizer_class',
      'pad_token',
      'mask_token',
      'unk_token',
      'model_max_length',
      'added_tokens_decoder',
      'chat_template',
      'additional_special_tokens',
      'padding_side',
    ];
    for (const field of fields)
      for (const value of [...VALUES, deep]) {
        const place = written(documentOf('bpe'), { 'tokenizer_config.json': { [field]: value } });
        const message = await folderTokenizer(place, 100).then(
          () => '',
          (error: Error) => error.message,
        );
        expect(message === '' || message.includes(place), `${field}: ${message}`).toBe(true);
      }
  });
});
