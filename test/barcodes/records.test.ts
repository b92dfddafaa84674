import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { isGenusName, whyNoSpecies } from '../../src/barcodes/columns.ts';
import {
  type BarcodeReadOptions,
  type BarcodeRecord,
  createBarcodeReport,
  readBarcodes,
} from '../../src/barcodes/records.ts';

const folder = mkdtempSync(join(tmpdir(), 'barcodes-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string, options?: BarcodeReadOptions) {
  const report = createBarcodeReport();
  const records: BarcodeRecord[] = [];
  for await (const record of readBarcodes(path, options, report)) records.push(record);
  return { records, report };
}

const tsv = (...rows: readonly (readonly string[])[]) => rows.map((row) => `${row.join('\t')}\n`).join('');

describe('barcode tables', () => {
  it('a BOLD export with returns inside a field keeps the record; a record broken over lines is counted and named', async () => {
    const path = file(
      'returns.tsv',
      tsv(
        ['processid', 'nuc', 'species', 'marker_code', 'copyright_licenses'],
        ['a-20', 'ACGTACGT', 'Daphnia pulex', 'COI-5P', 'CreativeCommons\rAttribution\r(by)'],
        ['b-20', 'TTGTACGA', '"Daphnia magna', 'COI-5P', 'None'],
        ['c-20', 'TTGTACGA', 'None'],
        ['d-20', 'GGGTACGA', 'Daphnia pulex', 'COI-5P', '6" jar'],
      ),
    );
    const { records, report } = await read(path);
    expect(records.map(({ id }) => id)).toEqual(['a-20', 'b-20', 'd-20']);
    expect([report.rows, report.records]).toEqual([4, 3]);
    expect(report.unreadable).toEqual([
      { file: path, line: 4, reason: expect.stringMatching(/^3 fields, but there are 5/) },
    ]);
  });

  it('BIOSCAN-5M metadata, CSV with line breaks inside quotes, as pandas reads it', async () => {
    const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../sequences/goldens', 'bioscan.json'), 'utf8'));
    for (const ending of ['csv', 'tsv']) {
      const path = join(import.meta.dirname, '../sequences/goldens', `bioscan.${ending}`);
      const { records, report } = await read(path, { names: 'given', required: ['split', 'bin', 'species'] });
      expect([report.rows, report.records, report.removed]).toEqual([
        golden.rows,
        golden.usable,
        { 'no sequence': golden.rows - golden.usable },
      ]);
      const kept = records.filter(({ id }) => id in golden.sequences);
      expect(Object.fromEntries(kept.map(({ id, sequence }) => [id, sequence]))).toEqual(golden.sequences);
    }
  });

  it('BOLD exports of both generations give the same records', async () => {
    const older = tsv(
      ['processid', 'sampleid', 'bin_uri', 'phylum_name', 'genus_name', 'species_name', 'markercode', 'nucleotides'],
      ['A-1', 's', 'BOLD:AAA1', 'Chordata', 'Pteropus', 'Pteropus vampyrus', 'COI-5P', '--acGTnN-'],
    );
    const newer = tsv(
      ['processid', 'bin_uri', 'phylum', 'genus', 'species', 'identification_rank', 'marker_code', 'nuc', 'insdc_acs'],
      ['A-1', 'BOLD:AAA1', 'Chordata', 'Pteropus', 'Pteropus vampyrus', 'species', 'COI-5P', 'ACGTNN', ''],
    );
    const raw = newer.replace('nuc\t', 'nucraw\t');
    const expected = {
      id: 'A-1',
      sequence: 'ACGT',
      marker: 'COI-5P',
      bin: 'BOLD:AAA1',
      phylum: 'Chordata',
      genus: 'Pteropus',
      species: 'Pteropus vampyrus',
    };
    for (const [text, rank] of [[older], [newer, 'species'], [raw, 'species']]) {
      const path = file('bold.tsv.gz', gzipSync(text ?? ''));
      const identified = rank === undefined ? {} : { identificationRank: rank };
      expect((await read(path)).records).toEqual([{ ...expected, ...identified, source: { file: path, line: 2 } }]);
    }
  });

  it('several markers of a specimen: one is kept, the others are counted; ids stay unique', async () => {
    const path = file(
      'markers.tsv',
      tsv(
        ['processid', 'marker_code', 'nuc', 'species'],
        ['A', 'COI-5P', 'ACGT', 'Daphnia pulex'],
        ['A', '12S', 'ACGG', 'Daphnia pulex'],
        ['A', 'NA', 'ACGG', 'Daphnia pulex'],
        ['A', 'COI-5P', 'ACGC', 'Daphnia pulex'],
        ['B', 'COI-5P', 'NNN', 'Daphnia pulex'],
      ),
    );
    const { records, report } = await read(path);
    expect(records.map(({ id, sequence }) => [id, sequence])).toEqual([
      ['A', 'ACGT'],
      ['A#4', 'ACGC'],
    ]);
    expect([report.rows, report.records]).toEqual([5, 2]);
    expect(report.removed).toEqual({ 'another marker': 2, 'no sequence': 1 });
    expect(report.otherMarkers).toEqual({ '12S': 1, 'not stated': 1 });
    expect((await read(path, { markers: ['12S'] })).records.map(({ marker }) => marker)).toEqual(['12S']);
    expect((await read(path, { markers: 'any' })).report.records).toBe(4);
  });

  it('placeholders are no species, and are counted; as given they stay', async () => {
    const path = file(
      'names.csv',
      'processid,nuc,genus,species\n1,AC,Daphnia,Daphnia sp. 2\n2,AC,None,None\n3,AC,NA,Daphnia pulex\n4,AC,Daph1,Epomophorus cf. labiatus\n5,AC,Daphnia,Daphnia SPX3\n',
    );
    const { records, report } = await read(path);
    expect(records.map(({ genus, species }) => [genus, species])).toEqual([
      ['Daphnia', undefined],
      [undefined, undefined],
      ['Daphnia', 'Daphnia pulex'],
      [undefined, undefined],
      ['Daphnia', undefined],
    ]);
    expect(report.unnamed).toEqual({
      'open nomenclature (sp., cf., aff., nr.)': 2,
      'no species given': 1,
      'digits in the name': 1,
    });
    const given = await read(path, { names: 'given' });
    expect(given.records[0].species).toBe('Daphnia sp. 2');
    expect(given.records[3].genus).toBe('Daph1');
    expect(given.report.unnamed).toEqual({ 'no species given': 1 });
  });

  it('errors name file, line, the field and what was looked for', async () => {
    const path = file('bad.tsv', tsv(['processid', 'nucl'], ['A', 'ACGT']));
    await expect(read(path)).rejects.toThrow(
      /bad\.tsv:1: no column for the sequence; looked for "dna_barcode", "nucleotides", "nucraw", "nuc", .* The columns are "processid", "nucl"/,
    );
    const named = { sequence: 'nucl' };
    expect((await read(path, { columns: named })).records).toHaveLength(1);
    await expect(read(path, { columns: named, required: ['bin'] })).rejects.toThrow(
      /no column for the bin; looked for "dna_bin", "bin_uri"/,
    );
    await expect(read(path, { columns: { sequence: 'nucll' } })).rejects.toThrow(/did you mean "nucl"/);
  });
});

describe('barcode FASTA', () => {
  it('DeepCOI: "id |Genus species", or the genus alone', async () => {
    const path = file('Annelida.test.fasta', '>A-1 |Eisenia fetida L2\nACGT\nACNN\n>A-2 |Eisenia\nAC\n');
    const { records } = await read(path, { names: 'given', split: 'test' });
    expect(records).toEqual([
      {
        id: 'A-1',
        sequence: 'ACGTAC',
        genus: 'Eisenia',
        species: 'Eisenia fetida L2',
        split: 'test',
        source: { file: path, line: 1 },
      },
      { id: 'A-2', sequence: 'AC', genus: 'Eisenia', split: 'test', source: { file: path, line: 4 } },
    ]);
  });

  it('names from a table by id; ids the table lacks are counted', async () => {
    const path = file('DS-1.fasta', '>A|Azteca|COI-5P|KT1\nAC\n>B|Azteca|EF1-alpha\nAC\n>C|x|COI-5P\nAC\n');
    const namesFrom = file(
      'DS-1.txt',
      tsv(['processid', 'genus_name', 'species_name'], ['A', 'Azteca', 'Azteca instabilis']),
    );
    const { records, report } = await read(path, { namesFrom, header: ['id', 'other', 'marker'] });
    expect(records.map(({ id, species, marker }) => [id, species, marker])).toEqual([
      ['A', 'Azteca instabilis', 'COI-5P'],
    ]);
    expect(report.removed).toEqual({ 'another marker': 1, 'not in the table of names': 1 });
  });

  it('a header without the part that is looked for is an error', async () => {
    await expect(read(file('x.fasta', '>A Eisenia\nAC\n'))).rejects.toThrow(
      /x\.fasta:1: the header ">A Eisenia" has 1 part\(s\) between "\|"; looked for id \| name/,
    );
  });
});

describe('species names', () => {
  it.each(['Daphnia pulex', 'Anthidium (Proanthidium) manicatum', 'Sciurus vulgaris exalbidus', 'Polygonia c-album'])(
    '%s is one',
    (name) => expect(whyNoSpecies(name)).toBeUndefined(),
  );

  it.each([
    ['Daphnia sp.', 'open nomenclature'],
    ['Daphnia sp', 'open nomenclature'],
    ['Epomophorus cf. labiatus', 'open nomenclature'],
    ['Tamias aff. sibiricus', 'open nomenclature'],
    ['Pheidole MAS002', 'digits'],
    ['Daphnia pulex x pulicaria', 'hybrid'],
    ['Astraptes BYTTNER', 'no binomial'],
    ['Daphnia', 'no binomial'],
  ])('%s is none: %s', (name, reason) => expect(whyNoSpecies(name)).toContain(reason));

  it('a genus is one capitalised word without digits', () => {
    expect(['Daphnia', 'autoJanzen01', 'Daphnia gen.'].map(isGenusName)).toEqual([true, false, false]);
  });
});
