import { describe, expect, it } from 'vitest';
import { type AuditOptions, type AuditTask, auditTask } from '../../src/quality/audit-task.ts';
import { qualityReportSchema } from '../../src/quality/quality-report.ts';
import { CHECK_IDS, type CheckId, THRESHOLDS } from '../../src/quality/thresholds.ts';
import {
  changed,
  cleanTask,
  drawSequence,
  isPositive,
  isTest,
  mutate,
  opposite,
  random,
  shuffleDinucleotides,
} from './planted-faults.ts';

function check(id: CheckId, task: AuditTask, options: AuditOptions = {}) {
  const found = auditTask(task, options).checks.find((result) => result.id === id);
  if (!found) throw new Error(`no check ${id}`);
  return found;
}

const dress = (sequence: string, at: number, word: string) =>
  sequence.slice(0, at) + word + sequence.slice(at + word.length);

const backbone = drawSequence(60);
const clean = cleanTask();
const fullLength = clean.rows.map(({ sequence }) => sequence);

/** One fault per check: the task, the verdict and, where the share is planted, the value. */
const FAULTS: readonly [CheckId, string, () => AuditTask, 'WARN' | 'FAIL', number?, AuditOptions?][] = [
  [
    'overlap.exact',
    'a tenth of the test rows are reverse complements of training rows',
    () =>
      changed((row, i, rows) =>
        isTest(row) && i % 10 === 0 ? { ...row, sequence: opposite(rows[i - 500].sequence) } : row,
      ),
    'FAIL',
    0.1,
  ],
  [
    'overlap.near',
    'a fifth of the test rows are training rows with two letters changed',
    () =>
      changed((row, i, rows) =>
        isTest(row) && i % 5 === 0 ? { ...row, sequence: mutate(rows[i - 500].sequence, 60) } : row,
      ),
    'FAIL',
    0.2,
  ],
  [
    'overlap.windows',
    'half of the test rows are training rows shifted by 70 letters',
    () =>
      changed((row, i, rows) =>
        isTest(row) && i % 2 === 0 ? { ...row, sequence: rows[i - 500].sequence.slice(70) + drawSequence(70) } : row,
      ),
    'FAIL',
  ],
  [
    'overlap.homology',
    'half of the test rows are training rows with one letter in 18 changed',
    () =>
      changed((row, i, rows) =>
        isTest(row) && i % 2 === 0 ? { ...row, sequence: mutate(rows[i - 500].sequence, 18) } : row,
      ),
    'FAIL',
    undefined,
    { homology: true },
  ],
  [
    'overlap.copies',
    'every row is in the other task',
    cleanTask,
    'FAIL',
    undefined,
    { others: [{ name: 'other', sequences: [] }] },
  ],
  [
    'shortcut.length',
    'positives are two letters longer',
    () => changed((row) => (isPositive(row) ? { ...row, sequence: `${row.sequence}AC` } : row)),
    'FAIL',
    1,
  ],
  [
    'shortcut.unknown-letters',
    'two thirds of the negatives have an N',
    () =>
      changed((row, i) => (!isPositive(row) && i % 3 !== 0 ? { ...row, sequence: dress(row.sequence, 50, 'N') } : row)),
    'FAIL',
  ],
  [
    'shortcut.composition',
    'positives are rich in G and C',
    () => changed((row) => (isPositive(row) ? { ...row, sequence: row.sequence.replaceAll('A', 'G') } : row)),
    'WARN',
  ],
  [
    'shortcut.markov',
    'positives repeat ACGT',
    () => changed((row) => (isPositive(row) ? { ...row, sequence: dress(row.sequence, 40, 'ACGT'.repeat(10)) } : row)),
    'WARN',
  ],
  [
    'shortcut.position-motif',
    'positives have GT at position 61',
    () => changed((row) => ({ ...row, sequence: dress(row.sequence, 60, isPositive(row) ? 'GT' : 'AC') })),
    'FAIL',
    1,
  ],
  [
    'shortcut.anchored-motif',
    'positives of several lengths end with TAA',
    () => changed((row, i) => ({ ...row, sequence: row.sequence.slice(i % 17) + (isPositive(row) ? 'TAA' : 'CCC') })),
    'FAIL',
    1,
  ],
  [
    'shortcut.low-information',
    'a tenth of the test rows are mostly N',
    () =>
      changed((row, i) =>
        isTest(row) && i % 10 === 0 ? { ...row, sequence: dress(row.sequence, 20, 'N'.repeat(80)) } : row,
      ),
    'FAIL',
    0.1,
  ],
  [
    'construction.shuffle-twins',
    'test negatives are dinucleotide shuffles of training positives',
    () =>
      changed((row, i, rows) =>
        isTest(row) && !isPositive(row) ? { ...row, sequence: shuffleDinucleotides(rows[i - 499].sequence) } : row,
      ),
    'FAIL',
    0.5,
  ],
  [
    'construction.segment-twins',
    'test negatives are training positives with half of the segments replaced',
    () =>
      changed((row, i, rows) =>
        isTest(row) && !isPositive(row)
          ? { ...row, sequence: rows[i - 499].sequence.slice(0, 60) + drawSequence(60) }
          : row,
      ),
    'FAIL',
    0.5,
  ],
  [
    'construction.synthetic-negatives',
    'each negative is a dinucleotide shuffle of the positive beside it',
    () => {
      const { kind, rows } = cleanTask();
      return {
        kind,
        rows: rows.map((row, i) =>
          isPositive(row) ? row : { ...row, sequence: shuffleDinucleotides(rows[i + 1].sequence) },
        ),
      };
    },
    'FAIL',
    1,
  ],
  [
    'construction.unmatched-site',
    'every positive has AG at position 31, negatives do not',
    () => changed((row) => (isPositive(row) ? { ...row, sequence: dress(row.sequence, 30, 'AG') } : row)),
    'FAIL',
  ],
  [
    'construction.library',
    'positives have one constant backbone of 60 letters',
    () => changed((row) => (isPositive(row) ? { ...row, sequence: dress(row.sequence, 10, backbone) } : row)),
    'FAIL',
    1,
  ],
  [
    'construction.genome-membership',
    'the reference holds the positives only',
    cleanTask,
    'FAIL',
    1,
    { genomeShares: Float64Array.from(clean.rows, (row) => (isPositive(row) ? 1 : 0)) },
  ],
  [
    'confound.group',
    'each class was measured in its own batch',
    () => changed((row) => ({ ...row, group: isPositive(row) ? 'batch 1' : 'batch 2' })),
    'WARN',
    1,
  ],
  [
    'confound.chromosome',
    'each class has its own chromosomes',
    () => changed((row, i) => ({ ...row, id: `chr${isPositive(row) ? 1 : 2}:${1000 * i}-${1000 * i + 120}` })),
    'FAIL',
    1,
  ],
  [
    'confound.position',
    'positives come first on the chromosome',
    () =>
      changed((row, i) => ({
        ...row,
        id: `chr1:${(isPositive(row) ? 0 : 1e6) + 1000 * i}-${(isPositive(row) ? 0 : 1e6) + 1000 * i + 120}`,
      })),
    'FAIL',
    1,
  ],
  [
    'labels.contradictions',
    'seventy rows are copies of the row before with the other label',
    () => {
      const { kind, rows } = cleanTask();
      return { kind, rows: rows.map((row, i) => (i % 20 === 1 ? { ...row, sequence: rows[i - 1].sequence } : row)) };
    },
    'FAIL',
    0.1,
  ],
  [
    'labels.near-contradictions',
    'seventy rows differ from the row before in two letters and have the other label',
    () => {
      const { kind, rows } = cleanTask();
      return {
        kind,
        rows: rows.map((row, i) => (i % 20 === 1 ? { ...row, sequence: mutate(rows[i - 1].sequence, 60) } : row)),
      };
    },
    'FAIL',
    0.1,
  ],
  [
    'labels.balance',
    'the test rows are four fifths negative',
    () => changed((row, i) => (isTest(row) ? { ...row, label: i % 5 === 0 ? '1' : '0' } : row)),
    'WARN',
    0.3,
  ],
  [
    'shift.train-test',
    'the test rows come from a genome rich in A',
    () =>
      changed((row) =>
        isTest(row)
          ? { ...row, sequence: Array.from(row.sequence, (l) => (l === 'C' && random.next() < 0.5 ? 'A' : l)).join('') }
          : row,
      ),
    'WARN',
  ],
];

describe('the audit of a task', () => {
  it('has one planted fault per check that is not always skipped', () => {
    const planted = FAULTS.map(([id]) => id);
    const others = CHECK_IDS.filter((id) => !planted.includes(id));
    expect(others).toEqual(['overlap.pair', 'shortcut.case']);
  });

  it.each(FAULTS)('%s finds that %s', (id, _title, make, verdict, value, options) => {
    const others = options?.others?.map(({ name }) => ({ name, sequences: fullLength }));
    const task = id === 'overlap.copies' ? clean : make();
    const result = check(id, task, { ...options, ...(others ? { others } : {}) });
    expect([result.verdict, result.reason]).toEqual([verdict, result.reason]);
    if (value !== undefined) expect(result.value).toBeCloseTo(value, 2);
  });

  it('passes every check on random sequences with random labels', () => {
    const report = auditTask(clean, {
      homology: true,
      others: [{ name: 'other', sequences: cleanTask().rows.map(({ sequence }) => sequence) }],
      genomeShares: Float64Array.from(clean.rows, () => random.next()),
    });
    expect(report.checks.filter(({ verdict }) => verdict === 'WARN' || verdict === 'FAIL')).toEqual([]);
    expect(report.verdict).toBe('PASS');
    expect(qualityReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(report.checks.map(({ id }) => id)).toEqual(CHECK_IDS);
    expect(report.checks.every(({ id, thresholds }) => thresholds.warn === THRESHOLDS[id as CheckId].warn)).toBe(true);
  });

  it('finds lower case that marks a class', () => {
    const lowerCase = Float64Array.from(clean.rows, (row) => (isPositive(row) ? 0.5 : 0));
    expect(check('shortcut.case', { ...clean, lowerCase })).toMatchObject({ verdict: 'FAIL', value: 1 });
  });

  it('scores the rules of a regression task by r, and skips what needs classes', () => {
    const task: AuditTask = {
      kind: 'regression',
      rows: clean.rows.map((row) => ({
        ...row,
        label: row.sequence.split('G').length + row.sequence.split('C').length,
      })),
    };
    const report = auditTask(task);
    const verdicts = Object.fromEntries(report.checks.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toMatchObject({
      'shortcut.composition': 'WARN',
      'construction.shuffle-twins': 'SKIP',
      'labels.balance': 'SKIP',
    });
    expect(report.checks.find(({ id }) => id === 'shortcut.composition')?.value).toBeGreaterThan(0.9);
  });

  it('takes the worst label of a multilabel task', () => {
    const rows = clean.rows.map((row, i) => ({
      ...row,
      sequence: i % 3 === 0 ? `${row.sequence}A` : row.sequence,
      label: [...(i % 3 === 0 ? ['long'] : []), i % 2 === 0 ? 'even' : 'odd'],
    }));
    const result = check('shortcut.length', { kind: 'multilabel', rows });
    expect(result).toMatchObject({ verdict: 'FAIL', value: 1 });
    expect(result.reason).toContain('long');
  });
});
