import { describe, expect, it } from 'vitest';
import { describeOddNames, unifySpellings } from '../../../src/harness/tasks/label-spellings.ts';
import { guessKind, sortClasses, vectorsAsSets } from '../../../src/harness/tasks/labels.ts';
import type { Label } from '../../../src/sequences/labelled-sequence.ts';

const rowsOf = (labels: readonly Label[]) => labels.map((label, i) => ({ id: `r${i}`, sequence: 'ACGT', label }));
function unified(labels: readonly string[]) {
  const notes: string[] = [];
  const rows = unifySpellings(rowsOf(labels), (line) => notes.push(line));
  return { labels: rows.map(({ label }) => label), notes };
}

describe('spellings of a class', () => {
  it.each([
    ['numbers', ['0', '1.0', '0.0', '1', '+1', '1e0'], ['0', '1', '0', '1', '1', '1']],
    ['truth values', ['True', 'FALSE', 'true', 'False'], ['true', 'false', 'true', 'false']],
    ['truth values beside 0 and 1', ['True', '0', '1', 'false'], ['1', '0', '1', '0']],
    ['a missing value beside them', ['0', '0.0', 'None'], ['0', '0', 'None']],
  ])('%s are one class, with a note', (_, labels, expected) => {
    const { labels: found, notes } = unified(labels);
    expect(found).toEqual(expected);
    expect(notes).toEqual([expect.stringMatching(/^labels written in several ways are read as one class: /)]);
  });

  it.each([
    ['one spelling each', ['01', '2', '10']],
    ['texts', ['1', '1.0', '1a']],
    ['true beside other numbers', ['true', '1', '2']],
    ['whole numbers beyond float64', ['12345678901234567', '12345678901234568']],
  ])('%s stay as they are', (_, labels) => {
    expect(unified(labels)).toEqual({ labels, notes: [] });
  });

  it('names classes that differ in case or blanks, and words for missing values', () => {
    const rows = rowsOf(['Pan paniscus', 'pan  paniscus', 'Homo', 'None', 'None', 'NA', '', 'x']);
    expect(describeOddNames('multiclass', rows)).toEqual([
      'classes that differ only in case or blanks: "Pan paniscus" (1 rows) and "pan  paniscus" (1 rows); write them alike if they are one class',
      '1 rows have the label "NA", which usually marks a missing value; it is read as a class. Remove these rows if it is none',
      '2 rows have the label "None", which usually marks a missing value; it is read as a class. Remove these rows if it is none',
    ]);
    expect(describeOddNames('binary', rowsOf(['0', '1']))).toEqual([]);
  });

  it('sorts classes alike whatever the order of rows', () => {
    expect(sortClasses(['1.0', '0', '1', '0.0'])).toEqual(sortClasses(['0.0', '1', '0', '1.0']));
  });
});

describe('labels that are lists', () => {
  it.each<[string, Label[], string]>([
    [
      'zeros and ones of one length',
      [
        [1, 0],
        [0, 1],
        [0, 0],
      ],
      'multilabel',
    ],
    [
      'other numbers of one length',
      [
        [0, 0.07],
        [0.5, 0.28],
      ],
      'regression',
    ],
    [
      'whole numbers of one length',
      [
        [3, 7],
        [2, 2],
      ],
      'regression',
    ],
    ['whole numbers of several lengths', [[3, 7], [2]], 'multilabel'],
    ['names', [['a'], ['a', 'b']], 'multilabel'],
  ])('%s', (_, labels, kind) => {
    expect(guessKind(labels).kind).toBe(kind);
  });

  it('reads vectors as the labels at the places of their ones', () => {
    const notes: string[] = [];
    const rows = vectorsAsSets(
      rowsOf([
        [0, 1, 1, 0],
        [1, 0, 0, 0],
      ]),
      undefined,
      (line) => notes.push(line),
    );
    expect(rows.map(({ label }) => label)).toEqual([['2', '3'], ['1']]);
    expect(notes[1]).toBe('labels true in no row, and left out: 4');
    expect(vectorsAsSets(rowsOf([[0, 1]]), ['dev', 'hk'])[0].label).toEqual(['hk']);
  });
});
