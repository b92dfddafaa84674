/**
 * What a reviewer asks of a split: sizes, class balance, lengths, composition, and leakage - exact, reverse-complement and near
 * duplicates within and across splits, and labels that contradict each other. Counts only; it repairs nothing. Plain JSON.
 */
import type { TaskKind } from '../core/matrix.ts';
import { type Label, type LabelledSequence, SPLIT_NAMES, type SplitName } from '../sequences/labelled-sequence.ts';
import { distinctSequences, forNearDuplicates, NEAR_THRESHOLD, nearDuplicateK } from '../sequences/near-duplicates.ts';

export { nearDuplicateClusters } from '../sequences/near-duplicates.ts';

export type SplitSummary = {
  rows: number;
  /** Distinct sequences, strand as given. */
  unique: number;
  length: { min: number; median: number; max: number };
  /** Share of letters that are no A, C, G, T/U. */
  unknownFraction: number;
  /** (G + C) / (A + C + G + T); null where there is no such letter. */
  gc: number | null;
  /** Rows per class, or per label for multilabel, by name. Absent for regression. */
  classes?: Record<string, number>;
  /** Minimum, quartiles and maximum of each target. Regression only. */
  quantiles?: number[][];
};

/** Rows with a duplicate, by the strongest kind that it has: the three are disjoint. */
export type DuplicateCounts = { exact: number; reverseComplement: number; near: number };

export type SplitAudit = {
  splits: { [split in SplitName]?: SplitSummary };
  /** Rows that have a duplicate elsewhere in their own split. `exact` counts the rows beyond the first of each sequence. */
  within: { [split in SplitName]?: DuplicateCounts };
  /** Rows of `to` that have a duplicate in `from`. */
  across: ({ from: SplitName; to: SplitName } & DuplicateCounts)[];
  /** Equal sequences with different labels, over all splits; `opposite` also counts those equal up to strand. */
  conflictingLabels: { sequences: number; rows: number; oppositeSequences: number; oppositeRows: number };
  /** How near duplicates are defined: Jaccard index of canonical k-mer sets. */
  nearDuplicates: { k: number; jaccard: number };
};

type SplitRow = LabelledSequence & { readonly split: SplitName };

/**
 * Audits rows whose split is set. Linear in the letters but for families of near duplicates; 60,000 rows of 101 nt take seconds.
 * @throws SequenceError for letters outside IUPAC: apply an alphabet policy first.
 */
export function auditSplits(rows: readonly SplitRow[], kind: TaskKind): SplitAudit {
  const present = SPLIT_NAMES.filter((split) => rows.some((row) => row.split === split));
  const bit = (split: SplitName) => 1 << SPLIT_NAMES.indexOf(split);
  const { unique, indexOf } = distinctSequences(rows.map((row) => row.sequence));
  const strands = strandMasks(rows, unique.length, indexOf, unique);

  const longest = unique.reduce((most, sequence) => Math.max(most, sequence.length), 0);
  const k = nearDuplicateK(longest);
  const { splitsOf } = strands;
  const nearIn = new Uint8Array(unique.length); // bit s: a near duplicate lies in split s
  forNearDuplicates(
    unique,
    k,
    (i, j) => (splitsOf[j] & ~nearIn[i]) === 0 && (splitsOf[i] & ~nearIn[j]) === 0,
    (i, j) => {
      nearIn[i] |= splitsOf[j];
      nearIn[j] |= splitsOf[i];
    },
  );

  const splits: SplitAudit['splits'] = {};
  const within: SplitAudit['within'] = {};
  const across: SplitAudit['across'] = [];
  for (const split of present)
    splits[split] = summary(
      rows.filter((row) => row.split === split),
      kind,
    );
  for (const [t, to] of present.entries()) {
    within[to] = emptyCounts();
    for (const from of present.slice(0, t)) across.push({ from, to, ...emptyCounts() });
  }
  const met = new Set<string>(); // split and sequence, for the rows beyond the first
  for (let r = 0; r < rows.length; r++) {
    const { sequence, split } = rows[r];
    const u = indexOf[r];
    const forward = sequence === unique[u];
    const sameStrand = forward ? strands.forward[u] : strands.backward[u];
    const otherStrand = forward ? strands.backward[u] : strands.forward[u];
    const own = within[split] ?? emptyCounts();
    const key = `${split} ${sequence}`;
    if (met.has(key)) own.exact++;
    else if (otherStrand & bit(split)) own.reverseComplement++;
    else if (nearIn[u] & bit(split)) own.near++;
    met.add(key);
    for (const pair of across) {
      if (pair.to !== split) continue;
      const from = bit(pair.from);
      if (sameStrand & from) pair.exact++;
      else if (otherStrand & from) pair.reverseComplement++;
      else if (nearIn[u] & from) pair.near++;
    }
  }
  return {
    splits,
    within,
    across,
    conflictingLabels: conflicts(rows, indexOf),
    nearDuplicates: { k, jaccard: NEAR_THRESHOLD },
  };
}

/** Lines for a person: what was found, train against test first; says so where nothing was. */
export function describeAudit(audit: SplitAudit): string[] {
  const lines = Object.entries(audit.splits).map(([split, s]) => {
    const balance = s.classes === undefined ? '' : `; ${describeClasses(s.classes)}`;
    const range =
      s.quantiles === undefined ? '' : `; labels ${s.quantiles.map((q) => q.map(short).join(' ')).join(' | ')}`;
    const gc = s.gc === null ? '' : `, GC ${(100 * s.gc).toFixed(1)}%`;
    return `${split}: ${s.rows} rows (${s.unique} unique), length ${s.length.min}/${s.length.median}/${s.length.max}${gc}, unknown letters ${(100 * s.unknownFraction).toFixed(2)}%${balance}${range}`;
  });
  const definition = `near: Jaccard >= ${audit.nearDuplicates.jaccard} of canonical ${audit.nearDuplicates.k}-mers`;
  const leaks = [...audit.across].sort((a, b) => rank(a) - rank(b)).filter((pair) => total(pair) > 0);
  for (const pair of leaks) {
    const share = (100 * total(pair)) / (audit.splits[pair.to]?.rows ?? 1);
    lines.push(
      `leakage: ${total(pair)} ${pair.to} rows (${share.toFixed(1)}%) are also in ${pair.from}: ${describeCounts(pair)} (${definition})`,
    );
  }
  if (leaks.length === 0) lines.push(`no duplicates across splits (${definition})`);
  for (const [split, counts] of Object.entries(audit.within)) {
    if (total(counts) > 0) lines.push(`within ${split}: ${describeCounts(counts)}`);
  }
  const { sequences, rows, oppositeSequences, oppositeRows } = audit.conflictingLabels;
  if (sequences > 0) lines.push(`contradiction: ${sequences} sequences (${rows} rows) carry different labels`);
  if (oppositeSequences > sequences) {
    lines.push(
      `contradiction: ${oppositeSequences} sequences (${oppositeRows} rows) carry different labels when strand is ignored`,
    );
  }
  return lines;
}

function summary(rows: readonly SplitRow[], kind: TaskKind): SplitSummary {
  const lengths = Float64Array.from(rows, (row) => row.sequence.length).sort();
  const counts = [0, 0, 0]; // A or T, G or C, others
  for (const { sequence } of rows) {
    for (let i = 0; i < sequence.length; i++) counts[letterKind(sequence.charCodeAt(i))]++;
  }
  const letters = counts[0] + counts[1] + counts[2];
  const bases = counts[0] + counts[1];
  const common = {
    rows: rows.length,
    unique: new Set(rows.map((row) => row.sequence)).size,
    length: { min: lengths[0], median: quantile(lengths, 0.5), max: lengths[lengths.length - 1] },
    unknownFraction: counts[2] / letters,
    gc: bases === 0 ? null : counts[1] / bases,
  };
  if (kind === 'regression') return { ...common, quantiles: labelQuantiles(rows) };
  const classes = new Map<string, number>();
  for (const { label } of rows) {
    for (const name of Array.isArray(label) ? label : [label])
      classes.set(String(name), (classes.get(String(name)) ?? 0) + 1);
  }
  const sorted = [...classes].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  return { ...common, classes: Object.fromEntries(sorted) };
}

const LETTER_KINDS = letterKinds();

function letterKind(code: number): number {
  return code < 256 ? LETTER_KINDS[code] : 2;
}

function letterKinds(): Uint8Array {
  const kinds = new Uint8Array(256).fill(2);
  for (const letter of 'ATUatu') kinds[letter.charCodeAt(0)] = 0;
  for (const letter of 'GCgc') kinds[letter.charCodeAt(0)] = 1;
  return kinds;
}

function labelQuantiles(rows: readonly SplitRow[]): number[][] {
  const targets = (label: Label) => (Array.isArray(label) ? label : [label]).map(Number);
  return targets(rows[0].label).map((_, t) => {
    const values = Float64Array.from(rows, (row) => targets(row.label)[t]).sort();
    return [0, 0.25, 0.5, 0.75, 1].map((share) => quantile(values, share));
  });
}

/** By linear interpolation between order statistics (R type 7). */
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

interface StrandMasks {
  /** Splits (bits) where the sequence lies as `unique` has it. */
  readonly forward: Uint8Array;
  /** Splits where its reverse complement lies; none for a palindrome, whose two strands are one sequence. */
  readonly backward: Uint8Array;
  readonly splitsOf: Uint8Array;
}

function strandMasks(
  rows: readonly SplitRow[],
  count: number,
  indexOf: Int32Array,
  unique: readonly string[],
): StrandMasks {
  const forward = new Uint8Array(count);
  const backward = new Uint8Array(count);
  for (let r = 0; r < rows.length; r++) {
    const mask = rows[r].sequence === unique[indexOf[r]] ? forward : backward;
    mask[indexOf[r]] |= 1 << SPLIT_NAMES.indexOf(rows[r].split);
  }
  return { forward, backward, splitsOf: forward.map((mask, u) => mask | backward[u]) };
}

function conflicts(rows: readonly SplitRow[], indexOf: Int32Array): SplitAudit['conflictingLabels'] {
  const exact = contradictions(rows, (r) => rows[r].sequence);
  const opposite = contradictions(rows, (r) => indexOf[r]);
  return { ...exact, oppositeSequences: opposite.sequences, oppositeRows: opposite.rows };
}

function contradictions<Key>(
  rows: readonly SplitRow[],
  keyOf: (row: number) => Key,
): { sequences: number; rows: number } {
  const groups = new Map<Key, { label: string; rows: number; conflict: boolean }>();
  for (let r = 0; r < rows.length; r++) {
    const { label } = rows[r];
    const text = Array.isArray(label) ? JSON.stringify([...label].sort()) : String(label);
    const group = groups.get(keyOf(r));
    if (group === undefined) groups.set(keyOf(r), { label: text, rows: 1, conflict: false });
    else {
      group.rows++;
      if (group.label !== text) group.conflict = true;
    }
  }
  const conflicting = [...groups.values()].filter((group) => group.conflict);
  return { sequences: conflicting.length, rows: conflicting.reduce((sum, group) => sum + group.rows, 0) };
}

function emptyCounts(): DuplicateCounts {
  return { exact: 0, reverseComplement: 0, near: 0 };
}

function total(counts: DuplicateCounts): number {
  return counts.exact + counts.reverseComplement + counts.near;
}

function rank(pair: { from: SplitName; to: SplitName }): number {
  return ['train test', 'valid test', 'train valid'].indexOf(`${pair.from} ${pair.to}`);
}

function describeCounts({ exact, reverseComplement: reversed, near }: DuplicateCounts): string {
  return `${exact} exact, ${reversed} reverse-complement, ${near} near duplicates`;
}

function describeClasses(classes: Record<string, number>): string {
  const entries = Object.entries(classes);
  if (entries.length <= 6) return `classes ${entries.map(([name, count]) => `${name} ${count}`).join(', ')}`;
  const counts = entries.map(([, count]) => count);
  return `${entries.length} classes of ${Math.min(...counts)} to ${Math.max(...counts)} rows`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
