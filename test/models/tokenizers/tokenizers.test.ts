/** The tokenizers of the hub's models against their reference implementations (goldens/model_tokenizers.py). */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderTokenizer } from '../../../src/models/tokenizers/tokenizers.ts';
import golden from '../goldens/tokenizers.golden.json' with { type: 'json' };

const folderOf = (name: string) => fileURLToPath(new URL(`../goldens/tokenizers/${name}`, import.meta.url));
const NAMES = Object.keys(golden.ids) as (keyof typeof golden.ids)[];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizers-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A copy of a golden folder with one file changed, or taken away where there is no text. */
async function changed(name: string, file: string, text?: string): Promise<string> {
  const to = join(folder, `${name}-${Math.abs(text?.length ?? -1)}`);
  await cp(folderOf(name), to, { recursive: true });
  if (text === undefined) await rm(join(to, file));
  else await writeFile(join(to, file), text);
  return to;
}

describe.each(NAMES)('the tokenizer of %s', (name) => {
  it('gives the ids of the reference, with N, lower case, other letters and letters left over', async () => {
    const tokenizer = await folderTokenizer(folderOf(name), 100);
    for (const [i, sequence] of golden.sequences.entries()) {
      const { ids, mask } = tokenizer.encode([sequence]);
      expect(Array.from(ids, Number), sequence).toEqual(golden.ids[name][i]);
      expect(mask.every((one) => one === 1n)).toBe(true);
      expect(tokenizer.tokens(sequence)).toBe(golden.ids[name][i].length);
    }
    const largest = Math.max(...golden.ids[name].flat());
    expect(largest).toBeLessThan(tokenizer.vocabularySize);
  });

  it('pads on the right, with attention 0', async () => {
    const tokenizer = await folderTokenizer(folderOf(name), 100);
    const [long, short] = [0, golden.sequences.indexOf('ACG')];
    const { ids, mask, tokens } = tokenizer.encode([golden.sequences[short], golden.sequences[long]]);
    const [few, many] = [golden.ids[name][short], golden.ids[name][long]];
    expect(tokens).toBe(many.length);
    expect(Array.from(ids.subarray(0, few.length), Number)).toEqual(few);
    expect(Array.from(ids.subarray(tokens), Number)).toEqual(many);
    expect(Array.from(mask, Number)).toEqual(
      [few.length, many.length].flatMap((count) => Array.from({ length: tokens }, (_, t) => (t < count ? 1 : 0))),
    );
  });

  it('refuses what is empty, and what has more tokens than there are positions', async () => {
    const tokenizer = await folderTokenizer(folderOf(name), 9);
    for (const sequence of ['', 'A'.repeat(41)])
      for (const read of [() => tokenizer.tokens(sequence), () => tokenizer.encode(['ACGT', sequence])])
        expect(read).toThrow(sequence === '' ? 'an empty sequence' : "'AAAAAAAAAAAA...' (41 nucleotides) makes");
  });
});

describe('limits and vocabularies', () => {
  it.each([
    ['esm', 2],
    ['dnabert', 4],
    ['CaduceusTokenizer', 3],
    ['HyenaDNATokenizer', 3],
    ['letters', 1],
  ])('the mask token of %s is %i', async (name, id) => {
    expect((await folderTokenizer(folderOf(name), 100)).maskId).toBe(id);
  });

  it('model_max_length counts where the model has more positions', async () => {
    const esm = await folderTokenizer(folderOf('esm'), 1000);
    expect(esm.tokens('ACG'.repeat(19))).toBe(20);
    expect(() => esm.tokens('ACG'.repeat(20))).toThrow('makes 21 tokens; this model reads at most 20');
    const bases = await folderTokenizer(folderOf('HyenaDNATokenizer'), Number.POSITIVE_INFINITY);
    expect(bases.maxNucleotides).toBe(39);
    expect(() => bases.tokens('A'.repeat(40))).toThrow('makes 41 tokens; this model reads at most 40');
  });

  it('special words that no sequence makes need no row in the model', async () => {
    // The first Nucleotide Transformer: 4,107 words, 4,105 rows.
    const { vocabularySize } = await folderTokenizer(folderOf('esm'), 100);
    const words = (await readFile(join(folderOf('esm'), 'vocab.txt'), 'utf8')).split('\n').length;
    expect(vocabularySize).toBe(words - 2);
  });

  it('an <eos> that the settings name ends every sequence', async () => {
    const settings = JSON.stringify({ tokenizer_class: 'EsmTokenizer', eos_token: '<eos>' });
    const esm = await folderTokenizer(await changed('esm', 'tokenizer_config.json', settings), 100);
    expect(Array.from(esm.encode(['ACG']).ids, Number)).toEqual([
      ...golden.ids.esm[golden.sequences.indexOf('ACG')],
      73,
    ]);
  });

  it('letters follow the last special token where the folder lists other ids', async () => {
    const added = { 2: { content: '[SEP]' }, 7: { content: '[PAD]' }, 9: { content: '[UNK]' } };
    const settings = JSON.stringify({ tokenizer_class: 'CaduceusTokenizer', added_tokens_decoder: added });
    const bases = await folderTokenizer(await changed('CaduceusTokenizer', 'tokenizer_config.json', settings), 100);
    expect(Array.from(bases.encode(['aCGTNx']).ids, Number)).toEqual([10, 11, 12, 13, 14, 9, 2]);
  });

  it('k-mers shorter than k are refused', async () => {
    const dnabert = await folderTokenizer(folderOf('dnabert'), 100);
    expect(() => dnabert.tokens('AC')).toThrow("'AC' has 2 nucleotides, less than one 3-mer");
    expect(dnabert.maxNucleotides).toBe(40);
  });

  it('a vocabulary without a token that is needed is refused by name', async () => {
    const lacking = await changed('dnabert', 'vocab.txt', 'A\nC\nG\nT\n[CLS]\n[PAD]\n[UNK]\n');
    await expect(folderTokenizer(lacking, 100)).rejects.toThrow(/vocab\.txt lacks the token '\[SEP\]'/);
  });

  it('a folder without any of the files is refused', async () => {
    await expect(folderTokenizer(await changed('letters', 'tokenizer.json'), 100)).rejects.toThrow(
      'holds neither kmer_tokenizer.json nor tokenizer.json, nor a vocab.txt or tokenizer_config.json of a known kind',
    );
  });
});
