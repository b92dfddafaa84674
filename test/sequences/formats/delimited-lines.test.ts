import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { openDelimitedLines } from '../../../src/sequences/formats/delimited-lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'delimited-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(content: string | Buffer, format: 'csv' | 'tsv') {
  const path = join(folder, `table.${format}`);
  writeFileSync(path, content);
  const { columns, select } = await openDelimitedLines(path, format);
  const rows: unknown[] = [];
  for await (const { line, values } of select(columns.map((_, i) => i))) rows.push([line, ...values]);
  return { columns, rows };
}

describe('delimited lines', () => {
  it('CSV: quoted separators, doubled quotes, line breaks inside quotes; lines are those of the file', async () => {
    const { columns, rows } = await read(
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
  });

  it('TSV: a quote is a letter unless it opens and closes its field; empty last fields count', async () => {
    const { rows } = await read(gzipSync('id\tnote\tx\na\t6" jar\t\nb\t"a ""b"""\t1\nc\t"open\t2'), 'tsv');
    expect(rows).toEqual([
      [2, 'a', '6" jar', ''],
      [3, 'b', 'a "b"', '1'],
      [4, 'c', '"open', '2'],
    ]);
  });

  it('the separator is told by the header when the ending is wrong', async () => {
    expect((await read('id;x\na;1\n', 'csv')).rows).toEqual([[2, 'a', '1']]);
    expect((await read('id\tx\na\t6" jar\n', 'csv')).rows).toEqual([[2, 'a', '6" jar']]);
  });

  it('reads chosen columns only, in the order asked for', async () => {
    const path = join(folder, 'chosen.csv');
    writeFileSync(path, 'a,b,c\n1,2,3\n');
    const { select } = await openDelimitedLines(path, 'csv');
    expect((await select([2, 0]).next()).value).toEqual({ line: 2, values: ['3', '1'] });
  });

  it.each([
    ['', /table\.csv: the file is empty/],
    ['a,b\n1,2\n1,2,3\n', /table\.csv:3: 3 fields, but there are 2 columns \("a", "b"\)/],
    ['a,b\n1,2\n1,"2\n3,4\n', /table\.csv:3: a quote opened here is never closed/],
  ])('refuses %j', async (content, message) => {
    await expect(read(content, 'csv')).rejects.toThrow(message);
  });
});
