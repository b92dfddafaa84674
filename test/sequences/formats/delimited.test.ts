import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { openDelimited } from '../../../src/sequences/formats/delimited.ts';

const folder = mkdtempSync(join(tmpdir(), 'delimited-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Format = 'csv' | 'tsv';

/** Columns, and rows as [line, ...fields] or [line, fault]. */
async function read(content: string | Buffer, format: Format) {
  const path = join(folder, `table.${format}`);
  writeFileSync(path, content);
  const { columns, select, joinedLines } = await openDelimited(path, { format });
  const rows: unknown[][] = [];
  for await (const row of select(columns.map((_, i) => i))) {
    rows.push('fault' in row ? [row.line, row.fault.what] : [row.line, ...row.values]);
  }
  return { columns, rows, joined: joinedLines() };
}

describe('delimited text', () => {
  it('CSV: quoted separators, doubled quotes, line breaks inside quotes; lines are those of the file', async () => {
    const { columns, rows, joined } = await read(
      '\ufeffid,"place"\r\na,"x, y"\r\n\r\nb,"a ""b"", c"\nc,"one\ntwo"\nd,\n',
      'csv',
    );
    expect(columns).toEqual(['id', 'place']);
    expect(rows).toEqual([
      [2, 'a', 'x, y'],
      [4, 'b', 'a "b", c'],
      [5, 'c', 'one\ntwo'],
      [7, 'd', ''],
    ]);
    expect(joined).toBe(1);
  });

  it('TSV: a quote is a letter unless it opens and closes its field; empty last fields count', async () => {
    const { rows } = await read(gzipSync('id\tnote\tx\na\t6" jar\t\nb\t"a ""b"""\t1\nc\t"open\t2'), 'tsv');
    expect(rows).toEqual([
      [2, 'a', '6" jar', ''],
      [3, 'b', 'a "b"', '1'],
      [4, 'c', '"open', '2'],
    ]);
  });

  it('TSV: every row stays where two fields open a quote that is never closed', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `${i === 1 || i === 5 ? '"' : ''}n${i}\tACGT\t${i % 2}`);
    const { rows } = await read(`name\tsequence\tlabel\n${lines.join('\n')}\n`, 'tsv');
    expect(rows).toEqual(lines.map((line, i) => [i + 2, ...line.split('\t')]));
  });

  it('TSV: tabs and line breaks inside quotes, where only that gives a field for every column', async () => {
    const { rows, joined } = await read('id\tnote\tx\na\t"tab\there"\t1\nb\t"two\nlines"\t2\nc\tplain\t3\n', 'tsv');
    expect(rows).toEqual([
      [2, 'a', 'tab\there', '1'],
      [3, 'b', 'two\nlines', '2'],
      [5, 'c', 'plain', '3'],
    ]);
    expect(joined).toBe(1);
  });

  it('a return alone is part of a field where lines end otherwise', async () => {
    const { rows } = await read('id\tlicence\tx\na\tCC\rBY\r(4.0)\t1\nb\tCC0\t2\n', 'tsv');
    expect(rows).toEqual([
      [2, 'a', 'CC\rBY\r(4.0)', '1'],
      [3, 'b', 'CC0', '2'],
    ]);
    expect((await read('id\tx\ra\t1\rb\t2\r', 'tsv')).rows).toEqual([
      [2, 'a', '1'],
      [3, 'b', '2'],
    ]);
  });

  it('the separator is told by the header when the ending is wrong', async () => {
    expect((await read('id;x\na;1\n', 'csv')).rows).toEqual([[2, 'a', '1']]);
    expect((await read('id\tx\na\t6" jar\n', 'csv')).rows).toEqual([[2, 'a', '6" jar']]);
  });

  it('reads chosen columns only, in the order given', async () => {
    const path = join(folder, 'chosen.csv');
    writeFileSync(path, 'a,b,c\n1,2,3\n');
    const { select } = await openDelimited(path, { format: 'csv' });
    expect((await select([2, 0]).next()).value).toEqual({ line: 2, values: ['3', '1'] });
  });

  it('refuses an empty file and a header that is data', async () => {
    await expect(read('', 'csv')).rejects.toThrow(/table\.csv: the file is empty/);
    await expect(read('ACGTACGTACGTACGT,1\n', 'csv')).rejects.toThrow(/has no header; name its columns/);
  });

  it('a bad row is a fault in its place, and the rows after it are read', async () => {
    expect((await read('a,b\n1,2\n1,2,3\n5,6\n', 'csv')).rows).toEqual([
      [2, '1', '2'],
      [3, expect.stringMatching(/^3 fields, but there are 2 columns \("a", "b"\)/)],
      [4, '5', '6'],
    ]);
    expect((await read('a,b\n1,2\n1,"2\n3,4\n', 'csv')).rows).toEqual([
      [2, '1', '2'],
      [3, expect.stringMatching(/^a quote opened here is never closed/)],
      [4, '3', '4'],
    ]);
    expect((await read('a\tb\n"1\n3\t4\n', 'tsv')).rows).toEqual([
      [2, expect.stringMatching(/^1 fields, but there are 2 columns/)],
      [3, '3', '4'],
    ]);
  });

  it('CSV: a stray quote that another one closes rows later does not take rows away', async () => {
    const { rows } = await read('id,seq,y\n"n1,AC,1\nn2,GT,0\nn3",CC,1\nn4,TT,0\n', 'csv');
    expect(rows).toEqual([
      [2, expect.stringMatching(/closed 2 lines below, and each of these lines is a whole row/)],
      [3, 'n2', 'GT', '0'],
      [4, 'n3"', 'CC', '1'],
      [5, 'n4', 'TT', '0'],
    ]);
  });

  it('bounds a quoted field that never ends, and reads the rows after its first line', async () => {
    const { rows } = await read(`a,b\n1,"2\n${'3,4\n'.repeat(2500)}`, 'csv');
    expect(rows).toHaveLength(2501);
    expect(rows[0]).toEqual([3 - 1, expect.stringMatching(/is not closed within 1000 lines/)]);
    expect(rows[2500]).toEqual([2502, '3', '4']);
  });

  it('reads what the csv module of Python reads', async () => {
    const cases = JSON.parse(readFileSync(join(import.meta.dirname, '../goldens/delimited.json'), 'utf8')) as {
      format: Format;
      text: string;
      rows: string[][];
    }[];
    for (const { format, text, rows: expected } of cases) {
      const { columns, rows } = await read(text, format);
      // A row of one empty line break is blank to both; returns before a line break inside quotes are dropped here.
      const plain = (row: readonly unknown[]) => row.map((value) => String(value).replaceAll('\r\n', '\n'));
      expect([columns, ...rows.map(([, ...fields]) => plain(fields))], JSON.stringify(text)).toEqual(
        expected.map(plain),
      );
    }
  });
});
