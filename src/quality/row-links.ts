/**
 * Which rows belong together: connected components of rows that are copies, near duplicates, windows of one locus, homologues or twins
 * of each other, by the definitions of the audit (`thresholds.ts`). A split that cuts no component has none of these leaks.
 */
import { nearDuplicateClusters } from '../sequences/near-duplicates.ts';
import { alignAtSeed } from './alignment-at-seed.ts';
import type { AuditInput, AuditRow } from './audit-input.ts';
import { intervalOf } from './coordinates.ts';
import { openKmerIndex, type SharedStretch } from './kmer-index.ts';
import { DEFINITIONS } from './thresholds.ts';
import type { TwinPairs } from './twin-pairs.ts';

/** Sorts of links, in the order in which they are sought. */
export const LINK_KINDS = ['copy', 'near duplicate', 'coordinates', 'window', 'homologue', 'twin'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

export interface RowComponents {
  /** `[rows]` number of the row's component, in order of first appearance. */
  readonly component: Int32Array;
  readonly count: number;
  /** Sorts of the links that joined the row's component; a sort is named only where no earlier one had joined the same rows. */
  readonly kindsOf: (row: number) => LinkKind[];
}

export interface LinkOptions {
  /** Also align rows that share a 16-mer; slow. */
  readonly homology: boolean;
  /** Pairs of rows that are kept together whatever else they share. */
  readonly twins: readonly TwinPairs[];
  readonly progress?: (fraction: number, message: string) => void;
}

export function rowComponents(input: AuditInput, options: LinkOptions): RowComponents {
  const { progress = () => {} } = options;
  const { rows, indexOf } = input;
  const sets = disjointSets(rows.length);
  progress(0, 'copies and near duplicates');
  joinEqual(indexOf, (a, b) => sets.join(a, b, 'copy'));
  joinEqual(nearDuplicateClusters(rows.map(({ sequence }) => sequence)), (a, b) => sets.join(a, b, 'near duplicate'));
  joinCoordinates(rows, (a, b) => sets.join(a, b, 'coordinates'));
  progress(0.3, options.homology ? 'windows and homologues' : 'windows');
  joinStretches(input, options, sets);
  for (const { first, second } of options.twins) for (const [p, a] of first.entries()) sets.join(a, second[p], 'twin');
  progress(1, 'components');
  return sets.components();
}

type Sets = ReturnType<typeof disjointSets>;

function joinStretches({ rows, data: { packed } }: AuditInput, { homology, progress }: LinkOptions, sets: Sets): void {
  const index = openKmerIndex(
    packed,
    Uint32Array.from({ length: rows.length }, (_, i) => i),
  );
  const shorter = (a: number, b: number) => Math.min(rows[a].sequence.length, rows[b].sequence.length);
  const isWindow = (row: number, { seeds, span, row: other }: SharedStretch) =>
    // One 16-mer in four is sampled: half of the expected seeds, so that a few differences do not hide a stretch.
    seeds >= 2 && seeds >= span / 16 && span >= DEFINITIONS.windowShare * shorter(row, other);
  const isHomologue = (row: number, found: SharedStretch) => {
    const { identity, columns } = alignAtSeed(packed, row, found);
    const covered = columns >= DEFINITIONS.homologCoverage * shorter(row, found.row);
    return covered && identity >= DEFINITIONS.homologIdentity;
  };
  const step = Math.max(1, Math.floor(rows.length / 50));
  for (let row = 0; row < rows.length; row++) {
    if (row % step === 0) progress?.(0.3 + (0.7 * row) / rows.length, `windows: ${row} of ${rows.length} rows`);
    for (const found of index.search(packed, row, homology ? 1 : 2)) {
      if (found.row <= row || sets.together(row, found.row)) continue; // each pair once
      if (isWindow(row, found)) sets.join(row, found.row, 'window');
      else if (homology && isHomologue(row, found)) sets.join(row, found.row, 'homologue');
    }
  }
}

/** Joins each row with the first one of the same number. */
function joinEqual(numbers: Int32Array, join: (a: number, b: number) => void): void {
  const first = new Map<number, number>();
  for (let r = 0; r < numbers.length; r++) {
    const known = first.get(numbers[r]);
    if (known === undefined) first.set(numbers[r], r);
    else join(known, r);
  }
}

/** Joins rows whose ids hold overlapping places of a genome. */
function joinCoordinates(rows: readonly AuditRow[], join: (a: number, b: number) => void): void {
  const places = rows.flatMap(({ id }, row) => {
    const interval = intervalOf(id);
    return interval === undefined ? [] : [{ ...interval, row }];
  });
  places.sort((a, b) => (a.chromosome === b.chromosome ? a.start - b.start : a.chromosome < b.chromosome ? -1 : 1));
  let last = places[0]; // of those so far on the chromosome, the one that ends last
  for (const place of places.slice(1)) {
    const overlaps = place.chromosome === last.chromosome && place.start < last.end;
    if (overlaps) join(last.row, place.row);
    if (place.chromosome !== last.chromosome || place.end > last.end) last = place;
  }
}

function disjointSets(size: number) {
  const parent = Int32Array.from({ length: size }, (_, i) => i);
  const kinds = new Uint8Array(size); // bit of each sort of link, at the root
  const root = (i: number) => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]];
      i = parent[i];
    }
    return i;
  };
  return {
    together: (a: number, b: number) => root(a) === root(b),
    join(a: number, b: number, kind: LinkKind) {
      const from = root(a);
      const to = root(b);
      if (from === to) return;
      parent[from] = to;
      kinds[to] |= kinds[from] | (1 << LINK_KINDS.indexOf(kind));
    },
    components(): RowComponents {
      const numbers = new Map<number, number>();
      const component = Int32Array.from(parent, (_, i) => {
        const number = numbers.get(root(i)) ?? numbers.size;
        numbers.set(root(i), number);
        return number;
      });
      const kindsOf = (row: number) => LINK_KINDS.filter((_, bit) => ((kinds[root(row)] >> bit) & 1) === 1);
      return { component, count: numbers.size, kindsOf };
    },
  };
}
