import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askBarcodes, describeBarcodes } from '../../src/barcodes/questions.ts';
import { type BarcodeRecord, createBarcodeReport, readBarcodes } from '../../src/barcodes/records.ts';
import { givenSplits } from '../../src/barcodes/splits.ts';

const GOLDENS = join(import.meta.dirname, '../sequences/goldens');
const source = { file: 'x', line: 1 };

/** "id sequence split Genus species BIN", "-" for none. */
function record(text: string): BarcodeRecord {
  const [id, sequence, split, genus, species, bin] = text.split(' ').map((part) => (part === '-' ? undefined : part));
  if (id === undefined || sequence === undefined) throw new Error(text);
  return { id, sequence, split, genus, species: species && `${genus} ${species}`, bin, source };
}

describe('questions', () => {
  const asked = async () =>
    givenSplits(
      [
        'a AAAA train Aus albus B1',
        'b AAAC train Bus ruber B2',
        'c AACA val Aus albus -',
        'd AACC val Cus niger B3',
        'e ACAA test Aus albus B1',
        'f ACAC test Cus niger B3',
        'g ACCA test_unseen Aus novus B4',
        'h ACCC test_unseen Dus novus -',
        'i CAAA test_unseen Bus ruber B2',
        'j CAAC test_unseen Bus - B5',
        'k CACA test_unseen - - B6',
        'l AAAA test Aus albus B1',
      ].map(record),
    );
  const brief = async (...arguments_: Parameters<typeof askBarcodes> extends [unknown, ...infer R] ? R : never) => {
    const { rows, removed } = askBarcodes(await asked(), ...arguments_);
    return { rows: rows.map(({ id, split, label, group }) => `${id} ${split} ${label} (${group})`), removed };
  };

  it('species: closed world; a species that train lacks is left out and counted', async () => {
    expect(await brief('species')).toEqual({
      rows: [
        'a train Aus albus (Aus albus)',
        'b train Bus ruber (Bus ruber)',
        'c valid Aus albus (Aus albus)',
        'e test Aus albus (Aus albus)',
      ],
      removed: { 'valid: species not in train': 1, 'test of seen species: species not in train': 1 },
    });
  });

  it('genus: unseen species whose genus train has; the rest is counted', async () => {
    const { rows, removed } = await brief('genus');
    expect(rows.filter((row) => row.includes('test'))).toEqual(['g test Aus (Aus novus)', 'j test Bus (undefined)']);
    expect(removed).toEqual({
      'valid: genus not in train': 1,
      'test of unseen species: genus not in train': 1,
      'test of unseen species: species in train after all': 1,
      'test of unseen species: no genus': 1,
    });
  });

  it('genusAny: seen and unseen species', async () => {
    const { rows } = await brief('genusAny');
    expect(rows.filter((row) => row.includes('test')).map((row) => row[0])).toEqual(['e', 'g', 'j']);
  });

  it('clusters: all test rows that have the label; train and valid are text', async () => {
    const { rows, removed } = await brief('clusters');
    expect(rows).toEqual([
      'a train Aus albus (Aus albus)',
      'b train Bus ruber (Bus ruber)',
      'c valid Aus albus (Aus albus)',
      'd valid B3 (Cus niger)',
      'e test B1 (Aus albus)',
      'f test B3 (Cus niger)',
      'g test B4 (Aus novus)',
      'i test B2 (Bus ruber)',
      'j test B5 (undefined)',
      'k test B6 (undefined)',
    ]);
    expect(removed).toEqual({ 'test of unseen species: no BIN': 1 });
    expect((await brief('clusters', 'species')).rows.at(-1)).toBe('i test Bus ruber (Bus ruber)');
  });

  it('the counts are told in sentences', async () => {
    const splits = await asked();
    const report = { ...createBarcodeReport(), rows: 14, records: 12, removed: { 'no sequence': 2 } };
    expect(describeBarcodes(report, splits.counts, askBarcodes(splits, 'clusters'))).toEqual([
      '14 rows read, 12 with a usable barcode; 2 no sequence.',
      '1 records with a barcode met before left out, 0 of them with other names or another BIN.',
      'Left out of this question: 1 test of unseen species: no BIN.',
    ]);
  });

  it('the open world and clustering ask what pandas selects', async () => {
    const golden = JSON.parse(readFileSync(join(GOLDENS, 'bioscan.json'), 'utf8'));
    const splits = await givenSplits(readBarcodes(join(GOLDENS, 'bioscan.csv'), { names: 'given' }));
    const test = (question: 'genus' | 'clusters') =>
      askBarcodes(splits, question).rows.filter(({ split }) => split === 'test');
    expect(test('genus').map(({ id }) => id)).toEqual(golden.unseenOfKnownGenus);
    expect(Object.fromEntries(test('clusters').map(({ id, label }) => [id, label]))).toEqual(golden.clustered);
  });
});
