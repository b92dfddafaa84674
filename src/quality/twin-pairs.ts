/**
 * Pairs of rows that were made from each other. Dinucleotide twins have the same dinucleotide counts and differ in more than 40% of
 * their positions. Segment twins have one length, at least three equal 12-mers at the same offsets, and 40% to 100% equal positions.
 */
import type { AuditInput } from './audit-input.ts';
import { type PackedSequences, positionIdentity } from './packed-sequences.ts';
import { orderOf } from './statistics.ts';
import { DEFINITIONS } from './thresholds.ts';

/** Pairs of row indices, `first[i] < second[i]`; of two equal sequences only the first row is paired. */
export interface TwinPairs {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/** Rows of one key above which a group is left out: low complexity, not construction. */
const MOST_GROUP = 64;
const SEGMENT_K = 12;
const LEAST_SHARED = 3;
/** Three equal 12-mers in a row are 14 letters, which contain one 12-mer at a multiple of 3: only those propose pairs. */
const STRIDE = 3;
const MOST_SEGMENT_GROUP = 20;
const LEAST_IDENTITY = 0.4;
/** Longer sequences are not compared. */
const MOST_LENGTH = 2000;
/** A sort key is a 12-mer (24 bits) and the place of its row (24 bits). */
const PLACES = 2 ** 24;

export function dinucleotideTwins(input: AuditInput): TwinPairs {
  const { packed } = input.data;
  const rows = distinctRows(input);
  const keys = input.data.dinucleotides();
  const pairs = pairList();
  eachGroup(
    rows,
    (row) => keys[row],
    MOST_GROUP,
    (group) => {
      for (let a = 0; a < group.length; a++)
        for (let b = a + 1; b < group.length; b++)
          if (positionIdentity(packed, group[a], group[b]) <= DEFINITIONS.twinIdentity) pairs.add(group[a], group[b]);
    },
  );
  return pairs.done();
}

export function segmentTwins(input: AuditInput): TwinPairs {
  const { packed } = input.data;
  const pairs = pairList();
  for (const rows of byLength(packed, distinctRows(input))) {
    const met = new Set<number>();
    const length = packed.offsets[rows[0] + 1] - packed.offsets[rows[0]];
    for (let at = 0; at + SEGMENT_K <= length; at += STRIDE) {
      eachEqualWord(packed, rows, at, (a, b) => {
        const pair = a * packed.count + b;
        if (met.has(pair)) return;
        met.add(pair);
        const identity = positionIdentity(packed, a, b);
        if (identity >= LEAST_IDENTITY && identity < 1 && sharedWords(packed, a, b) >= LEAST_SHARED) pairs.add(a, b);
      });
    }
  }
  return pairs.done();
}

/** Pairs of rows with one 12-mer at offset `at`, but for 12-mers of more than 20 rows. */
function eachEqualWord(
  { codes, offsets }: PackedSequences,
  rows: Uint32Array,
  at: number,
  visit: (a: number, b: number) => void,
): void {
  const keys = new Float64Array(rows.length);
  let used = 0;
  for (let place = 0; place < rows.length; place++) {
    let word = 0;
    const first = offsets[rows[place]] + at;
    for (let j = first; j < first + SEGMENT_K && word >= 0; j++) word = codes[j] === 4 ? -1 : word * 4 + codes[j];
    if (word >= 0) keys[used++] = word * PLACES + place;
  }
  const sorted = keys.subarray(0, used).sort();
  for (let from = 0, to = 0; from < used; from = to) {
    const word = Math.floor(sorted[from] / PLACES);
    while (to < used && Math.floor(sorted[to] / PLACES) === word) to++;
    if (to - from > MOST_SEGMENT_GROUP) continue;
    for (let a = from; a < to; a++)
      for (let b = a + 1; b < to; b++) visit(rows[sorted[a] % PLACES], rows[sorted[b] % PLACES]);
  }
}

/** 12-mers that two rows of one length have at the same offset. */
function sharedWords({ codes, offsets }: PackedSequences, a: number, b: number): number {
  let shared = 0;
  for (let p = 0, run = 0, length = offsets[a + 1] - offsets[a]; p < length; p++) {
    const code = codes[offsets[a] + p];
    run = code !== 4 && code === codes[offsets[b] + p] ? run + 1 : 0;
    if (run >= SEGMENT_K) shared++;
  }
  return shared;
}

/** Rows of each length that two or more rows have, at most {@link MOST_LENGTH} letters. */
function byLength({ offsets }: PackedSequences, rows: Uint32Array): Uint32Array[] {
  const groups = new Map<number, number[]>();
  for (const row of rows) {
    const length = offsets[row + 1] - offsets[row];
    const group = groups.get(length);
    if (group) group.push(row);
    else groups.set(length, [row]);
  }
  return [...groups]
    .filter(([length, group]) => length <= MOST_LENGTH && group.length > 1 && group.length < PLACES)
    .map(([, group]) => Uint32Array.from(group));
}

/** The first row of each distinct sequence (up to strand). */
function distinctRows({ indexOf, unique, splitBit }: AuditInput): Uint32Array {
  const first = new Int32Array(unique.length).fill(-1);
  // A sequence that is in train and test stands for its train row: a leak is the matter of another check.
  for (let r = 0; r < indexOf.length; r++) {
    const known = first[indexOf[r]];
    if (known < 0 || splitBit[r] < splitBit[known]) first[indexOf[r]] = r;
  }
  return Uint32Array.from(first).sort();
}

function eachGroup(
  rows: Uint32Array,
  keyOf: (row: number) => number,
  most: number,
  visit: (group: Uint32Array) => void,
): void {
  const keys = Float64Array.from(rows, keyOf);
  const order = orderOf(keys);
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && keys[order[to]] === keys[order[from]]) to++;
    if (to === from) {
      to = from + 1; // NaN, which is no key
      continue;
    }
    if (to - from < 2 || to - from > most) continue;
    visit(Uint32Array.from({ length: to - from }, (_, i) => rows[order[from + i]]).sort());
  }
}

function pairList() {
  let first = new Uint32Array(1024);
  let second = new Uint32Array(1024);
  let used = 0;
  return {
    add(a: number, b: number) {
      if (used === first.length) {
        const grow = (old: Uint32Array) => {
          const next = new Uint32Array(old.length * 2);
          next.set(old);
          return next;
        };
        first = grow(first);
        second = grow(second);
      }
      first[used] = Math.min(a, b);
      second[used++] = Math.max(a, b);
    },
    done: (): TwinPairs => ({ first: first.slice(0, used), second: second.slice(0, used) }),
  };
}
