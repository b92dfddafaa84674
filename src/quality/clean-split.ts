/**
 * A split without leaks. Contradicting and repeated rows are removed; rows that belong together (`row-links.ts`) land in one split. The
 * manifest has an entry for every row: where it was, where it is, and why.
 */
import { UsageError } from '../core/errors.ts';
import type { TaskKind } from '../core/matrix.ts';
import { SPLIT_NAMES, type SplitName } from '../sequences/labelled-sequence.ts';
import { assignSplits } from '../sequences/splits.ts';
import { type AuditInput, type AuditRow, auditInput, labelText } from './audit-input.ts';
import { rowComponents } from './row-links.ts';
import { dinucleotideTwins, segmentTwins, type TwinPairs } from './twin-pairs.ts';

export interface CleanOptions {
  /** Dinucleotide twins are kept in one split; or those of different labels are removed, both of a pair. Segment twins are kept together. */
  readonly twins: 'together' | 'remove';
  /** Also keep homologues together; slow. */
  readonly homology: boolean;
  /** Divide anew (10% valid, 20% test of the rows) instead of moving whole components to the split that has most of their rows. */
  readonly resplit: boolean;
  readonly progress?: (fraction: number, message: string) => void;
}

export interface ManifestEntry {
  readonly id: string;
  readonly before: SplitName;
  /** Null for a row that was removed. */
  readonly after: SplitName | null;
  readonly action: 'kept' | 'moved' | 'removed';
  /** Number of the component; null for a row that was removed. */
  readonly component: number | null;
  /** Empty for a row that nothing was done with and that is linked to no other. */
  readonly reason: string;
}

export interface CleanedSplit {
  /** In the order given. */
  readonly rows: readonly AuditRow[];
  /** `[rows given]`, in their order. */
  readonly manifest: readonly ManifestEntry[];
  readonly components: number;
}

/** @throws UsageError for a clustering task, and when a split would be empty. */
export function cleanSplit(rows: readonly AuditRow[], kind: TaskKind, options: CleanOptions): CleanedSplit {
  if (kind === 'clustering') {
    throw new UsageError(
      'a clustering task has no training rows that could leak',
      'Clean the task of the other kinds.',
    );
  }
  const removed = new Map<number, string>();
  removeRepeats(rows, kind, removed);
  if (options.twins === 'remove' && kind !== 'regression') removeTwins(rows, kind, removed);
  const kept = keptIndices(rows, removed);
  if (kept.length === 0) {
    const hint = options.twins === 'remove' ? 'Keep twins together instead: --twins together.' : undefined;
    throw new UsageError(`every row would be removed: ${removed.values().next().value}`, hint);
  }
  const keptRows = kept.map((r) => rows[r]);
  const input = auditInput({ kind, rows: keptRows });
  const links = rowComponents(input, { ...options, twins: [longTwins(input), segmentTwins(input)] });
  const after = options.resplit
    ? dividedAnew(keptRows, links.component, kind)
    : bySplitOfMost(keptRows, links.component, links.count);
  const sizes = new Int32Array(links.count);
  for (const number of links.component) sizes[number]++;
  refuseEmpty(after, options);

  const place = new Map(kept.map((r, i) => [r, i]));
  const manifest = rows.map((row, r): ManifestEntry => {
    const { id, split: before } = row;
    const i = place.get(r);
    if (i === undefined) {
      const reason = removed.get(r);
      if (reason === undefined) throw new Error(`row ${id} is neither kept nor removed`);
      return { id, before, after: null, action: 'removed', component: null, reason };
    }
    const component = links.component[i];
    const linked = sizes[component] > 1 ? `in a group of ${sizes[component]} rows: ${links.kindsOf(i).join(', ')}` : '';
    const action = after[i] === before ? 'kept' : 'moved';
    const reason = action === 'moved' && linked === '' ? 'the rows were divided anew' : linked;
    return { id, before, after: after[i], action, component, reason };
  });
  const result = keptRows.map((row, i) => ({ ...row, split: after[i] }));
  if (result.length + removed.size !== rows.length || manifest.length !== rows.length) {
    throw new Error(`${rows.length} rows in, ${result.length} out and ${removed.size} removed`);
  }
  return { rows: result, manifest, components: links.count };
}

/** Shorter rows have equal dinucleotide counts by chance. */
const LEAST_TWIN_LETTERS = 40;

/** Dinucleotide twins that are long enough not to be chance. */
function longTwins(input: AuditInput): TwinPairs {
  const { first, second } = dinucleotideTwins(input);
  const isLong = (_: number, p: number) => input.rows[first[p]].sequence.length >= LEAST_TWIN_LETTERS;
  return { first: first.filter(isLong), second: second.filter(isLong) };
}

/** Both rows of each pair of dinucleotide twins with different labels. */
function removeTwins(rows: readonly AuditRow[], kind: TaskKind, removed: Map<number, string>): void {
  const kept = keptIndices(rows, removed);
  if (kept.length === 0) return;
  const input = auditInput({ kind, rows: kept.map((r) => rows[r]) });
  const { first, second } = longTwins(input);
  for (const [p, a] of first.entries()) {
    const b = second[p];
    if (input.labelOf[a] === input.labelOf[b]) continue;
    removed.set(kept[a], `dinucleotide twin of ${input.rows[b].id}, which has another label`);
    removed.set(kept[b], `dinucleotide twin of ${input.rows[a].id}, which has another label`);
  }
}

/** Rows of one sequence (as given, not its reverse complement): all removed where labels differ, else all but one. */
function removeRepeats(rows: readonly AuditRow[], kind: TaskKind, removed: Map<number, string>): void {
  const bySequence = new Map<string, number[]>();
  for (const [r, { sequence }] of rows.entries()) {
    const group = bySequence.get(sequence);
    if (group === undefined) bySequence.set(sequence, [r]);
    else group.push(r);
  }
  for (const group of bySequence.values()) {
    if (group.length < 2) continue;
    const inOrder = [...group].sort(
      (a, b) => SPLIT_NAMES.indexOf(rows[a].split) - SPLIT_NAMES.indexOf(rows[b].split) || a - b,
    );
    const labels = new Map<string, number>(); // the first row of each label
    for (const r of inOrder) if (!labels.has(labelText(rows[r].label))) labels.set(labelText(rows[r].label), r);
    const contradicts = labels.size > 1 && kind !== 'regression';
    for (const r of inOrder) {
      const own = labelText(rows[r].label);
      const first = labels.get(own);
      if (contradicts) {
        const other = [...labels].find(([label]) => label !== own);
        removed.set(r, `contradiction: the same sequence as ${rows[other?.[1] ?? r].id}, which has another label`);
      } else if (first !== undefined && first !== r) {
        removed.set(r, `the same sequence and label as ${rows[first].id}`);
      }
    }
  }
}

function keptIndices(rows: readonly AuditRow[], removed: ReadonlyMap<number, string>): number[] {
  return rows.flatMap((_, r) => (removed.has(r) ? [] : [r]));
}

/** Each component in the split that has most of its rows; ties go to train, then valid. */
function bySplitOfMost(rows: readonly AuditRow[], component: Int32Array, count: number): SplitName[] {
  const width = SPLIT_NAMES.length;
  const counts = new Int32Array(count * width); // [components, splits]
  for (const [i, { split }] of rows.entries()) counts[component[i] * width + SPLIT_NAMES.indexOf(split)]++;
  return rows.map((_, i) => {
    const own = counts.subarray(component[i] * width, (component[i] + 1) * width);
    return SPLIT_NAMES[own.indexOf(Math.max(...own))];
  });
}

function dividedAnew(rows: readonly AuditRow[], component: Int32Array, kind: TaskKind): SplitName[] {
  const grouped = rows.map(({ id, sequence, label }, i) => ({ id, sequence, label, group: String(component[i]) }));
  return assignSplits(grouped, { method: 'group' }, kind).rows.map(({ split }) => split);
}

function refuseEmpty(after: readonly SplitName[], { resplit }: CleanOptions): void {
  const empty = SPLIT_NAMES.filter((split) => !after.includes(split));
  if (empty.length === 0) return;
  const hint = resplit ? 'The rows are too few, or all of one family.' : 'Divide the rows anew: --resplit.';
  throw new UsageError(`no ${empty.join(' and no ')} rows would be left`, hint);
}
