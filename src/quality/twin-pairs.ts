/**
 * Pairs of rows that were made from each other. Dinucleotide twins have the same dinucleotide counts and differ in more than 40% of
 * their positions. Segment twins have one length and share at least three of eight segments at the same offsets, but not all.
 */
import type { AuditInput } from './audit-input.ts';
import { hashWords, positionIdentity } from './packed-sequences.ts';
import { orderOf } from './statistics.ts';
import { DEFINITIONS } from './thresholds.ts';

/** Pairs of row indices, `first[i] < second[i]`; of two equal sequences only the first row is paired. */
export interface TwinPairs {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/** Rows of one key above which a group is left out: low complexity, not construction. */
const MOST_GROUP = 64;
const SEGMENTS = 8;
const LEAST_SHARED = 3;
const MOST_SEGMENT_GROUP = 16;
/** Letters that a segment has at least: shorter ones are equal by chance. */
const LEAST_SEGMENT = 5;

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
  const size = Math.floor(packed.longest / SEGMENTS);
  const pairs = pairList();
  if (packed.shortest !== packed.longest || size < LEAST_SEGMENT) return pairs.done();
  const rows = distinctRows(input);
  const shared = new Map<number, number>();
  for (let s = 0; s < SEGMENTS; s++) {
    const keyOf = (row: number) =>
      hashWords(packed.codes, packed.offsets[row] + s * size, packed.offsets[row] + (s + 1) * size);
    eachGroup(rows, keyOf, MOST_SEGMENT_GROUP, (group) => {
      for (let a = 0; a < group.length; a++)
        for (let b = a + 1; b < group.length; b++) {
          const pair = group[a] * packed.count + group[b];
          shared.set(pair, (shared.get(pair) ?? 0) + 1);
        }
    });
  }
  for (const [pair, count] of shared) {
    if (count >= LEAST_SHARED && count < SEGMENTS) pairs.add(Math.floor(pair / packed.count), pair % packed.count);
  }
  return pairs.done();
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
