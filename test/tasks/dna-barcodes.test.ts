import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BARCODE_COLLECTIONS } from '../../tasks/dna-barcodes.ts';
import { barcodeTasks } from '../../tasks/sources/barcode-tasks.ts';
import { archiveFiles } from '../../tasks/sources/tar.ts';

const tasks = BARCODE_COLLECTIONS.flatMap(barcodeTasks);

let dataFolder: string;
beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'barcode-tasks-'));
});
afterEach(() => rmSync(dataFolder, { recursive: true }));

function put(path: string, text: string | Buffer): void {
  mkdirSync(dirname(join(dataFolder, path)), { recursive: true });
  writeFileSync(join(dataFolder, path), text);
}

async function load(id: string) {
  const task = tasks.find((item) => item.id === id);
  if (!task) throw new Error(`no task ${id}`);
  return task.load({ dataFolder, allowDownload: false, cacheFolder: join(dataFolder, 'cache') });
}

/** "id split label (group)" of the rows of a split, or of all. */
async function brief(id: string, only?: string) {
  return (await load(id))
    .filter(({ split }) => only === undefined || split === only)
    .map(({ id: row, split, label, group }) => `${row} ${split} ${label} (${group})`);
}

const tsv = (...rows: readonly (readonly string[])[]) => rows.map((row) => `${row.join('\t')}\n`).join('');
/** As many different barcodes as asked for. */
const barcodes = (from: number, count: number) =>
  Array.from(
    { length: count },
    (_, i) =>
      `ACGT${(from + i)
        .toString(4)
        .padStart(6, '0')
        .replace(/\d/g, (d) => 'ACGT'[Number(d)])}`,
  );

describe('barcode tasks', () => {
  it('each collection has a closed world, an open world and a clustering; Daphnia is one genus', () => {
    const endings = new Map<string, string[]>();
    for (const { id } of tasks) {
      const [, collection, ending] = /^(.*)\.([^.]+)$/.exec(id) ?? [];
      endings.set(collection, [...(endings.get(collection) ?? []), ending].sort());
    }
    expect(endings.get('deepcoi.Annelida')).toEqual(['clusters', 'genus', 'genus-any', 'species']);
    expect(endings.get('bold.Daphnia')).toEqual(['bins', 'species']);
    expect(endings.get('bioscan-5m')).toEqual(['bins', 'genus', 'species']);
    expect(endings.get('dimacs.ACG')).toEqual(['clusters', 'genus', 'species']);
    expect([...endings.keys()].filter((name) => name.startsWith('deepcoi.'))).toHaveLength(8);
    for (const { kind, metric, title } of tasks) {
      if (kind === 'clustering')
        expect([metric, title]).toEqual(['ami', expect.stringMatching(/clustering into (BINs|species|genera)$/)]);
    }
  });

  it('DeepCOI: a barcode counts once; unseen species are those given as genus alone', async () => {
    put(
      'deepcoi/Annelida.train.fasta',
      '>a |Eisenia fetida\nAAAC\n>b |Eisenia andrei\nAAAGN\n>c |Nereis virens\nCCCC\n>c2 |Nereis virens\nCCCC\n',
    );
    put('deepcoi/Annelida.valid.fasta', '>d |Nereis virens\nCCCG\n>d2 |Eisenia andrei\nAAAG\n');
    put(
      'deepcoi/Annelida.test.fasta',
      '>e |Eisenia fetida\nAAAT\n>f |Eisenia\nAATT\n>f2 |Eisenia\nAATT\n>g |Nereis\nCCCG\n>h |Terebella\nGGGG\n>i |Nereis virens\nCCCC\n',
    );
    expect(await brief('deepcoi.Annelida.species')).toEqual([
      'a train Eisenia fetida (Eisenia fetida)',
      'b train Eisenia andrei (Eisenia andrei)',
      'c train Nereis virens (Nereis virens)',
      'd valid Nereis virens (Nereis virens)',
      'e test Eisenia fetida (Eisenia fetida)',
    ]);
    expect(await brief('deepcoi.Annelida.genus', 'test')).toEqual(['f test Eisenia (undefined)']);
    expect(await brief('deepcoi.Annelida.genus-any', 'test')).toEqual([
      'e test Eisenia (Eisenia fetida)',
      'f test Eisenia (undefined)',
    ]);
    expect(await brief('deepcoi.Annelida.clusters', 'test')).toEqual([
      'e test Eisenia (Eisenia fetida)',
      'f test Eisenia (undefined)',
      'h test Terebella (undefined)',
    ]);
  });

  it('BIOSCAN-5M: the metadata file; species held out by their placeholder names', async () => {
    mkdirSync(join(dataFolder, 'bioscan5m/metadata/csv'), { recursive: true });
    const golden = join(import.meta.dirname, '../sequences/goldens/bioscan.csv');
    copyFileSync(golden, join(dataFolder, 'bioscan5m/metadata/csv/BIOSCAN_5M_Insect_Dataset_metadata.csv'));
    const rows = await load('bioscan-5m.genus');
    expect(rows.filter(({ split }) => split === 'test').every(({ group }) => /sp\. [XY]/.test(group ?? ''))).toBe(true);
    expect(rows.some(({ split }) => split === 'test')).toBe(true);
    expect((await load('bioscan-5m.bins')).filter(({ split }) => split === 'test')[0].label).toMatch(/^BOLD:/);
  });

  it('Canadian Invertebrates: the metadata file, "validation" or "val"', async () => {
    const rows = [
      'processid,sampleid,dna_bin,phylum,class,order,family,genus,species,dna_barcode,sequence_len,split',
      'a,s,BOLD:1,Arthropoda,Insecta,Diptera,F,Aus,Aus albus,AAAA,4,train',
      'b,s,BOLD:2,Arthropoda,Insecta,Diptera,F,Bus,Bus ruber,AAAC,4,train',
      'c,s,BOLD:2,Arthropoda,Insecta,Diptera,F,Bus,Bus ruber,AAAG,4,validation',
      'd,s,BOLD:1,Arthropoda,Insecta,Diptera,F,Aus,Aus albus,AAAT,4,test',
      'e,s,BOLD:3,Arthropoda,Insecta,Diptera,F,Aus,Aus novus,AACA,4,test_unseen',
      'f,s,BOLD:3,Arthropoda,Insecta,Diptera,F,Aus,Aus novus,AAAAN,5,test_unseen',
      'g,s,,Arthropoda,Insecta,Diptera,,,,AACC,4,pretrain',
    ];
    put('canadian_invertebrates/CanInv_metadata.csv', `${rows.join('\n')}\n`);
    expect(await brief('canadian-invertebrates.genus')).toEqual([
      'a train Aus (Aus albus)',
      'b train Bus (Bus ruber)',
      'c valid Bus (Bus ruber)',
      'e test Aus (Aus novus)',
    ]);
    expect(await brief('canadian-invertebrates.bins', 'test')).toEqual([
      'd test BOLD:1 (Aus albus)',
      'e test BOLD:3 (Aus novus)',
    ]);
    put('canadian_invertebrates/CanInv_metadata.csv', `${rows.join('\n').replace('dna_bin', 'dna_bim')}\n`);
    await expect(load('canadian-invertebrates.bins')).rejects.toThrow(
      /CanInv_metadata\.csv:1: no column for the bin; looked for "dna_bin"/,
    );
  });

  it('BOLD exports: one by its name, or all of a folder, of both generations', async () => {
    const older = tsv(
      ['processid', 'bin_uri', 'genus_name', 'species_name', 'markercode', 'nucleotides'],
      ...barcodes(0, 10).map((code, i) => [`O${i}`, 'BOLD:1', 'Aus', 'Aus albus', 'COI-5P', code]),
      ...barcodes(20, 3).map((code, i) => [`R${i}`, 'BOLD:2', 'Aus', 'Aus rarus', 'COI-5P', code]),
      ['X', 'BOLD:9', 'Aus', 'Aus albus', '16S', 'ACGTT'],
    );
    const newer = tsv(
      ['processid', 'bin_uri', 'genus', 'species', 'marker_code', 'nuc'],
      ...barcodes(40, 10).map((code, i) => [`N${i}`, 'BOLD:3', 'Bus', 'Bus ruber', 'COI-5P', code]),
    );
    put('bold/Chaetognatha_BOLD.filtered.tsv.gz', gzipSync(older));
    put('bold/Sciuridae.tsv', newer);
    const one = await load('bold.Chaetognatha.bins');
    expect(one).toHaveLength(13);
    expect(new Set(one.filter(({ split }) => split === 'test').map(({ label }) => label))).toEqual(
      new Set(['BOLD:1', 'BOLD:2']),
    );
    const all = await load('bold.all.genus');
    expect(new Set(all.map(({ label }) => label))).toEqual(new Set(['Aus', 'Bus']));
    expect(all.filter(({ split }) => split === 'test').map(({ group }) => group)).toEqual(Array(3).fill('Aus rarus'));
    expect((await load('bold.all.species')).filter(({ split }) => split === 'test')).toHaveLength(4);
  });

  it('PBBC: from the archive, or from a folder it was unpacked to', async () => {
    const fasta = barcodes(0, 5).map((code, i) => `>A${i}|Azteca instabilis|COI-5P\n${code}\n`);
    const rare = barcodes(20, 2).map((code, i) => `>R${i}|Azteca|COI-5P\n${code}\n`);
    put('made/realworld/DS-PBBC1.fasta', [...fasta, ...rare, '>T|Formicidae|COI-5P\nACGTTT\n'].join(''));
    const names = (id: string, species: string) => [id, 'Formicidae', species.split(' ')[0], species];
    put(
      'made/realworld/labels/DS-PBBC1.txt',
      tsv(
        ['processid', 'family_name', 'genus_name', 'species_name'],
        ...fasta.map((_, i) => names(`A${i}`, 'Azteca instabilis')),
        ...rare.map((_, i) => names(`R${i}`, 'Azteca rara')),
        names('T', ''),
      ),
    );
    mkdirSync(join(dataFolder, 'pbbc'));
    const archive = join(dataFolder, 'pbbc/realworld.tgz');
    expect(spawnSync('tar', ['czf', archive, '-C', join(dataFolder, 'made'), 'realworld']).status).toBe(0);
    const packed = await load('pbbc.clusters');
    expect(packed.filter(({ split }) => split === 'test').map(({ label }) => label)).toEqual([
      'Azteca instabilis',
      'Azteca rara',
      'Azteca rara',
    ]);
    expect(packed[0]).toMatchObject({ id: 'T', label: '', split: 'train', source: { file: archive } });
    rmSync(join(dataFolder, 'pbbc'), { recursive: true });
    await expect(load('pbbc.clusters')).rejects.toThrow(
      /not found under .*looked for realworld\.tgz, or DS-PBBC1\.fasta/,
    );
    const unpacked = (folder: string) => spawnSync('cp', ['-r', join(dataFolder, folder), join(dataFolder, 'pbbc')]);
    unpacked('made/realworld');
    expect((await load('pbbc.clusters')).map(({ id }) => id)).toEqual(packed.map(({ id }) => id));
  });

  it('DIMACS: aligned, names as given; species that are held out are never in train', async () => {
    const header = '"Process ID","Sample ID","Sub-Species","Species","Sub-name","Code"';
    const row = (name: string) => (code: string) => `">P${code}","S","${name}","${name.split(' ')[0]}","x","--${code}"`;
    const lines = [
      ...barcodes(0, 6).map(row('Aus PRIMUS')),
      ...barcodes(20, 6).map(row('Aus secundus')),
      ...barcodes(40, 6).map(row('Bus unicus')),
    ];
    put('dimacs/BatGuyana.csv', `${[header, ...lines].join('\n')}\n`);
    const rows = await load('dimacs.BatGuyana.genus');
    const asked = new Set(rows.filter(({ split }) => split === 'test').map(({ group }) => group));
    expect(asked.size).toBe(1);
    expect(rows.some(({ split, group }) => split === 'train' && asked.has(group))).toBe(false);
    expect(rows.map(({ id, sequence }) => id === `P${sequence}`)).not.toContain(false);
  });

  it('count what they leave out of the files at hand, and join their clustering with their open world', async () => {
    put(
      'bold/Daphnia.tsv',
      tsv(
        ['processid', 'bin_uri', 'genus', 'species', 'marker_code', 'nuc'],
        ...barcodes(0, 10).map((code, i) => [`D${i}`, 'BOLD:1', 'Daphnia', 'Daphnia pulex', 'COI-5P', code]),
        ['again', 'BOLD:1', 'Daphnia', 'Daphnia pulex', 'COI-5P', barcodes(0, 1)[0]],
        ['other', 'BOLD:1', 'Daphnia', 'Daphnia pulex', '16S', 'ACGTT'],
      ),
    );
    const notes: string[] = [];
    const task = tasks.find(({ id }) => id === 'bold.Daphnia.species')!;
    await task.load({ dataFolder, allowDownload: false, cacheFolder: '', note: (line) => notes.push(line) });
    expect(notes.slice(0, 1)).toEqual(['12 rows read, 11 with a usable barcode; 1 another marker.']);
    expect(notes).toContain('1 records with a barcode met before left out, 0 of them with other names or another BIN.');

    const joined = new Map(tasks.map(({ id, harmonicWith }) => [id, harmonicWith]));
    expect(joined.get('bold.Sciuridae.bins')).toBe('bold.Sciuridae.genus');
    expect(joined.get('deepcoi.Annelida.clusters')).toBe('deepcoi.Annelida.genus');
    expect(joined.get('bold.Daphnia.bins')).toBeUndefined();
    for (const other of joined.values()) expect(other === undefined || joined.has(other)).toBe(true);
  });

  it('a collection without a question to ask says what was left out', async () => {
    put(
      'bold/Sciuridae.tsv',
      tsv(
        ['processid', 'bin_uri', 'species', 'marker_code', 'nuc'],
        ['a', 'NA', 'NA', '16S', 'ACGT'],
        ['b', 'NA', 'NA', 'COI-5P', 'ACGT'],
      ),
    );
    const error: Error & { hint?: string } = await load('bold.Sciuridae.species').then(Object, (thrown) => thrown);
    expect(error.message).toBe('bold.Sciuridae.species: there are no rows for training or for test');
    expect(error.hint).toContain('2 rows read, 1 with a usable barcode; 1 another marker.');
  });
});

describe('tar archives', () => {
  it('refuse what is damaged or leads out of the folder', () => {
    const header = (name: string) => {
      const block = Buffer.alloc(512);
      block.write(name, 0);
      block.write('00000000003', 124);
      block.write('0', 156);
      block.write('ustar', 257);
      return block;
    };
    const file = (name: string) =>
      Buffer.concat([header(name), Buffer.from('abc'), Buffer.alloc(509), Buffer.alloc(1024)]);
    expect(archiveFiles(gzipSync(file('a/b.txt')), 'x.tgz').map(({ name, bytes }) => [name, String(bytes)])).toEqual([
      ['a/b.txt', 'abc'],
    ]);
    expect(() => archiveFiles(file('../b.txt'), 'x.tar')).toThrow(/x\.tar contains "\.\.\/b\.txt", which leads out/);
    expect(() => archiveFiles(header('b'), 'x.tar')).toThrow(/x\.tar is not a complete tar archive \(byte 0\)/);
    expect(() => archiveFiles(gzipSync(file('a')).subarray(0, 30), 'x.tgz')).toThrow(/the gzip stream is damaged/);
  });
});
