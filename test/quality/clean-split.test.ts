import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import type { AuditRow } from '../../src/quality/audit-input.ts';
import { auditTask } from '../../src/quality/audit-task.ts';
import { type CleanOptions, cleanSplit } from '../../src/quality/clean-split.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';
import type { SplitName } from '../../src/sequences/labelled-sequence.ts';

const OPTIONS: CleanOptions = { twins: 'together', homology: false, resplit: false };
const SPLIT_OF: SplitName[] = ['train', 'train', 'train', 'valid', 'test'];

function randomSequence(random: { integer(n: number): number }, length: number): string {
  return Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
}

/** 200 unrelated rows of 100 letters. */
function unrelated(seed: string): AuditRow[] {
  const random = createRandom(seed);
  return Array.from({ length: 200 }, (_, i) => ({
    id: `r${i}`,
    sequence: randomSequence(random, 100),
    label: i % 2 === 0 ? 'yes' : 'no',
    split: SPLIT_OF[i % 5],
  }));
}

/** The sequence with a share of its letters replaced by other letters. */
function mutated(sequence: string, share: number, random: { next(): number; integer(n: number): number }): string {
  return Array.from(sequence, (letter) =>
    random.next() < share ? 'ACGT'.replace(letter, '')[random.integer(3)] : letter,
  ).join('');
}

const extra = (id: string, sequence: string, label: string, split: SplitName): AuditRow => ({
  ...{ id, sequence, label, split },
});

/** Two sequences of equal dinucleotide counts: the segments between the anchors ACG, in another order. */
function twinPair(random: { integer(n: number): number }): [string, string] {
  const parts = Array.from({ length: 8 }, () => `A${randomSequence(random, 10)}A`);
  return [parts.join(''), [3, 6, 1, 4, 7, 2, 5, 0].map((i) => parts[i]).join('')];
}

describe('a cleaned split', () => {
  it('of unrelated rows is the split itself', () => {
    const rows = unrelated('plain');
    const { rows: clean, manifest, components } = cleanSplit(rows, 'binary', OPTIONS);
    expect(clean).toEqual(rows);
    expect(components).toBe(rows.length);
    expect(new Set(manifest.map(({ action }) => action))).toEqual(new Set(['kept']));
    expect(new Set(manifest.map(({ reason }) => reason))).toEqual(new Set(['']));
  });

  it.each([
    ['a reverse complement', (s: string) => reverseComplement(s), 'copy'],
    [
      'a near duplicate',
      (s: string) => `${s.slice(0, 50)}${s[50] === 'A' ? 'C' : 'A'}${s.slice(51)}`,
      'near duplicate',
    ],
    ['a window shifted by 50 letters', (s: string, other: string) => s.slice(50) + other.slice(50), 'window'],
  ])('has %s in the split of the row that it belongs to', (_, change, kind) => {
    const rows = unrelated('linked');
    const other = randomSequence(createRandom('other'), 100);
    rows.push(extra('leak', change(rows[0].sequence, other), 'yes', 'test'));
    const { rows: clean, manifest } = cleanSplit(rows, 'binary', OPTIONS);
    expect(clean).toHaveLength(rows.length);
    expect(manifest.at(-1)).toMatchObject({ id: 'leak', before: 'test', after: 'train', action: 'moved' });
    expect(manifest.at(-1)?.reason).toBe(`in a group of 2 rows: ${kind}`);
    expect(manifest[0]).toMatchObject({ action: 'kept', component: manifest.at(-1)?.component });
  });

  it('keeps homologues together where that is asked for', () => {
    const rows = unrelated('linked');
    for (let i = 0; i < 12; i++) {
      // 19 letters are equal and seed the alignment; of the others every sixth differs: 86% identity and no longer k-mer in common.
      // One letter more in front: no segment is at the same offset, which would make them segment twins.
      const letters = Array.from(rows[i * 5].sequence, (letter, at) =>
        at >= 19 && at % 6 === 1 ? 'ACGT'['TGCA'.indexOf(letter)] : letter,
      );
      rows.push(extra(`homologue${i}`, `A${letters.slice(0, -1).join('')}`, String(rows[i * 5].label), 'test'));
    }
    const reasons = (homology: boolean) =>
      cleanSplit(rows, 'binary', { ...OPTIONS, homology }).manifest.map(({ reason }) => reason);
    expect(new Set(reasons(false))).toEqual(new Set(['']));
    const found = reasons(true).slice(200);
    expect(found.filter((reason) => reason === 'in a group of 2 rows: homologue').length).toBeGreaterThanOrEqual(6);
    expect(reasons(true).filter((reason) => reason !== '')).toHaveLength(2 * found.filter(Boolean).length);
  });

  it('joins rows whose ids are overlapping places of a genome', () => {
    const rows = unrelated('places').map((row, i) => ({ ...row, id: `chr1:${i * 1000}-${i * 1000 + 100}` }));
    rows[4] = { ...rows[4], id: 'chr1:50-150' };
    const { manifest } = cleanSplit(rows, 'binary', OPTIONS);
    expect(manifest[4]).toMatchObject({ before: 'test', after: 'train', reason: 'in a group of 2 rows: coordinates' });
  });

  it('keeps twins together, or removes both of a pair with different labels', () => {
    const random = createRandom('twins');
    const rows = unrelated('twins');
    for (let i = 0; i < 10; i++) {
      const [a, b] = twinPair(random);
      rows.push(extra(`real${i}`, a, 'yes', 'train'), extra(`made${i}`, b, 'no', 'test'));
    }
    const together = cleanSplit(rows, 'binary', OPTIONS);
    const made = together.manifest.filter(({ id }) => id.startsWith('made'));
    expect(made.map(({ after }) => after)).toEqual(new Array(10).fill('train'));
    expect(made[0].reason).toContain('twin');
    const removed = cleanSplit(rows, 'binary', { ...OPTIONS, twins: 'remove' });
    expect(removed.rows).toHaveLength(200);
    expect(removed.manifest.filter(({ action }) => action === 'removed')).toHaveLength(20);
    expect(removed.manifest.at(-1)?.reason).toBe('dinucleotide twin of real9, which has another label');
  });

  it('removes contradictions whole, and repeats but for the training row', () => {
    const rows = unrelated('repeats');
    rows.push(extra('against', rows[0].sequence, 'no', 'test'), extra('again', rows[1].sequence, 'no', 'test'));
    const { rows: clean, manifest } = cleanSplit(rows, 'binary', OPTIONS);
    const removed = manifest.filter(({ action }) => action === 'removed').map(({ id, reason }) => [id, reason]);
    expect(removed).toEqual([
      ['r0', 'contradiction: the same sequence as against, which has another label'],
      ['against', 'contradiction: the same sequence as r0, which has another label'],
      ['again', 'the same sequence and label as r1'],
    ]);
    expect(clean.length + removed.length).toBe(rows.length);
  });

  it('keeps repeated measurements of a regression task together', () => {
    const rows = unrelated('numbers').map((row, i) => ({ ...row, label: i }));
    rows.push({ ...rows[0], id: 'second', label: 7.5, split: 'test' });
    const { manifest } = cleanSplit(rows, 'regression', OPTIONS);
    expect(manifest.at(-1)).toMatchObject({ id: 'second', after: 'train', action: 'moved' });
  });

  it('divided anew cuts no group and passes the audit of overlap', () => {
    const rows = unrelated('anew');
    const random = createRandom('mutations');
    for (let i = 0; i < 60; i++) {
      const source = rows[i].sequence;
      rows.push(extra(`copy${i}`, mutated(source, 0.01, random), String(rows[i].label), SPLIT_OF[(i + 2) % 5]));
    }
    const overlap = (some: readonly AuditRow[]) =>
      auditTask({ kind: 'binary', rows: some }).checks.find(({ id }) => id === 'overlap.near');
    expect(overlap(rows)?.verdict).toBe('FAIL');
    for (const resplit of [false, true]) {
      const cleaned = cleanSplit(rows, 'binary', { ...OPTIONS, resplit });
      expect(overlap(cleaned.rows)).toMatchObject({ verdict: 'PASS', value: 0 });
      const splits = new Map<number, Set<string>>();
      for (const { component, after } of cleaned.manifest) {
        if (component === null || after === null) continue;
        splits.set(component, (splits.get(component) ?? new Set()).add(after));
      }
      expect([...splits.values()].every(({ size }) => size === 1)).toBe(true);
    }
  });

  it('is refused where a split would be empty, and for clusterings', () => {
    const rows = unrelated('empty').filter(({ split }) => split !== 'test');
    rows.push(extra('only', `${rows[0].sequence.slice(1)}A`, 'yes', 'test'));
    expect(() => cleanSplit(rows, 'binary', OPTIONS)).toThrow(/no test rows would be left/);
    expect(() => cleanSplit(rows, 'clustering', OPTIONS)).toThrow(/no training rows that could leak/);
  });
});
