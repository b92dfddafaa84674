/** Data without a plugin: what is guessed is stated, what cannot be guessed is refused in the words of the command line. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdhocOptions, adhocTask } from '../../../src/harness/tasks/ad-hoc-task.ts';
import { prepareTask, taskRecord } from '../../../src/harness/tasks/prepare.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adhoc-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A table whose rows are sequences and the labels given. */
async function table(header: string, labels: readonly string[], name = 'mine.csv'): Promise<string> {
  const rows = labels.map(
    (label, i) =>
      `${i
        .toString(4)
        .padStart(6, '0')
        .replace(/\d/g, (d) => 'ACGT'[Number(d)])}ACGTAC,${label}`,
  );
  const file = join(folder, name);
  await writeFile(file, `${[...(header === '' ? [] : [header]), ...rows].join('\n')}\n`);
  return file;
}
const times = (count: number, label: (i: number) => string) => Array.from({ length: count }, (_, i) => label(i));
const task = async (data: string, options: Partial<AdhocOptions> = {}) => adhocTask({ data, ...options });

describe('what was guessed is stated', () => {
  it('columns, kind and why', async () => {
    const { kind, description } = await task(
      await table(
        'seq,bound',
        times(20, (i) => String(i % 2)),
      ),
    );
    expect(kind).toBe('binary');
    expect(description).toContain('Sequences are read from column "seq", labels from "bound".');
    expect(description).toContain('The kind, binary, was guessed: two distinct labels (0, 1); --kind says otherwise.');
  });

  it('columns also where the kind is given', async () => {
    const data = await table('seq,level', times(20, String));
    expect((await task(data, { kind: 'regression' })).description).toMatch(/column "seq", labels from "level"\.$/);
  });

  it('many whole numbers are classes, and the flag that makes them measurements is named', async () => {
    const { kind, description } = await task(
      await table(
        'seq,level',
        times(60, (i) => String(i % 12)),
      ),
    );
    expect(kind).toBe('multiclass');
    expect(description).toContain(
      '12 distinct whole numbers, taken for classes; if they are measurements, say --kind regression',
    );
  });
});

describe('a missing value among numbers is no class of its own', () => {
  it.each([
    ['NaN', times(20, (i) => String(i % 2))],
    ['inf', times(20, (i) => `0.${i + 1}`)],
    ['NA', times(20, String)],
  ])('%s', async (word, labels) => {
    const data = await table('seq,label', [...labels, word]);
    await expect(task(data)).rejects.toThrow(`mine.csv:22: label "${word}" among numbers (1 of 21 rows`);
    if (word === 'NaN') expect((await task(data, { kind: 'multiclass' })).kind).toBe('multiclass');
  });

  it('but a word among words may be one', async () => {
    const data = await table(
      'seq,label',
      times(30, (i) => ['none', 'donor', 'acceptor'][i % 3]),
    );
    expect((await task(data)).kind).toBe('multiclass');
  });
});

describe('files as they are found in the wild', () => {
  it('bad rows: refused, or skipped, counted, and listed in the record', async () => {
    const data = join(folder, 'bad.csv');
    const good = times(40, (i) => `${'ACGT'[i % 4]}${'ACGT'[(i >> 2) % 4]}${'ACGT'[(i >> 4) % 4]}GATTACA,${i % 2}`);
    await writeFile(data, ['sequence,label', ...good, ',1', 'AC!GT,0', 'ACGT,', ''].join('\n'));
    const context = { allowDownload: false, cacheFolder: folder };
    await expect(task(data)).rejects.toThrow('bad.csv:42: the sequence (column "sequence") is empty');
    const prepared = await prepareTask(await task(data, { onBadRow: 'skip' }), context);
    expect(prepared.rows).toHaveLength(40);
    expect(prepared.notes[0]).toMatch(/^3 of 43 rows skipped \(--on-bad-row skip\): bad\.csv:42: the sequence/);
    expect(taskRecord(prepared).skippedRows).toEqual([
      { file: data, line: 42, reason: expect.stringMatching(/is empty/) },
      { file: data, line: 44, reason: expect.stringMatching(/label is missing/) },
      { file: data, line: 43, reason: expect.stringMatching(/"!" at position 3 is no DNA letter/) },
    ]);
  });

  it('spellings of two labels are two classes, also for --positive', async () => {
    const data = await table(
      'seq,label',
      times(40, (i) => ['0', '1.0', '0.0', '1'][i % 4]),
    );
    const definition = await task(data, { positive: '1' });
    expect([definition.kind, definition.classes]).toEqual(['binary', ['0', '1']]);
    const { classes, notes } = await prepareTask(definition, { allowDownload: false, cacheFolder: folder });
    expect(classes).toEqual(['0', '1']);
    expect(notes[0]).toMatch(/"0", "0.0" as "0"; "1", "1.0" as "1"/);
  });

  it('columns of numbers name the flag, and named groups need a split by group', async () => {
    const data = await table(
      'seq,a,b',
      times(20, (i) => `0.${i},1.${i}`),
    );
    await expect(task(data, { label: 'a,b' })).rejects.toThrow(/neither 0 nor 1; .*--kind regression/);
    expect((await task(data, { label: 'a,b', kind: 'regression' })).kind).toBe('regression');
    await expect(task(data, { label: 'a', testGroups: ['x'] })).rejects.toThrow('--test-groups names groups, but');
  });

  it('a file without a header line is read by --columns, and the error says so', async () => {
    const data = await table(
      '',
      times(40, (i) => `${i}.5`),
      'expression.csv',
    );
    const long = join(folder, 'long.tsv');
    await writeFile(long, `${'ACGT'.repeat(10)}\t1.5\n${'TTGA'.repeat(10)}\t2.5\n`);
    await expect(task(long)).rejects.toThrow('--columns sequence,label');
    const definition = await task(data, { columns: 'sequence, expression' });
    expect(definition.kind).toBe('regression');
    const { rows } = await prepareTask(definition, { allowDownload: false, cacheFolder: folder });
    expect(rows).toHaveLength(40);
  });

  it('two columns of the guessed name are refused', async () => {
    const data = await table(
      'seq,label,label',
      times(10, (i) => `${i % 2},1`),
    );
    await expect(task(data)).rejects.toThrow('several columns "label"');
  });

  it('FASTA without labels: the flags that say where they are', async () => {
    const data = join(folder, 'a.fa');
    await writeFile(data, '>a\nACGT\n');
    await expect(task(data)).rejects.toThrow(
      /--label \(a key in the headers.*--label-pattern REGEX, or --label-table FILE/,
    );
  });
});
