import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { auditSplits, describeAudit, nearDuplicateClusters } from '../../src/quality/audit.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';
import type { Label, SplitName } from '../../src/sequences/labelled-sequence.ts';
import { forNearDuplicates, nearDuplicateK } from '../../src/sequences/near-duplicates.ts';
import golden from '../sequences/goldens/encodings.json' with { type: 'json' };

const random = createRandom('audit tests');
const draw = (n: number) => Array.from({ length: n }, () => 'ACGT'[random.integer(4)]).join('');
const row = (split: SplitName, sequence: string, label: Label = '0') => ({
  id: `${split}${sequence}`,
  sequence,
  label,
  split,
});
/** One letter changed near the end: 8 of its 93 8-mers at most. */
const almost = (s: string) => s.slice(0, -4) + (s.at(-4) === 'A' ? 'C' : 'A') + s.slice(-3);

describe('near duplicates', () => {
  it('are the pairs that Python finds by comparing every two k-mer sets', () => {
    const pairs: number[][] = [];
    forNearDuplicates(
      golden.near.sequences,
      8,
      () => false,
      (i, j) => pairs.push([Math.min(i, j), Math.max(i, j)]),
    );
    pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    expect(golden.near.pairs.length).toBeGreaterThan(50);
    expect(pairs).toEqual(golden.near.pairs);
  });

  it('cluster by single linkage over both strands, numbered by first appearance', () => {
    const [a, b] = [draw(100), draw(100)];
    expect(Array.from(nearDuplicateClusters([a, b, almost(a), reverseComplement(b), draw(100), a]))).toEqual([
      0, 1, 0, 1, 2, 0,
    ]);
    expect(Array.from(nearDuplicateClusters(['ACG', 'CGT', 'NNN', 'ACGA', '']))).toEqual([0, 0, 1, 2, 3]);
  });

  it('use a longer k for longer sequences', () => {
    expect([101, 660, 5000, 1_000_000].map(nearDuplicateK)).toEqual([8, 8, 9, 11]);
  });
});

describe('auditSplits', () => {
  const [a, b, c, d, e] = Array.from({ length: 5 }, () => draw(100));

  it('counts exact, reverse-complement and near duplicates across splits, as rows of the later one', () => {
    const audit = auditSplits(
      [row('train', a), row('train', b), row('train', c), row('valid', d)].concat([
        row('test', a),
        row('test', a),
        row('test', reverseComplement(b)),
        row('test', almost(c)),
        row('test', reverseComplement(almost(d))),
        row('test', e),
      ]),
      'binary',
    );
    expect(audit.across).toEqual([
      { from: 'train', to: 'valid', exact: 0, reverseComplement: 0, near: 0 },
      { from: 'train', to: 'test', exact: 2, reverseComplement: 1, near: 1 },
      { from: 'valid', to: 'test', exact: 0, reverseComplement: 0, near: 1 },
    ]);
    expect(audit.within.test).toEqual({ exact: 1, reverseComplement: 0, near: 0 });
    expect(audit.splits.test?.unique).toBe(5);
  });

  it('counts duplicates within a split', () => {
    const { within } = auditSplits(
      [
        row('train', a),
        row('train', a),
        row('train', reverseComplement(b)),
        row('train', b),
        row('train', c),
        row('train', almost(c)),
      ],
      'binary',
    );
    expect(within.train).toEqual({ exact: 1, reverseComplement: 2, near: 2 });
  });

  it('takes a palindrome for an exact duplicate, not a reverse-complement one', () => {
    const palindrome = a + reverseComplement(a);
    const audit = auditSplits([row('train', palindrome), row('test', palindrome)], 'binary');
    expect(audit.across[0]).toMatchObject({ exact: 1, reverseComplement: 0 });
    expect(audit.within.train).toEqual({ exact: 0, reverseComplement: 0, near: 0 });
  });

  it('finds labels that contradict each other, on the same and on opposite strands', () => {
    const audit = auditSplits(
      [
        row('train', a, '0'),
        row('test', a, '1'),
        row('train', b, '0'),
        row('train', reverseComplement(b), '1'),
        row('train', c),
      ],
      'binary',
    );
    expect(audit.conflictingLabels).toEqual({ sequences: 1, rows: 2, oppositeSequences: 2, oppositeRows: 4 });
  });

  it('summarises sizes, lengths, composition and classes', () => {
    const { splits } = auditSplits(
      [row('train', 'GGCA', '1'), row('train', 'NNTA', '0'), row('train', 'AC', '1')],
      'binary',
    );
    expect(splits).toEqual({
      train: {
        rows: 3,
        unique: 3,
        length: { min: 2, median: 4, max: 4 },
        unknownFraction: 0.2,
        gc: 0.5,
        classes: { 0: 1, 1: 2 },
      },
    });
  });

  it('summarises multilabel and regression labels', () => {
    const multilabel = auditSplits(
      [row('train', a, ['x', 'y']), row('train', b, ['x']), row('train', c, [])],
      'multilabel',
    );
    expect(multilabel.splits.train?.classes).toEqual({ x: 2, y: 1 });
    const regression = auditSplits(
      [1, 2, 3, 4, 9].map((label) => row('train', draw(20), label)),
      'regression',
    );
    expect(regression.splits.train?.quantiles).toEqual([[1, 2, 3, 4, 9]]);
  });

  it('is plain JSON', () => {
    const audit = auditSplits([row('train', a), row('test', 'NNNN')], 'binary');
    expect(JSON.parse(JSON.stringify(audit))).toEqual(audit);
    expect(audit.splits.test?.gc).toBeNull();
  });

  it('describes what it found in lines, leakage from train to test first', () => {
    const lines = describeAudit(auditSplits([row('train', a), row('valid', a), row('test', a, '1')], 'binary'));
    const leaks = lines.filter((line) => line.startsWith('leakage'));
    expect(leaks[0]).toMatch(/1 test rows \(100\.0%\) are also in train: 1 exact/);
    expect(leaks).toHaveLength(3);
    expect(lines.at(-1)).toMatch(/contradiction: 1 sequences \(3 rows\)/);
    expect(describeAudit(auditSplits([row('train', a), row('test', b)], 'binary')).join('\n')).toMatch(
      /no duplicates across/,
    );
  });

  it('stays fast on large families of one sequence', () => {
    const rows = Array.from({ length: 3000 }, (_, i) =>
      row(i % 5 ? 'train' : 'test', a.slice(0, i % 90) + 'ACGT'[i % 4] + a.slice((i % 90) + 1)),
    );
    const start = performance.now();
    auditSplits(rows, 'binary');
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
