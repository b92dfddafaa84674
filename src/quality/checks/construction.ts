/**
 * How the set was put together.
 * - unmatched site: a k-mer (k = 1..3) at a fixed position is in at least 95% of the fitted rows of one class; the statistic is the share
 *   of the other classes' test rows without it (negatives that were not matched on the site)
 * - library: constant segments (16-mers at one offset in 5% of the rows or more); test MCC or r of "which segments a row has"
 * - genome membership: share of a row's 16-mers that occur in the reference; test MCC or r of that share
 */
import type { AuditInput } from '../audit-input.ts';
import type { PackedSequences } from '../packed-sequences.ts';
import type { CheckResult } from '../quality-report.ts';
import { categoryRule } from '../rules/category.ts';
import { binned } from '../rules/feature-bins.ts';
import { everyNth } from '../rules/position-table.ts';
import { DEFINITIONS } from '../thresholds.ts';
import { judge, percent, skipped } from './check.ts';
import { ruleCheck } from './shortcuts.ts';

const MOST_ROWS = 40_000;
const MOST_LENGTH = 2000;
const LEAST_CLASS = 20;

export function unmatchedSite(input: AuditInput): CheckResult {
  const id = 'construction.unmatched-site';
  const statistic = 'share of test rows of the other classes without the k-mer that defines a class';
  const { packed } = input.data;
  const [question] = input.questions;
  if (input.kind !== 'binary' && input.kind !== 'multiclass') return skipped(id, statistic, 'needs one class per row');
  if (packed.shortest !== packed.longest || packed.longest > MOST_LENGTH)
    return skipped(id, statistic, `needs sequences of one length of at most ${MOST_LENGTH}`);
  const { classes, values } = question;
  const rows = everyNth(input.askedFit, MOST_ROWS);
  const total = new Float64Array(classes);
  for (const row of rows) total[values[row]]++;
  let best: { gap: number; k: number; position: number; word: number; cls: number } | undefined;
  for (const k of [1, 2, 3]) {
    const words = 4 ** k;
    const counts = new Float64Array(words * classes);
    for (let position = 0; position + k <= packed.longest; position++) {
      counts.fill(0);
      for (const row of rows) {
        const word = wordAt(packed, row, position, k);
        if (word >= 0) counts[word * classes + values[row]]++;
      }
      for (let word = 0; word < words; word++) {
        let all = 0;
        for (let c = 0; c < classes; c++) all += counts[word * classes + c];
        for (let cls = 0; cls < classes; cls++) {
          const others = rows.length - total[cls];
          if (total[cls] < LEAST_CLASS || others < LEAST_CLASS) continue;
          const own = counts[word * classes + cls];
          if (own < DEFINITIONS.siteShare * total[cls]) continue;
          const gap = own / total[cls] - (all - own) / others;
          if (gap > (best?.gap ?? 0) + 1e-12) best = { gap, k, position, word, cls };
        }
      }
    }
  }
  if (best === undefined)
    return judge(id, { statistic, value: 0, reason: 'no k-mer at a fixed position defines a class' });
  const { k, position, word, cls } = best;
  let others = 0;
  let without = 0;
  let own = 0;
  let ownWith = 0;
  const examples: string[][] = [];
  for (const row of input.askedTest) {
    const has = wordAt(packed, row, position, k) === word;
    if (values[row] === cls) {
      own++;
      if (has) ownWith++;
      continue;
    }
    others++;
    if (has) continue;
    without++;
    if (examples.length < 5) examples.push([input.rows[row].id]);
  }
  const letters = Array.from({ length: k }, (_, j) => 'ACGT'[(word >> (2 * (k - 1 - j))) & 3]).join('');
  const holds = own > 0 && ownWith >= 0.9 * own;
  return judge(id, {
    statistic,
    value: holds && others > 0 ? without / others : 0,
    reason: `${letters} at position ${position + 1} is in ${percent(ownWith, own)} of the test rows of one class; ${without} of ${others} test rows of the others lack it`,
    examples,
    evidence: { kmer: letters, position: position + 1 },
    atMost: classes > 2 ? 'WARN' : 'FAIL', // with several classes, several sites may be real
  });
}

function wordAt({ codes, offsets }: PackedSequences, row: number, position: number, k: number): number {
  let word = 0;
  for (let at = offsets[row] + position, end = at + k; at < end; at++) {
    if (codes[at] === 4) return -1;
    word = word * 4 + codes[at];
  }
  return word;
}

const LIBRARY_K = 16;
const LIBRARY_ROWS = 5000;
const LEAST_KMERS = 5;
const MOST_SEGMENTS = 30;

interface Segment {
  readonly word: number;
  readonly offset: number;
  readonly rows: number;
}

export function library(input: AuditInput): CheckResult {
  const id = 'construction.library';
  const { packed } = input.data;
  const segments = constantSegments(packed);
  if (segments.length === 0)
    return judge(id, {
      statistic: 'test MCC or r of the constant segments that a row has',
      value: 0,
      reason: `no segment of ${LIBRARY_K + LEAST_KMERS - 1} letters is in 5% of the rows at one offset`,
    });
  const signature = (row: number) =>
    segments.reduce((bits, { word, offset }) => {
      const fits = packed.offsets[row + 1] - packed.offsets[row] >= offset + LIBRARY_K;
      return bits * 2 + (fits && longWord(packed, packed.offsets[row] + offset) === word ? 1 : 0);
    }, 0);
  const rule = categoryRule('library', `which of ${segments.length} constant segments the row has`, signature);
  const result = ruleCheck(input, id, [rule]);
  const places = segments.map(
    ({ offset, rows }) => `offset ${offset + 1} in ${percent(rows, Math.min(packed.count, LIBRARY_ROWS))}`,
  );
  return {
    ...result,
    evidence: { ...result.evidence, segments: segments.length, places: places.slice(0, 5).join(', ') },
  };
}

/** Segments of at least 20 letters, most frequent first, from at most 5,000 rows. */
function constantSegments(packed: PackedSequences): Segment[] {
  const rows = everyNth(
    Uint32Array.from({ length: packed.count }, (_, i) => i),
    LIBRARY_ROWS,
  );
  const keys: number[] = [];
  for (const row of rows) {
    const first = packed.offsets[row];
    const end = Math.min(packed.offsets[row + 1], first + MOST_LENGTH);
    for (let at = first; at + LIBRARY_K <= end; at++) {
      const word = longWord(packed, at);
      if (word >= 0) keys.push(word * 2048 + (at - first));
    }
  }
  const sorted = Float64Array.from(keys).sort();
  const found: Segment[] = [];
  for (let from = 0, to = 0; from < sorted.length; from = to) {
    const word = Math.floor(sorted[from] / 2048);
    let most = 0;
    let offset = 0;
    while (to < sorted.length && Math.floor(sorted[to] / 2048) === word) {
      const here = to;
      while (to < sorted.length && sorted[to] === sorted[here]) to++;
      if (to - here > most) {
        most = to - here;
        offset = sorted[here] % 2048;
      }
    }
    const fixed = most >= DEFINITIONS.libraryOffset * (to - from);
    if (fixed && most >= DEFINITIONS.librarySupport * rows.length && isComplex(word))
      found.push({ word, offset, rows: most });
  }
  return mergeSegments(found);
}

/** One 16-mer for each run of at least five 16-mers at successive offsets with the same number of rows (2% apart). */
function mergeSegments(kmers: readonly Segment[]): Segment[] {
  const open = [...kmers].sort((a, b) => a.offset - b.offset || b.rows - a.rows);
  const runs: { first: Segment; last: Segment; count: number }[] = [];
  for (const kmer of open) {
    const run = runs.find(
      ({ last }) =>
        last.offset + 1 === kmer.offset &&
        Math.abs(last.rows - kmer.rows) <= 0.02 * kmer.rows &&
        last.word % 4 ** (LIBRARY_K - 1) === Math.floor(kmer.word / 4),
    );
    if (run) {
      run.last = kmer;
      run.count++;
    } else runs.push({ first: kmer, last: kmer, count: 1 });
  }
  return runs
    .filter(({ count }) => count >= LEAST_KMERS)
    .map(({ first }) => first)
    .sort((a, b) => b.rows - a.rows)
    .slice(0, MOST_SEGMENTS);
}

function isComplex(word: number): boolean {
  const pairs = new Set<number>();
  for (let rest = word, j = 0; j < LIBRARY_K - 1; j++, rest = Math.floor(rest / 4)) pairs.add(rest % 16);
  return pairs.size > 3;
}

function longWord({ codes }: PackedSequences, from: number): number {
  let word = 0;
  for (let at = from; at < from + LIBRARY_K; at++) {
    if (codes[at] === 4) return -1;
    word = word * 4 + codes[at];
  }
  return word;
}

/** @param shares `[rows]` share of a row's 16-mers in the reference; undefined where no reference was given. */
export function genomeMembership(input: AuditInput, shares: Float64Array | undefined): CheckResult {
  const id = 'construction.genome-membership';
  if (shares === undefined)
    return skipped(
      id,
      'test MCC or r of the share of 16-mers in the reference',
      'no reference was given: add --genome FILE',
    );
  const column = (_: unknown, rows: ArrayLike<number>) =>
    Float64Array.from({ length: rows.length }, (_, i) => shares[rows[i]]);
  const result = ruleCheck(input, id, [
    {
      id: 'genome',
      title: 'share of 16-mers in the reference',
      fit: (data, question, rows) => binned(column, data, question, rows),
    },
  ]);
  const members = shares.reduce((sum, share) => sum + (share >= 0.9 ? 1 : 0), 0);
  return { ...result, evidence: { ...result.evidence, members, rows: shares.length } };
}
