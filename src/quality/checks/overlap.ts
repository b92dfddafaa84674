/**
 * Overlap of test rows with the rows that a contender is fitted on (train and validation).
 * - exact: share of test rows whose sequence, or its reverse complement, is a fitted row
 * - near: share with a fitted row at Jaccard >= 0.8 of canonical k-mer sets, or with a collinear stretch over half of the row
 * - windows: share with a fitted row cut from the same locus at another offset: overlapping coordinates in the ids, or a collinear
 *   stretch of shared 16-mers over a fifth of the row, off the main diagonal
 * - homology: share with a fitted row at 80% identity over half of the shorter sequence, by banded local alignment at shared 16-mers
 * - copies: share of all rows that are in another task
 * Shared pass: one MinHash search (near) also gives near duplicates with other labels.
 */
import { forNearDuplicates, nearDuplicateK } from '../../sequences/near-duplicates.ts';
import { alignAtSeed } from '../alignment-at-seed.ts';
import type { AuditInput } from '../audit-input.ts';
import { overlapsByCoordinates } from '../coordinates.ts';
import { type KmerIndex, openKmerIndex } from '../kmer-index.ts';
import type { PackedSequences } from '../packed-sequences.ts';
import type { CheckResult } from '../quality-report.ts';
import { DEFINITIONS } from '../thresholds.ts';
import { judgeShare, percent, skipped } from './check.ts';

export interface Overlaps {
  /** `[rows]` 1 + index of a fitted row with the same sequence up to strand; 0 for none. Test rows only. */
  readonly exact: Int32Array;
  /** The same for near duplicates. */
  readonly near: Int32Array;
  /** The same for windows of one locus. */
  readonly windows: Int32Array;
  /** `[unique]` 1 + index of a near duplicate among the distinct sequences that has another label; 0 for none. */
  readonly nearConflict: Int32Array;
  readonly k: number;
  readonly index: KmerIndex;
}

const FIT_BITS = 0b011;
const TEST_BIT = 0b100;

export function findOverlaps(input: AuditInput): Overlaps {
  const { rows, data, unique, indexOf, labelOf, splitBit, fit, test } = input;
  const splits = new Uint8Array(unique.length);
  const firstFit = new Int32Array(unique.length);
  const label = new Int32Array(unique.length);
  for (let r = rows.length - 1; r >= 0; r--) {
    const u = indexOf[r];
    splits[u] |= splitBit[r];
    label[u] = labelOf[r];
    if (splitBit[r] !== TEST_BIT) firstFit[u] = r + 1;
  }
  const nearFit = new Int32Array(unique.length);
  const nearConflict = new Int32Array(unique.length);
  const k = nearDuplicateK(data.packed.longest);
  const wanted = (i: number, j: number) =>
    (splits[i] & TEST_BIT) !== 0 && nearFit[i] === 0 && (splits[j] & FIT_BITS) !== 0;
  const conflict = (i: number, j: number) => label[i] !== label[j] && (nearConflict[i] === 0 || nearConflict[j] === 0);
  forNearDuplicates(
    unique,
    k,
    (i, j) => !wanted(i, j) && !wanted(j, i) && !conflict(i, j),
    (i, j) => {
      if (wanted(i, j)) nearFit[i] = firstFit[j];
      if (wanted(j, i)) nearFit[j] = firstFit[i];
      if (label[i] === label[j]) return;
      if (nearConflict[i] === 0) nearConflict[i] = j + 1;
      if (nearConflict[j] === 0) nearConflict[j] = i + 1;
    },
  );
  const result = {
    exact: new Int32Array(rows.length),
    near: new Int32Array(rows.length),
    windows: new Int32Array(rows.length),
  };
  const index = openKmerIndex(data.packed, fit);
  for (const row of test) {
    result.exact[row] = firstFit[indexOf[row]];
    result.near[row] = nearFit[indexOf[row]];
    markStretches(index, data.packed, row, indexOf, result);
  }
  return { ...result, nearConflict, k, index };
}

function markStretches(
  index: KmerIndex,
  packed: PackedSequences,
  row: number,
  indexOf: Int32Array,
  marks: { readonly near: Int32Array; readonly windows: Int32Array },
): void {
  const length = lengthOf(packed, row);
  for (const found of index.search(packed, row, 2)) {
    if (indexOf[found.row] === indexOf[row]) continue;
    // On average one 16-mer in four is sampled: half of the expected seeds, so that a few differences do not hide a stretch.
    if (found.seeds < found.span / 16) continue;
    if (found.span >= length / 2 && marks.near[row] === 0) marks.near[row] = found.row + 1;
    const main = found.reversed ? length - 16 : 0;
    const shifted = found.reversed ? Math.abs(found.diagonal - main) > 3 : Math.abs(found.diagonal) > 3;
    if (shifted && found.span >= DEFINITIONS.windowShare * length && marks.windows[row] === 0)
      marks.windows[row] = found.row + 1;
    if (marks.near[row] !== 0 && marks.windows[row] !== 0) return;
  }
}

/** The checks of overlap; homology only where it is asked for. */
export function overlapChecks(
  input: AuditInput,
  overlaps: Overlaps,
  options: { readonly homology?: boolean },
): CheckResult[] {
  if (input.kind === 'clustering') {
    return (['exact', 'near', 'windows', 'pair', 'homology'] as const).map((name) =>
      skipped(`overlap.${name}`, 'share of test rows that overlap fitted rows', 'a clustering is fitted on no rows'),
    );
  }
  const { test, rows } = input;
  const share = (marks: Int32Array) => test.filter((row) => marks[row] > 0);
  const pairs = (some: Uint32Array, marks: Int32Array) =>
    Array.from(some.slice(0, 5), (row) => [rows[row].id, rows[marks[row] - 1].id]);
  const exact = share(overlaps.exact);
  const nearOnly = overlaps.near.map((mark, row) => (overlaps.exact[row] > 0 ? overlaps.exact[row] : mark));
  const near = share(nearOnly);
  const byCoordinates = overlapsByCoordinates(rows, input.fit, test);
  const windowMarks = overlaps.windows.map((mark, row) => (byCoordinates?.[row] ? byCoordinates[row] : mark));
  const windows = share(windowMarks);
  const n = test.length;
  return [
    judgeShare('overlap.exact', exact.length, n, {
      statistic: 'share of test rows with an exact or reverse-complement copy in train or valid',
      reason: `${exact.length} of ${n} test rows (${percent(exact.length, n)}) are in train or valid, up to strand`,
      examples: pairs(exact, overlaps.exact),
    }),
    judgeShare('overlap.near', near.length, n, {
      statistic: `share of test rows with a near duplicate in train or valid (Jaccard >= 0.8 of ${overlaps.k}-mers, or half of the row)`,
      reason: `${near.length} of ${n} test rows (${percent(near.length, n)}) have a near duplicate in train or valid, ${exact.length} of them an exact copy`,
      examples: pairs(near, nearOnly),
      evidence: { k: overlaps.k, exact: exact.length },
    }),
    judgeShare('overlap.windows', windows.length, n, {
      statistic: 'share of test rows that overlap a train or valid row at another offset',
      reason: `${windows.length} of ${n} test rows (${percent(windows.length, n)}) overlap a train or valid row at another offset${byCoordinates ? ', by coordinates or shared 16-mers' : ', by shared 16-mers'}`,
      examples: pairs(windows, windowMarks),
      evidence: { coordinates: byCoordinates ? 'read from ids' : 'none in ids' },
    }),
    skipped(
      'overlap.pair',
      'share of test pairs whose two members are both in train or valid',
      'a row has one sequence, not a pair',
    ),
    homology(input, overlaps.index, options.homology ?? false),
  ];
}

function homology({ data, test, rows }: AuditInput, index: KmerIndex, wanted: boolean): CheckResult {
  const statistic = 'share of test rows with a homologue in train or valid (80% identity over half of the shorter)';
  if (!wanted) return skipped('overlap.homology', statistic, 'not asked for: add --homology (slow)');
  const { packed } = data;
  const examples: string[][] = [];
  let count = 0;
  for (const row of test) {
    for (const found of index.search(packed, row, 1).slice(0, 5)) {
      const { identity, columns } = alignAtSeed(packed, row, found);
      const shorter = Math.min(lengthOf(packed, row), lengthOf(packed, found.row));
      if (identity < DEFINITIONS.homologIdentity || columns < DEFINITIONS.homologCoverage * shorter) continue;
      count++;
      examples.push([rows[row].id, rows[found.row].id]);
      break;
    }
  }
  return judgeShare('overlap.homology', count, test.length, {
    statistic,
    reason: `${count} of ${test.length} test rows (${percent(count, test.length)}) have a homologue in train or valid`,
    examples,
  });
}

/** Rows that are in another task: equal up to strand, or with a collinear stretch over half of the row. */
export function copiesCheck(
  input: AuditInput,
  others: readonly { name: string; packed: PackedSequences }[],
): CheckResult {
  const statistic = 'share of rows that are in another task, exactly or over half of their length';
  if (others.length === 0) return skipped('overlap.copies', statistic, 'no other task was given: add --against TASK');
  const { packed } = input.data;
  const found = new Map<number, string>();
  for (const { name, packed: other } of others) {
    const all = Uint32Array.from({ length: other.count }, (_, i) => i);
    const index = openKmerIndex(other, all);
    for (let row = 0; row < packed.count; row++) {
      if (found.has(row)) continue;
      const [best] = index.search(packed, row, 2);
      if (best && best.seeds >= best.span / 16 && best.span >= lengthOf(packed, row) / 2) found.set(row, name);
    }
  }
  return judgeShare('overlap.copies', found.size, packed.count, {
    statistic,
    reason: `${found.size} of ${packed.count} rows (${percent(found.size, packed.count)}) are in ${others.map(({ name }) => name).join(', ')}`,
    examples: [...found].slice(0, 5).map(([row, name]) => [input.rows[row].id, name]),
  });
}

function lengthOf({ offsets }: PackedSequences, row: number): number {
  return offsets[row + 1] - offsets[row];
}
