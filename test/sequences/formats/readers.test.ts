import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { MOST_CHARACTERS } from '../../../src/sequences/formats/gzip-stream.ts';
import {
  type ReadOptions,
  readDataPath,
  readLabelled,
  readSequences,
  SequenceError,
} from '../../../src/sequences/formats/readers.ts';
import { createReadReport } from '../../../src/sequences/row-faults.ts';

const folder = mkdtempSync(join(tmpdir(), 'readers-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function labelled(path: string, options?: ReadOptions) {
  const rows = [];
  for await (const row of readLabelled(path, options)) rows.push(row);
  return rows;
}

async function brief(path: string, options?: ReadOptions) {
  return (await labelled(path, options)).map(({ id, sequence, label }) => [id, sequence, label]);
}

async function failure(action: Promise<unknown>): Promise<SequenceError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SequenceError);
  return error as SequenceError;
}

/** A byte of pages.zstd.parquet with which fzstd 0.1.1 runs for ever. */
const LOOP = { at: 251, value: 3 };
const CSV = 'sequence,label\nACGT,1\nGGTA,0\n';
const ROWS = [
  ['t.csv:1', 'ACGT', '1'],
  ['t.csv:2', 'GGTA', '0'],
];
const parquet = (codec: string) => join(import.meta.dirname, '../goldens', `table.${codec}.parquet`);

describe('table formats', () => {
  it('reads CSV, its ids made of file and row, its source a line', async () => {
    const path = file('t.csv', CSV);
    expect(await brief(path)).toEqual(ROWS);
    expect((await labelled(path))[1].source).toEqual({ file: path, line: 3 });
  });

  it.each([
    ['byte-order mark and CRLF', `\ufeff${CSV.replaceAll('\n', '\r\n')}`],
    ['old Macintosh line ends', CSV.replaceAll('\n', '\r')],
    ['no last line end', CSV.trimEnd()],
    ['blank lines', `\n${CSV.replaceAll('\n', '\n\n')}`],
    ['quotes and white space', '"sequence" , "label"\n"ACGT", "1"\n GGTA ,0\n'],
    ['semicolons', CSV.replaceAll(',', ';')],
    ['gzip', gzipSync(CSV)],
    ['two gzip members', Buffer.concat([gzipSync(CSV.slice(0, 20)), gzipSync(CSV.slice(20))])],
  ])('reads CSV with %s alike', async (_, content) => {
    expect(await brief(file('t.csv', content))).toEqual(ROWS);
  });

  it('gives the same ids whether gzip or not, and finds TSV in .txt', async () => {
    expect(await brief(file('t.csv.gz', gzipSync(CSV)))).toEqual(ROWS);
    expect((await brief(file('sniffed.txt', CSV.replaceAll(',', '\t')))).map(([, ...rest]) => rest)).toEqual(
      ROWS.map(([, ...rest]) => rest),
    );
  });

  it('reads files without a header when columns are named', async () => {
    const path = file('headless.txt.gz', gzipSync('ACGTACGTACGTACGT\t1.5\nGGTAGGTAGGTAGG\t-2e1\n'));
    const rows = await labelled(path, { columns: ['sequence', 'expression'], numericLabels: true });
    expect(rows.map((row) => row.label)).toEqual([1.5, -20]);
  });

  it('reads columns by name, without case where that is plain: id, group, split, several labels', async () => {
    const path = file('named.tsv', 'Name\tDNA\tchr\tpart\tdev\thk\nx\tAC\tchr1\tdev\t1\t0\ny\tGT\tchr2\tTest\t0\t1\n');
    const named = { id: 'name', sequence: 'DNA', group: 'chr', split: 'part' };
    const rows = await labelled(path, { ...named, label: 'dev,hk', numericLabels: true });
    expect(rows.map(({ source, ...row }) => row)).toEqual([
      { id: 'x', sequence: 'AC', label: [1, 0], group: 'chr1', split: 'valid' },
      { id: 'y', sequence: 'GT', label: [0, 1], group: 'chr2', split: 'test' },
    ]);
    expect((await brief(path, { ...named, label: 'dev,hk' })).map((row) => row[2])).toEqual([['dev'], ['hk']]);
  });

  it('splits multilabel values; an empty value is no label at all', async () => {
    const path = file('multi.csv', 'seq,labels\nAC,a;b\nGT,\n');
    expect((await brief(path, { labelSeparator: ';' })).map((row) => row[2])).toEqual([['a', 'b'], []]);
  });

  it('reads JSONL: numbers as classes or values, lists as several labels', async () => {
    const path = file('t.jsonl', '{"sequence":"AC","label":1}\n\n{"label":0,"sequence":"GT"}\n');
    expect((await brief(path)).map((row) => row[2])).toEqual(['1', '0']);
    expect((await brief(path, { numericLabels: true })).map((row) => row[2])).toEqual([1, 0]);
    const lists = file('lists.ndjson', '{"seq":"AC","labels":["a","b"]}\n{"seq":"GT","labels":[]}');
    expect((await brief(lists)).map((row) => row[2])).toEqual([['a', 'b'], []]);
  });

  it.each(['snappy', 'zstd'])(
    'reads Parquet written by pyarrow (%s), over row groups, also inside gzip',
    async (codec) => {
      const options = { id: 'name' };
      const rows = await brief(parquet(codec), options);
      expect(rows).toEqual([
        ['s0', 'ACGT', '0'],
        ['s1', 'GGTA', '1'],
        ['s2', 'TTTT', '1'],
        ['s3', 'ACGN', '0'],
        ['s4', 'CCCC', '1'],
        ['s5', 'GATC', '0'],
      ]);
      const packed = file(`table.${codec}.parquet.gz`, gzipSync(readFileSync(parquet(codec))));
      expect(await brief(packed, options)).toEqual(rows);
      const expression = await brief(parquet(codec), { label: 'expression', numericLabels: true });
      expect(expression.map((row) => row[2])).toEqual([0.5, -1, 2.25, 3, 4, 5.5]);
      expect((await brief(parquet(codec), { label: 'tags' })).map((row) => row[2])).toEqual([
        ['a'],
        ['a', 'b'],
        [],
        ['c'],
        ['b'],
        ['a'],
      ]);
    },
  );

  it('reads sequences without labels', async () => {
    const ids = [];
    for await (const { id, sequence } of readSequences(file('plain.csv', 'seq\nAC\nGT\n'))) ids.push([id, sequence]);
    expect(ids).toEqual([
      ['plain.csv:1', 'AC'],
      ['plain.csv:2', 'GT'],
    ]);
  });
});

describe('FASTA', () => {
  const FASTA = '>a class=1 chr=2\nACGT\nAC\n\n>b class=0 chr=3\nGG\n';

  it('joins wrapped lines; labels by header key, header pattern, file, or table', async () => {
    const path = file('ctcf.fa', FASTA);
    expect(await brief(path, { label: 'class' })).toEqual([
      ['a', 'ACGTAC', '1'],
      ['b', 'GG', '0'],
    ]);
    const labels = async (options: ReadOptions) => (await labelled(path, options)).map((row) => row.label);
    expect(await labels({ labelFrom: { kind: 'header', pattern: /chr=(\d)/ } })).toEqual(['2', '3']);
    expect(await labels({ labelFrom: { kind: 'file' } })).toEqual(['ctcf', 'ctcf']);
    const table = file('labels.tsv', 'id\tgenus\nb\tPan\na\tHomo\nc\t\n');
    expect(await labels({ labelFrom: { kind: 'table', path: table, id: 'id', label: 'genus' } })).toEqual([
      'Homo',
      'Pan',
    ]);
    expect((await labelled(path, { label: 'class', group: 'chr' })).map((row) => row.group)).toEqual(['2', '3']);
  });

  it('reads class keys written as in "; class:0", CRLF and gzip', async () => {
    const content = gzipSync('> chr1,+,3,9; class:0\r\nAC\r\nGT\r\n');
    expect(await brief(file('clip.fa.gz', content), { label: 'class' })).toEqual([['chr1,+,3,9;', 'ACGT', '0']]);
  });

  it('makes repeated ids unique by line on request', async () => {
    const path = file('repeated.fa', '>24\nAC\n>24\nGT\n');
    expect((await brief(path, { labelFrom: { kind: 'file' }, duplicateIds: 'suffix' })).map((row) => row[0])).toEqual([
      '24',
      '24#3',
    ]);
  });
});

describe('broken files', () => {
  const whole = gzipSync(
    `sequence,label\n${Array.from({ length: 5000 }, (_, i) => `${(i * 7919).toString(4)},1`).join('\n')}`,
  );
  const corrupt = Buffer.from(whole);
  corrupt.fill(0xff, 400, 420);

  it.each<[string, string, string | Buffer, ReadOptions, number | undefined, RegExp]>([
    [
      'truncated gzip',
      'a.csv.gz',
      whole.subarray(0, whole.length - 200),
      {},
      undefined,
      /truncated; download or copy it again/,
    ],
    ['corrupt gzip', 'a.csv.gz', corrupt, {}, undefined, /corrupt|truncated/],
    ['gzip in name only', 'a.csv.gz', CSV, {}, undefined, /bytes are not gzip/],
    ['empty file', 'a.csv', '', {}, undefined, /the file is empty/],
    ['header only', 'a.csv', 'sequence,label\n', {}, undefined, /no rows/],
    [
      'no sequence column',
      'a.csv',
      'x,label\nAC,1\n',
      {},
      1,
      /which column holds the sequence\?.*columns are "x", "label"/,
    ],
    ['no label column', 'a.csv', 'seq,a,b\nAC,1,2\n', {}, 1, /which column holds the label\?/],
    ['misspelt column', 'a.csv', CSV, { label: 'lable' }, 1, /no column "lable".*did you mean "label"/],
    ['two columns of a name', 'a.csv', 'seq,y,y\nAC,1,1\n', { label: 'y' }, 1, /several columns "y"/],
    ['empty sequence', 'a.csv', 'seq,label\nAC,1\n,0\n', {}, 3, /the sequence \(column "seq"\) is empty/],
    ['missing label', 'a.csv', 'seq,label\nAC,1\nGT,\n', {}, 3, /the label is missing/],
    [
      'label not a number',
      'a.csv',
      'seq,label\nAC,1\nGT,high\n',
      { numericLabels: true },
      3,
      /"high" is not a finite number/,
    ],
    ['label not finite', 'a.csv', 'seq,label\nAC,NaN\n', { numericLabels: true }, 2, /"NaN" is not a finite number/],
    ['flag neither 0 nor 1', 'a.csv', 'seq,p,q\nAC,1,2\n', { label: 'p,q' }, 2, /"2" in label column "q"/],
    ['ragged row', 'a.csv', 'seq,label\nAC,1\nGT,0,7\n', {}, 3, /3 fields, but there are 2 columns/],
    ['unclosed quote', 'a.csv', 'seq,label\n"AC,1\nGT,0\n', {}, undefined, /[Qq]uote/],
    ['no header', 'a.csv', 'ACGTACGTACGTACGT,1\n', {}, 1, /has no header; name its columns/],
    ['duplicate ids', 'a.csv', 'id,seq,label\nx,AC,1\ny,AC,1\nx,GT,0\n', {}, 4, /duplicate id "x" \(first on line 2\)/],
    ['unknown split', 'a.csv', 'seq,label,part\nAC,1,holdout\n', { split: 'part' }, 2, /split "holdout" is none of/],
    ['missing group', 'a.csv', 'seq,label,g\nAC,1,\n', { group: 'g' }, 2, /the group "g" is missing/],
    ['binary junk', 'a.csv', Buffer.from([115, 101, 113, 10, 0, 1, 2, 3]), {}, 2, /control character/],
    ['not UTF-8', 'a.fa', Buffer.from([62, 97, 10, 0xff, 0xfe, 0x80]), { label: 'c' }, 1, /not UTF-8 text/],
    ['not JSON', 'a.jsonl', '{"seq":"AC","label":1}\n{"seq":\n', {}, 2, /not JSON/],
    ['JSON of another kind', 'a.jsonl', '[1,2]\n', {}, 1, /not a JSON object/],
    ['JSON row without the field', 'a.jsonl', '{"seq":"AC","label":1}\n{"seq":"AC"}\n', {}, 2, /label is missing/],
    ['FASTA without labels', 'a.fa', '>a\nAC\n', {}, undefined, /FASTA has no label column/],
    ['FASTA without headers', 'a.fa', 'ACGT\n', { label: 'c' }, 1, /before the first header: "ACGT"/],
    ['text before the first header', 'a.fa', '\nAC\n>a c=1\nAC\n', { label: 'c' }, 2, /before the first header/],
    [
      'FASTA record without letters',
      'a.fa',
      '>a c=1\n>b c=1\nAC\n',
      { label: 'c' },
      1,
      /"a c=1" has an empty sequence/,
    ],
    [
      'last FASTA record without letters',
      'a.fa',
      '>a c=1\nAC\n>b c=1\n',
      { label: 'c' },
      3,
      /"b c=1" has an empty sequence/,
    ],
    ['nameless FASTA header', 'a.fa', '>\nAC\n', { label: 'c' }, 1, /header with no name/],
    [
      'duplicate FASTA ids',
      'a.fa',
      '>a c=1\nAC\n>a c=0\nAC\n',
      { label: 'c' },
      3,
      /duplicate id "a" \(first on line 1\)/,
    ],
    ['header without the label', 'a.fa', '>a c=1\nAC\n>b\nAC\n', { label: 'c' }, 3, /no label: the header ">b"/],
    ['plain sequence in .txt', 'a.txt', 'ACGTACGT\n', {}, 1, /format is not told/],
    ['not Parquet', 'a.parquet', 'ACGT', {}, undefined, /cannot be read as Parquet/],
    [
      'truncated Parquet',
      'a.parquet',
      readFileSync(parquet('snappy')).subarray(0, 2000),
      {},
      undefined,
      /cannot be read as Parquet/,
    ],
    [
      'columns for JSONL',
      'a.jsonl',
      '{"seq":"AC"}',
      { columns: ['seq'] },
      undefined,
      /names the columns of CSV and TSV/,
    ],
  ])('%s', async (_, name, content, options, line, message) => {
    const path = file(name, content);
    const error = await failure(labelled(path, options));
    expect(error.message).toMatch(message);
    expect(error.file).toBe(path);
    if (line !== undefined) {
      expect(error.line).toBe(line);
      expect(error.message.startsWith(`${path}:${line}: `)).toBe(true);
    }
  });

  it('names a missing file, a missing label in a table, and a folder given for a file', async () => {
    expect((await failure(labelled(join(folder, 'nowhere.csv')))).message).toMatch(/nowhere\.csv: no such file/);
    expect((await failure(labelled(join(folder, 'nowhere.parquet')))).message).toMatch(/no such file/);
    const table = file('few.tsv', 'id\tl\na\t1\n');
    const labelFrom = { kind: 'table', path: table, id: 'id', label: 'l' } as const;
    const error = await failure(labelled(file('two.fa', '>a\nAC\n>b\nAC\n'), { labelFrom }));
    expect(error.message).toMatch(/two\.fa:3: no label for id "b" in the labels table/);
    expect((await failure(labelled(folder, { format: 'csv' }))).message).toMatch(/is a folder/);
  });
});

describe('rows that cannot be read', () => {
  const CASES: Readonly<
    Record<string, readonly [content: string, options: ReadOptions, kept: string[], reasons: RegExp[]]>
  > = {
    'bad.csv': [
      'id,sequence,label,chr\na,AC,1,x\nb,,1,x\nc,GT,1,x,9\nd,GG,,x\n"e,TT,1,x\nf,CC,0,\na,AA,0,y\n,TT,0,y\n',
      { group: 'chr' },
      ['a'],
      [
        /is empty/,
        /5 fields, but/,
        /label is missing/,
        /quote opened here/,
        /group "chr"/,
        /duplicate id/,
        /id .* is empty/,
      ],
    ],
    'bad.tsv': ['sequence\tlabel\nAC\t1\nGT\n\t\nTT\t0\n', {}, ['bad.tsv:1', 'bad.tsv:4'], [/1 fields/, /is empty/]],
    'bad.jsonl': [
      '{"id":"a","seq":"AC","label":1}\n{"seq":\n[1]\n{"id":"b","seq":7,"label":1}\n',
      {},
      ['a'],
      [/not JSON/, /not a JSON object/, /is no text/],
    ],
    'bad.fa': [
      '>a y=1\nAC\n>b y=1\n>c\nGT\n>\nTT\n>e y=0\nCC\n',
      { label: 'y' },
      ['a', 'e'],
      [/"b y=1" has an empty/, /no label/, /no name/],
    ],
  };

  it.each(Object.keys(CASES))('%s: refused, or skipped and listed with line and reason', async (name) => {
    const [content, options, kept, reasons] = CASES[name];
    const path = file(name, content);
    expect((await failure(labelled(path, options))).message).toMatch(reasons[0]);
    const report = createReadReport();
    const rows = await labelled(path, { ...options, onBadRow: 'skip', report });
    expect(rows.map(({ id }) => id)).toEqual(kept);
    expect(report.skipped.map(({ reason }) => reason)).toEqual(reasons.map((reason) => expect.stringMatching(reason)));
    expect(report.skipped.every(({ file: where, line }) => where === path && line! > 1)).toBe(true);
    expect([report.rows, report.kept]).toEqual([kept.length + reasons.length, kept.length]);
  });

  it('refuses a file of which every row is skipped', async () => {
    const path = file('none.csv', 'sequence,label\n,1\n,0\n');
    const error = await failure(labelled(path, { onBadRow: 'skip' }));
    expect(error.message).toMatch(/no rows \(2 skipped, the first for: the sequence/);
  });

  it('keeps blanks inside FASTA lines for the alphabet, and sets numbers off from letters', async () => {
    const path = file('genbank.fa', '>a y=1\n        1 aaagcggcac ttgtg\n       11 ttcccc\n>b y=0\nACGT GG\nTT\n');
    const read = async (options: object) => {
      const found = [];
      for await (const { sequence } of readSequences(path, options)) found.push(sequence);
      return found;
    };
    expect(await read({ alphabet: { alphabet: 'dna' } })).toEqual(['AAAGCGGCACTTGTGTTCCCC', 'ACGTGGTT']);
    expect((await read({}))[1]).toBe('ACGT GGTT');
  });

  it('names the file and the limit of a line that is too long, whatever it is packed into', async () => {
    const member = gzipSync(Buffer.alloc(2 ** 24, 'A'), { level: 1 });
    const members = [gzipSync('sequence,label\n'), ...new Array<Buffer>(MOST_CHARACTERS / 2 ** 24 + 1).fill(member)];
    const error = await failure(labelled(file('bomb.csv.gz', Buffer.concat(members))));
    expect(error.message).toMatch(/bomb\.csv\.gz:2: a line of more than 268435456 characters, the most that is read/);
  });

  it('ends a page whose decompression does not end', async () => {
    const bytes = readFileSync(join(import.meta.dirname, '../goldens/pages.zstd.parquet'));
    expect(await labelled(file('pages.parquet', bytes))).toHaveLength(40);
    bytes[LOOP.at] = LOOP.value;
    const error = await failure(labelled(file('endless.parquet', bytes)));
    expect(error.message).toMatch(
      /endless\.parquet:1: cannot be read as Parquet \(its ZSTD data are corrupt: decompression/,
    );
  });
});

describe('readDataPath', () => {
  const counts = async (path: string, options?: ReadOptions) =>
    (await readDataPath(path, options)).map((row) => `${row.split ?? '-'} ${row.label} ${row.sequence}`);

  it('reads one file', async () => {
    expect(await counts(file('one.csv', CSV))).toEqual(['- 1 ACGT', '- 0 GGTA']);
  });

  it('reads train, dev and test files of any format', async () => {
    file('parts/train.csv.gz', gzipSync(CSV));
    file('parts/dev.jsonl', '{"sequence":"CC","label":1}');
    file('parts/test.tsv', 'sequence\tlabel\nTT\t0\n');
    file('parts/README.txt', 'notes');
    expect(await counts(join(folder, 'parts'))).toEqual(['valid 1 CC', 'test 0 TT', 'train 1 ACGT', 'train 0 GGTA']);
  });

  it('finds the split inside a name, and keeps ids of two files apart', async () => {
    file('named/Annelida.train.fasta', '>x |A\nAC\n');
    file('named/Annelida.test.fasta', '>x |B\nGT\n');
    const rows = await readDataPath(join(folder, 'named'), { labelFrom: { kind: 'header', pattern: /\|(\w+)/ } });
    expect(rows.map(({ id, split, label }) => [id, split, label])).toEqual([
      ['x', 'test', 'B'],
      ['Annelida.train.fasta:x', 'train', 'A'],
    ]);
  });

  it('reads one FASTA per class, one folder per class, and those inside split folders', async () => {
    file('classes/pos.fa', '>a\nAC\n');
    file('classes/neg.fa', '>a2\nGT\n');
    expect(await counts(join(folder, 'classes'))).toEqual(['- neg GT', '- pos AC']);
    file('nested/train/neg/1.fa', '>a\nAC\n');
    file('nested/train/pos/1.fa', '>b\nGT\n');
    file('nested/test/pos/1.fa', '>c\nTT\n');
    expect(await counts(join(folder, 'nested'))).toEqual(['test pos TT', 'train neg AC', 'train pos GT']);
  });

  it('takes a lone file of a folder as unsplit data', async () => {
    file('lone/test.tsv', 'seq\tlabel\nTT\t0\n');
    expect(await counts(join(folder, 'lone'))).toEqual(['- 0 TT']);
  });

  it('refuses layouts that it would have to guess about', async () => {
    file('stray/train.csv', CSV);
    file('stray/test.csv', CSV);
    file('stray/more.csv', CSV);
    expect((await failure(readDataPath(join(folder, 'stray')))).message).toMatch(/also "more\.csv", of no split/);
    file('twice/train.csv', CSV);
    file('twice/training.csv.gz', gzipSync(CSV));
    expect((await failure(readDataPath(join(folder, 'twice')))).message).toMatch(/several files claim the split train/);
    mkdirSync(join(folder, 'void'));
    expect((await failure(readDataPath(join(folder, 'void')))).message).toMatch(/it holds no data files/);
  });
});

describe('streaming', () => {
  it('reads 100,000 rows of gzip CSV one at a time', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `${'ACGT'[i % 4].repeat(50)},${i % 2}`);
    const path = file('many.csv.gz', gzipSync(`sequence,label\n${lines.join('\n')}\n`, { level: 1 }));
    let count = 0;
    for await (const row of readLabelled(path)) {
      if (row.id !== `many.csv:${++count}`) throw new Error(row.id);
    }
    expect(count).toBe(100_000);
  });

  it('closes the file when the reader is left early', async () => {
    for await (const row of readLabelled(file('left.csv', CSV))) {
      expect(row.sequence).toBe('ACGT');
      break;
    }
  });

  it('reads one long line, wrapped or not, to the same sequence', async () => {
    const sequence = 'ACGTTGCANN'.repeat(300_000);
    const wrapped = sequence.replace(/.{60}/g, '$&\r\n');
    for (const [name, text] of Object.entries({ 'long.fa': sequence, 'wrapped.fa': wrapped })) {
      for await (const row of readSequences(file(name, `>chr1\n${text}\n`)))
        expect(row.sequence === sequence).toBe(true);
    }
  });
});
