import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';
import type { LabelledSequence, SplitName, SplitPolicy } from '../../src/sequences/labelled-sequence.ts';
import { assignSplits } from '../../src/sequences/splits.ts';

const random = createRandom('split tests');
const draw = (n: number) => Array.from({ length: n }, () => 'ACGT'[random.integer(4)]).join('');
const makeRows = (n: number, fields: (i: number) => Partial<LabelledSequence>): LabelledSequence[] =>
  Array.from({ length: n }, (_, i) => ({ id: `r${i}`, sequence: draw(60), label: String(i % 2), ...fields(i) }));
const sizes = (rows: readonly { split: SplitName }[]) =>
  (['train', 'valid', 'test'] as const).map((split) => rows.filter((row) => row.split === split).length);
const splitsOf = <Key>(
  rows: readonly (LabelledSequence & { split: SplitName })[],
  key: (row: LabelledSequence) => Key,
) => {
  const splits = new Map<Key, Set<SplitName>>();
  for (const row of rows) splits.set(key(row), (splits.get(key(row)) ?? new Set()).add(row.split));
  return splits;
};

describe('assignSplits', () => {
  it('keeps a split that is given in full', () => {
    const rows = makeRows(30, (i) => ({ split: (['train', 'valid', 'test'] as const)[i % 3] }));
    const assigned = assignSplits(rows, undefined, 'binary');
    expect(assigned.rows).toEqual(rows);
    expect(assigned.description).toBe('given');
  });

  it('divides 70/10/20 by class when nothing is given, rows in their order', () => {
    const rows = makeRows(1000, (i) => ({ label: i % 10 === 0 ? 'rare' : 'common' }));
    const assigned = assignSplits(rows, undefined, 'binary');
    expect(assigned.rows.map((row) => row.id)).toEqual(rows.map((row) => row.id));
    expect(sizes(assigned.rows)).toEqual([700, 100, 200]);
    expect(sizes(assigned.rows.filter((row) => row.label === 'rare'))).toEqual([70, 10, 20]);
    expect(assigned.description).toBe('stratified 10% valid, 20% test, seed 0');
  });

  it('is the same each time, and another with another seed', () => {
    const rows = makeRows(200, () => ({}));
    const split = (seed: number) => assignSplits(rows, { method: 'stratified', seed }, 'binary').rows;
    expect(split(1)).toEqual(split(1));
    expect(split(1)).not.toEqual(split(2));
  });

  it('cuts valid from train when train and test are given', () => {
    const rows = makeRows(300, (i) => ({ split: i < 200 ? 'train' : 'test' }));
    const { rows: assigned, description } = assignSplits(rows, undefined, 'binary');
    expect(sizes(assigned)).toEqual([180, 20, 100]);
    expect(assigned.slice(200).every((row) => row.split === 'test')).toBe(true);
    expect(description).toBe('given; valid cut from train, stratified 10%, seed 0');
  });

  it('cuts valid by group when the policy is by group', () => {
    const rows = makeRows(300, (i) => ({ split: i < 200 ? 'train' : 'test', group: `g${i % 20}` }));
    const { rows: assigned } = assignSplits(rows, { method: 'group' }, 'binary');
    const groups = splitsOf(
      assigned.filter((row) => row.split !== 'test'),
      (row) => row.group,
    );
    expect([...groups.values()].every((splits) => splits.size === 1)).toBe(true);
    expect(sizes(assigned)).toEqual([180, 20, 100]);
  });

  it('divides all rows when only train is given, and says so', () => {
    const { rows, description } = assignSplits(
      makeRows(100, () => ({ split: 'train' })),
      undefined,
      'binary',
    );
    expect(sizes(rows)).toEqual([70, 10, 20]);
    expect(description).toMatch(/^only train given; divided stratified/);
  });

  it('stratifies a regression by tenths of the target', () => {
    const rows = makeRows(1000, (i) => ({ label: i }));
    const { rows: assigned } = assignSplits(rows, undefined, 'regression');
    for (let tenth = 0; tenth < 10; tenth++) {
      expect(sizes(assigned.slice(100 * tenth, 100 * (tenth + 1)))).toEqual([70, 10, 20]);
    }
  });

  it('stratifies multilabel rows by their set of labels, in any order', () => {
    const rows = makeRows(400, (i) => ({ label: [['a'], ['a', 'b'], ['b', 'a'], []][i % 4] }));
    const { rows: assigned } = assignSplits(rows, undefined, 'multilabel');
    expect(sizes(assigned.filter((row) => (row.label as string[]).length === 2))).toEqual([140, 20, 40]);
  });

  it('leaves classes with fewer rows than splits in train, and names them', () => {
    const rows = makeRows(102, (i) => ({ label: i < 2 ? 'tiny' : String(i % 4) }));
    const { rows: assigned, description } = assignSplits(rows, undefined, 'multiclass');
    expect(assigned.slice(0, 2).map((row) => row.split)).toEqual(['train', 'train']);
    expect(description).toMatch(/1 classes with fewer than 3 rows stay in train: tiny/);
  });

  it('meets the shares over many small classes', () => {
    const { rows } = assignSplits(
      makeRows(1000, (i) => ({ label: `c${i % 250}` })),
      undefined,
      'multiclass',
    );
    expect(sizes(rows)).toEqual([700, 100, 200]);
  });

  it('puts named groups where the policy says, draws the rest, and says which they are', () => {
    const rows = makeRows(120, (i) => ({ group: `chr${i % 6}` }));
    const both = assignSplits(rows, { method: 'group', testGroups: ['chr4', 'chr5'], validGroups: ['chr2'] }, 'binary');
    for (const row of both.rows) {
      const expected = row.group === 'chr2' ? 'valid' : row.group === 'chr4' || row.group === 'chr5' ? 'test' : 'train';
      expect(row.split).toBe(expected);
    }
    expect(both.description).toMatch(
      /valid groups \(as named\): chr2 \(20 rows\); test groups \(as named\): chr4 \(20 rows\), chr5/,
    );
    const one = assignSplits(rows, { method: 'group', testGroups: ['chr4'] }, 'binary');
    expect(sizes(one.rows)).toEqual([80, 20, 20]);
    expect(one.description).toMatch(/valid groups \(drawn\): chr\d \(20 rows\); test groups \(as named\): chr4/);
  });

  it.each<[SplitPolicy, RegExp]>([
    [
      { method: 'group', testGroups: ['ch4'] },
      /no row is of the group "ch4", named for the test rows \(did you mean "chr\d"\?\)/,
    ],
    [
      { method: 'group', testGroups: ['chr1'], validGroups: ['chr1'] },
      /"chr1" is named for the test and the validation rows/,
    ],
    [{ method: 'random', testGroups: ['chr1'] }, /groups are named, but the split is random/],
    [{ method: 'group', testGroups: ['chr0', 'chr1'], validGroups: ['chr2'] }, /the train split stays empty/],
  ])('refuses named groups %j', (policy, message) => {
    const rows = makeRows(30, (i) => ({ group: `chr${i % 3}` }));
    expect(() => assignSplits(rows, policy, 'binary')).toThrow(message);
  });

  it('never divides a group, whatever the sizes (property)', () => {
    for (let trial = 0; trial < 30; trial++) {
      const groups = 3 + random.integer(12);
      const rows = makeRows(60 + random.integer(100), (i) => ({
        group: `g${i < groups ? i : Math.floor(groups * random.next() ** 2)}`,
      }));
      const { rows: assigned } = assignSplits(rows, { method: 'group', seed: trial }, 'binary');
      expect([...splitsOf(assigned, (row) => row.group).values()].every((splits) => splits.size === 1)).toBe(true);
      expect(Math.min(...sizes(assigned))).toBeGreaterThan(0);
    }
  });

  it('keeps near duplicates and reverse complements in one split by cluster (property)', () => {
    const rows = makeRows(300, () => ({})).flatMap((row, i): LabelledSequence[] => [
      { ...row, group: String(i) },
      { ...row, id: `${row.id}rc`, sequence: reverseComplement(row.sequence), label: '0', group: String(i) },
      { ...row, id: `${row.id}near`, sequence: `${row.sequence.slice(1)}A`, group: String(i) },
    ]);
    const { rows: assigned } = assignSplits(rows, { method: 'cluster', seed: 5 }, 'binary');
    expect([...splitsOf(assigned, (row) => row.group).values()].every((splits) => splits.size === 1)).toBe(true);
    const [train, valid, test] = sizes(assigned);
    expect([train, valid, test].map((size) => Math.round(size / 9))).toEqual([70, 10, 20]);
  });

  it.each<[string, LabelledSequence[], Parameters<typeof assignSplits>[1], RegExp]>([
    [
      'some rows without',
      makeRows(4, (i) => (i < 3 ? { split: 'train' } : {})),
      undefined,
      /1 of 4 rows have no split \("r3"/,
    ],
    ['no train', makeRows(4, (i) => ({ split: i < 2 ? 'valid' : 'test' })), undefined, /give only valid and test rows/],
    [
      'no test',
      makeRows(4, (i) => ({ split: i < 2 ? 'train' : 'valid' })),
      undefined,
      /give only train and valid rows/,
    ],
    ['no group', makeRows(9, () => ({})), { method: 'group' }, /row "r0" has no group/],
    ['too few groups', makeRows(9, (i) => ({ group: `g${i % 2}` })), { method: 'group' }, /2 groups for 3 splits/],
    ['too few rows', makeRows(2, () => ({})), { method: 'random' }, /stays empty/],
    [
      'impossible shares',
      makeRows(9, () => ({})),
      { method: 'random', valid: 0.5, test: 0.5 },
      /shares valid 0.5 and test 0.5/,
    ],
    ['no rows', [], undefined, /no rows to split/],
  ])('refuses: %s', (_, rows, policy, message) => {
    expect(() => assignSplits(rows, policy, 'binary')).toThrow(message);
  });
});
