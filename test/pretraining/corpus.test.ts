/** Rows on disk: the same rows and the same hash as in memory, and no silent reading of another's file. */
import { appendFile, mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { type Corpus, memoryCorpus, writeCorpus } from '../../src/pretraining/corpus.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'corpus-'));
});
afterAll(() => rm(folder, { recursive: true }));

const rowsOf = (corpus: Corpus) => Array.from({ length: corpus.rows }, (_, i) => corpus.row(i));
const ROWS: Readonly<Record<string, readonly string[]>> = {
  'no rows': [],
  'one empty row': [''],
  'empty rows first, between and last': ['', 'ACGT', '', '', 'N', ''],
  'ambiguity codes, and letters with an accent': ['RYKMSWBDHVN', 'ACÉGT', 'ÿ'],
  // More than the megabyte after which it is written.
  'long rows': ['A'.repeat(5_000_000), 'C'.repeat(3), 'G'.repeat(4_200_000)],
};

describe('a corpus', () => {
  it.each(Object.entries(ROWS))('returns %s, in any order', async (name, rows) => {
    const corpus = await writeCorpus(join(folder, 'made', name), rows);
    expect(rowsOf(corpus)).toEqual(rows);
    const backwards = Array.from({ length: rows.length }, (_, i) => rows.length - 1 - i);
    expect(backwards.map((i) => corpus.row(i))).toEqual(backwards.map((i) => rows[i]));
    expect(corpus.hash).toBe(memoryCorpus(rows).hash);
    corpus.close();
  });

  it('returns random rows from a stream', async () => {
    const random = createRandom(5);
    const row = () => Array.from({ length: random.integer(50) }, () => 'ACGTN'[random.integer(5)]).join('');
    const rows = Array.from({ length: 2000 }, row);
    const stream = async function* () {
      yield* rows;
    };
    const corpus = await writeCorpus(join(folder, 'random'), stream());
    expect(rowsOf(corpus)).toEqual(rows);
    corpus.close();
  });

  it('has a different hash when a letter moves to the next row', () => {
    const hashes = [['AC', 'G'], ['A', 'CG'], ['ACG'], ['ACG', ''], ['', 'ACG']].map((rows) => memoryCorpus(rows).hash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('refuses letters beyond one byte, in memory and on disk', async () => {
    const message = 'row 1 of the corpus has a letter that is not a nucleotide: "ACĀ"';
    expect(() => memoryCorpus(['ACGT', 'ACĀ'])).toThrow(message);
    await expect(writeCorpus(join(folder, 'refused'), ['ACGT', 'ACĀ'])).rejects.toThrow(message);
  });

  it('consists of two files', async () => {
    (await writeCorpus(join(folder, 'two', 'rows'), ['ACGT'])).close();
    expect((await readdir(join(folder, 'two'))).sort()).toEqual(['rows', 'rows.offsets']);
  });
});

describe('a corpus file that another process overwrites', () => {
  const changes: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    'by a shorter one': async (path) => (await writeCorpus(path, ['AC'])).close(),
    'by one of the same length': async (path) => (await writeCorpus(path, ['CCCC', 'GGGG'])).close(),
    'by cutting it': (path) => truncate(path, 3),
    'by appending to it': (path) => appendFile(path, 'A'),
    'by cutting its offsets': (path) => truncate(`${path}.offsets`, 9),
  };
  it.each(Object.entries(changes))('makes the next read fail: %s', async (name, change) => {
    const path = join(folder, 'changed', name);
    const corpus = await writeCorpus(path, ['AAAA', 'TTTT']);
    expect(corpus.row(1)).toBe('TTTT');
    await new Promise((resolve) => setTimeout(resolve, 20)); // file times have a grain
    await change(path);
    expect(() => corpus.row(1)).toThrow(
      /changed while row 1 was read; check whether another process uses the same folder/,
    );
    corpus.close();
  });
});
