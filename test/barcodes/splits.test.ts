import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BarcodeRecord, readBarcodes } from '../../src/barcodes/records.ts';
import {
  BARCODE_PARTS,
  barcodesOfPart,
  drawSplits,
  givenSplits,
  type SplitBarcodes,
} from '../../src/barcodes/splits.ts';
import { createRandom } from '../../src/core/random.ts';

const GOLDENS = join(import.meta.dirname, '../sequences/goldens');
const source = { file: 'x', line: 1 };

/** "id sequence split Genus species BIN", "-" for none. */
function record(text: string): BarcodeRecord {
  const [id, sequence, split, genus, species, bin] = text.split(' ').map((part) => (part === '-' ? undefined : part));
  if (id === undefined || sequence === undefined) throw new Error(text);
  return { id, sequence, split, genus, species: species && `${genus} ${species}`, bin, source };
}

const ids = (splits: SplitBarcodes) =>
  Object.fromEntries(BARCODE_PARTS.map((part) => [part, splits[part].map(({ id }) => id)]));

describe('given splits', () => {
  const golden = JSON.parse(readFileSync(join(GOLDENS, 'bioscan.json'), 'utf8'));
  const bioscan = () => readBarcodes(join(GOLDENS, 'bioscan.csv'), { names: 'given' });

  it('BIOSCAN-5M: what pandas keeps of the table, by part; conflicting labels counted alike', async () => {
    const splits = await givenSplits(bioscan(), { pretrain: true });
    expect(ids(splits)).toEqual(golden.ids);
    expect(splits.counts).toMatchObject({
      records: golden.usable,
      duplicates: golden.duplicates,
      conflicts: golden.conflicts,
    });
  });

  it('rows to pre-train on are counted where they are not wanted, and still take part in the de-duplication', async () => {
    const splits = await givenSplits(bioscan());
    expect(splits.pretrain).toEqual([]);
    expect(splits.train.map(({ id }) => id)).toEqual(golden.ids.train);
    const all = Object.values(golden.ids as Record<string, string[]>).flat().length;
    const { unused } = splits.counts;
    expect(unused['split pretrain'] + unused['split other_heldout']).toBe(golden.ids.pretrain.length);
    expect(Object.keys(golden.sequences)).toHaveLength(all + unused['split key_unseen'] + unused['split val_unseen']);
  });

  it('one part alone can be streamed', async () => {
    const found: string[] = [];
    for await (const { id } of barcodesOfPart(bioscan(), 'pretrain')) found.push(id);
    expect(found).toEqual(golden.ids.pretrain);
  });

  it('an unknown or missing split is an error at its line', async () => {
    await expect(givenSplits([record('a AC tset A a -')])).rejects.toThrow(
      /x:1: split "tset" is none of pretrain, .*did you mean "test"/,
    );
    await expect(givenSplits([record('a AC - A a -')])).rejects.toThrow(/x:1: the split is missing; looked for one of/);
  });
});

describe('drawn splits', () => {
  const random = createRandom('barcodes');
  const barcode = () => Array.from({ length: 20 }, () => 'ACGT'[random.integer(4)]).join('');
  const species = (genus: string, name: string, count: number) =>
    Array.from({ length: count }, (_, i) => record(`${genus}-${name}-${i} ${barcode()} - ${genus} ${name} B${name}`));
  const library = [
    ...['albus', 'bilis', 'cinereus', 'dubius'].flatMap((name) => species('Aus', name, 20)),
    ...species('Aus', 'rarus', 2),
    ...species('Bus', 'minor', 2),
    ...species('Bus', 'maior', 4),
    ...species('Cus', 'solus', 3),
    ...species('Dus', 'unicus', 5),
    record(`text ${barcode()} - - - B1`),
    record(`genus ${barcode()} - Aus - B1`),
  ];
  const splits = drawSplits(library, { seed: 1 });
  const names = (part: (typeof BARCODE_PARTS)[number]) => [...new Set(splits[part].map((row) => row.species))].sort();

  it('every record is in one part; species are seen or unseen, never both', () => {
    const all = BARCODE_PARTS.flatMap((part) => splits[part].map(({ id }) => id));
    expect([...all].sort()).toEqual(library.map(({ id }) => id).sort());
    expect(names('testUnseen').filter((name) => names('train').includes(name))).toEqual([]);
    expect(names('testSeen')).toEqual(names('valid'));
    expect(splits.pretrain.map(({ id }) => id).sort()).toEqual(['genus', 'text']);
  });

  it('a quarter of the common species of a genus and all rare ones are unseen; each genus of several keeps one', () => {
    expect(names('testSeen').filter((name) => name?.startsWith('Aus'))).toHaveLength(3);
    expect(names('testUnseen').filter((name) => name?.startsWith('Aus'))).toHaveLength(2);
    expect(names('train')).toContain('Bus maior'); // the most of a genus of rare species, whole for training
    expect(names('testSeen')).not.toContain('Bus maior');
    expect(names('testUnseen')).toEqual(expect.arrayContaining(['Aus rarus', 'Bus minor', 'Cus solus']));
  });

  it('a seen species gives a tenth to valid, a fifth to test, one at least', () => {
    const sizes = (name: string) =>
      (['train', 'valid', 'testSeen'] as const).map(
        (part) => splits[part].filter((row) => row.species === name).length,
      );
    expect(sizes(names('testSeen')[0] ?? '')).toEqual([14, 2, 4]);
    expect(sizes('Dus unicus')).toEqual([3, 1, 1]);
    const even = drawSplits(library, { seed: 1, valid: 0.49, test: 0.5 });
    expect(new Set(even.testSeen.map((row) => row.species))).toEqual(
      new Set(even.train.map((row) => row.species).filter((name) => name !== 'Bus maior')),
    );
  });

  it('the same for any order of the rows, and for a genus whatever other genera there are; another seed differs', () => {
    const byId = (found: SplitBarcodes) => BARCODE_PARTS.map((part) => found[part].map(({ id }) => id).sort());
    const shuffled = createRandom(3).shuffle([...library]);
    expect(byId(drawSplits(shuffled, { seed: 1 }))).toEqual(byId(splits));
    const aus = library.filter(({ genus }) => genus === 'Aus');
    const ofAus = byId(splits).map((list) => list.filter((id) => id.startsWith('Aus')));
    expect(byId(drawSplits(aus, { seed: 1 })).map((list) => list.filter((id) => id !== 'genus'))).toEqual(ofAus);
    expect(byId(drawSplits(library, { seed: 2 }))).not.toEqual(byId(splits));
  });

  it('of identical barcodes the best named is kept', () => {
    const same = ['a AC - - - -', 'b AC - Aus - B1', 'c AC - Aus albus -', 'd AC - Aus novus -', 'e AC - Aus albus B1'];
    const { counts, testUnseen } = drawSplits(same.map(record), { seed: 1 });
    expect(testUnseen.map(({ id }) => id)).toEqual(['e']);
    expect(counts).toMatchObject({ records: 5, duplicates: 4, conflicts: 1 });
  });

  it('refuses shares that leave nothing', () => {
    expect(() => drawSplits(library, { seed: 1, valid: 0.5, test: 0.5 })).toThrow(
      /barcode splits: valid 0.5, test 0.5/,
    );
  });
});
