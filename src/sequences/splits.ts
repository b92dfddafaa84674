/**
 * Train, validation and test rows: as the data give them, or drawn by a policy with a seed. The same rows, policy and seed give the
 * same split on every machine. Shares are met by always handing the next unit (a row, a group, a cluster) to the split that lacks most.
 */

import type { TaskKind } from '../core/matrix.ts';
import { createRandom } from '../core/random.ts';
import {
  type Label,
  type LabelledSequence,
  SPLIT_NAMES,
  type SplitName,
  type SplitPolicy,
} from './labelled-sequence.ts';
import { nearDuplicateClusters } from './near-duplicates.ts';
import { didYouMean, SequenceError } from './sequence-error.ts';

type Shares = Readonly<Partial<Record<SplitName, number>>>;
type Method = SplitPolicy['method'];

const QUANTILES = 10;

export interface AssignedSplits {
  /** In the order given. */
  readonly rows: (LabelledSequence & { split: SplitName })[];
  /** How rows were divided, in words. */
  readonly description: string;
}

/**
 * Gives every row a split. Splits given in full are kept; with train and test given, valid is cut from train; with only train
 * given, or nothing, the policy divides all rows (default: stratified, valid 0.1, test 0.2, seed 0).
 *
 * stratified: by class; by set of labels (multilabel, rare sets together); by tenths of the first target (regression). A class with
 * fewer rows than there are splits to fill stays in train and is named in the description. group: rows of one `group` stay
 * together, class balance is as it falls. cluster: near duplicates (either strand) stay together, stratified by the class of most
 * of the cluster's rows.
 * @throws SequenceError for some rows with and some without a split, valid or test without train, train and valid without
 * test, missing groups, impossible shares, a split left empty.
 */
export function assignSplits(
  rows: readonly LabelledSequence[],
  policy: SplitPolicy | undefined,
  kind: TaskKind,
): AssignedSplits {
  if (rows.length === 0) throw new SequenceError('no rows to split; give at least one sequence');
  const { method, valid, test, seed, named } = checkedPolicy(policy);
  const unsplit = rows.find((row) => row.split === undefined);
  const given = new Set(rows.flatMap((row) => row.split ?? []));
  if (unsplit !== undefined && given.size > 0) {
    const without = rows.filter((row) => row.split === undefined).length;
    throw new SequenceError(
      `${without} of ${rows.length} rows have no split ("${unsplit.id}" is the first); give every row a split, or none`,
      unsplit.source,
    );
  }
  if (given.size === 3)
    return { rows: rows.map((row) => ({ ...row, split: row.split ?? 'train' })), description: 'given' };

  const trainOnly = given.size === 1 && given.has('train');
  if (given.size > 0 && !trainOnly && !(given.has('train') && given.has('test'))) {
    const names = [...given].join(' and ');
    throw new SequenceError(
      `the data give only ${names} rows; name the parts train and test (valid is cut from train), or give no split at all`,
    );
  }
  const cut = given.size === 2;
  if (cut && [...named.values()].includes('test')) {
    throw new SequenceError('test groups are named, but the data give their test rows; name validation groups only');
  }
  const divided = cut ? rows.flatMap((row, i) => (row.split === 'train' ? [i] : [])) : rows.map((_, i) => i);
  const shares: Shares = cut ? { train: 1 - valid, valid } : { train: 1 - valid - test, valid, test };
  const { assigned, note } = divide(
    divided.map((i) => rows[i]),
    { method, seed, shares, kind, named },
  );
  const splits: (SplitName | undefined)[] = rows.map((row) => (cut ? row.split : undefined));
  for (const [d, i] of divided.entries()) splits[i] = assigned[d];
  const groups =
    method === 'group'
      ? describeGroups(
          divided.map((i) => rows[i]),
          assigned,
          named,
        )
      : '';

  const how = `${method} ${percent(valid)}${cut ? '' : ` valid, ${percent(test)} test`}, seed ${seed}`;
  const start = cut ? 'given; valid cut from train, ' : trainOnly ? 'only train given; divided ' : '';
  return {
    rows: rows.map((row, i) => ({ ...row, split: splits[i] ?? 'train' })),
    description: start + how + note + groups,
  };
}

interface Division {
  readonly method: Method;
  readonly seed: number;
  readonly shares: Shares;
  readonly kind: TaskKind;
  readonly named: NamedGroups;
}

/** Groups whose split the policy names. */
type NamedGroups = ReadonlyMap<string, SplitName>;

/** Rows that go together. */
type Unit = readonly number[];

function divide(
  rows: readonly LabelledSequence[],
  { method, seed, shares, kind, named }: Division,
): { assigned: SplitName[]; note: string } {
  const random = createRandom(`split ${seed}`);
  // Splits that are named in full get no other rows.
  const full = new Set(named.values());
  const names = SPLIT_NAMES.filter((split) => shares[split] !== undefined && !full.has(split));
  // 1 where no split is named: dividing by a sum of shares would round.
  const total = full.size === 0 ? 1 : names.reduce((sum, name) => sum + (shares[name] ?? 0), 0);
  const assigned = new Array<SplitName>(rows.length).fill('train');
  const lacking = new Map<SplitName, number>(names.map((name) => [name, 0]));
  const strata = method === 'random' || method === 'group' ? undefined : strataOf(rows, kind);
  const all = unitsOf(rows, method);
  refuseUnknownGroups(rows, named);
  const nameOf = (unit: Unit) => (method === 'group' ? named.get(groupOf(rows[unit[0]])) : undefined);
  for (const unit of all) for (const row of unit) assigned[row] = nameOf(unit) ?? 'train';
  const units = all.filter((unit) => nameOf(unit) === undefined);

  const byStratum = new Map<string, Unit[]>();
  for (const unit of units) {
    const stratum = strata === undefined ? '' : mostCommon(unit.map((row) => strata[row]));
    const members = byStratum.get(stratum);
    if (members === undefined) byStratum.set(stratum, [unit]);
    else members.push(unit);
  }
  const rare: string[] = [];
  for (const stratum of [...byStratum.keys()].sort()) {
    const members = byStratum.get(stratum) ?? [];
    if (method === 'stratified' && (kind === 'binary' || kind === 'multiclass') && members.length < names.length) {
      rare.push(stratum);
      continue;
    }
    const size = members.reduce((sum, unit) => sum + unit.length, 0);
    for (const name of names) lacking.set(name, (lacking.get(name) ?? 0) + (size * (shares[name] ?? 0)) / total);
    // Large units first, so that small ones can even out; shuffled before, so that equal ones come in random order.
    for (const unit of random.shuffle(members).sort((a, b) => b.length - a.length)) {
      const split = names.reduce((best, name) =>
        (lacking.get(name) ?? 0) > (lacking.get(best) ?? 0) + 1e-9 ? name : best,
      );
      for (const row of unit) assigned[row] = split;
      lacking.set(split, (lacking.get(split) ?? 0) - unit.length);
    }
  }
  fillEmpty(assigned, units, names, method);
  const listed = rare.slice(0, 10).join(', ') + (rare.length > 10 ? ', ...' : '');
  const note =
    rare.length === 0 ? '' : `; ${rare.length} classes with fewer than ${names.length} rows stay in train: ${listed}`;
  return { assigned, note };
}

function unitsOf(rows: readonly LabelledSequence[], method: Method): Unit[] {
  if (method === 'stratified' || method === 'random') return rows.map((_, i) => [i]);
  const keys = method === 'group' ? rows.map(groupOf) : nearDuplicateClusters(rows.map((row) => row.sequence));
  const units = new Map<string | number, number[]>();
  for (let i = 0; i < rows.length; i++) {
    const unit = units.get(keys[i]);
    if (unit === undefined) units.set(keys[i], [i]);
    else unit.push(i);
  }
  return [...units.values()];
}

function groupOf(row: LabelledSequence): string {
  if (row.group !== undefined) return row.group;
  throw new SequenceError(
    `row "${row.id}" has no group, and the split is by group; name the group column, or split stratified`,
    row.source,
  );
}

function refuseUnknownGroups(rows: readonly LabelledSequence[], named: NamedGroups): void {
  if (named.size === 0) return;
  const present = [...new Set(rows.map(groupOf))].sort();
  for (const [group, split] of named) {
    if (present.includes(group)) continue;
    const shown = present.slice(0, 20).join(', ') + (present.length > 20 ? `, and ${present.length - 20} more` : '');
    throw new SequenceError(
      `no row is of the group "${group}", named for the ${split} rows${didYouMean(group, present)}; the groups are ${shown}`,
    );
  }
}

const GROUPS_LISTED = 12;

/** Which groups validation and test rows are of, with their numbers of rows. */
function describeGroups(rows: readonly LabelledSequence[], assigned: readonly SplitName[], named: NamedGroups): string {
  return SPLIT_NAMES.filter((split) => split !== 'train')
    .flatMap((split) => {
      const counts = new Map<string, number>();
      for (const [i, row] of rows.entries()) {
        if (assigned[i] === split) counts.set(groupOf(row), (counts.get(groupOf(row)) ?? 0) + 1);
      }
      if (counts.size === 0) return [];
      const groups = [...counts]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([group, count]) => `${group} (${count} rows)`);
      const more = groups.length > GROUPS_LISTED ? `, and ${groups.length - GROUPS_LISTED} more` : '';
      const how = [...named.values()].includes(split) ? 'as named' : 'drawn';
      return [`; ${split} groups (${how}): ${groups.slice(0, GROUPS_LISTED).join(', ')}${more}`];
    })
    .join('');
}

/** With few large units a split may stay empty: it then gets the smallest unit of the split with most units. */
function fillEmpty(assigned: SplitName[], units: readonly Unit[], names: readonly SplitName[], method: Method): void {
  const unitsIn = (name: SplitName) => units.filter((unit) => assigned[unit[0]] === name);
  for (const name of names) {
    if (unitsIn(name).length > 0) continue;
    const donors = [...names].sort((a, b) => unitsIn(b).length - unitsIn(a).length);
    const donor = unitsIn(donors[0]);
    if (donor.length < 2) {
      const what = method === 'group' ? 'groups' : method === 'cluster' ? 'clusters of near duplicates' : 'rows';
      throw new SequenceError(
        `the ${name} split stays empty: ${units.length} ${what} for ${names.length} splits; give more data or the split itself`,
      );
    }
    const smallest = donor.reduce((least, unit) => (unit.length < least.length ? unit : least));
    for (const row of smallest) assigned[row] = name;
  }
}

/** The stratum of each row. */
function strataOf(rows: readonly LabelledSequence[], kind: TaskKind): string[] {
  if (kind === 'regression') return quantileStrata(rows.map((row) => firstTarget(row.label)));
  if (kind !== 'multilabel') return rows.map((row) => String(row.label));
  const sets = rows.map(({ label }) =>
    (Array.isArray(label) ? [...label].map(String).sort() : [String(label)]).join('\n'),
  );
  const counts = new Map<string, number>();
  for (const set of sets) counts.set(set, (counts.get(set) ?? 0) + 1);
  return sets.map((set) => ((counts.get(set) ?? 0) < QUANTILES ? '\nrare' : set));
}

function quantileStrata(values: readonly number[]): string[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
  const strata = new Array<string>(values.length);
  const bins = Math.max(1, Math.min(QUANTILES, Math.floor(values.length / QUANTILES)));
  for (const [rank, i] of order.entries()) strata[i] = String(Math.floor((rank * bins) / values.length));
  return strata;
}

function firstTarget(label: Label): number {
  const value = Number(Array.isArray(label) ? label[0] : label);
  if (Number.isFinite(value)) return value;
  throw new SequenceError(
    `label ${JSON.stringify(label)} is no number, and the task is a regression; read numeric labels`,
  );
}

function mostCommon(values: readonly string[]): string {
  if (values.length === 1) return values[0];
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

function checkedPolicy(
  policy: SplitPolicy | undefined,
): Required<Pick<SplitPolicy, 'method' | 'valid' | 'test' | 'seed'>> & { named: NamedGroups } {
  const { method = 'stratified', valid = 0.1, test = 0.2, seed = 0, testGroups = [], validGroups = [] } = policy ?? {};
  const both = testGroups.find((group) => validGroups.includes(group));
  if (both !== undefined)
    throw new SequenceError(`the group "${both}" is named for the test and the validation rows; keep one`);
  if (method !== 'group' && testGroups.length + validGroups.length > 0) {
    throw new SequenceError(`groups are named, but the split is ${method}; split by group`);
  }
  const named = new Map<string, SplitName>([
    ...testGroups.map((group) => [group, 'test'] as const),
    ...validGroups.map((group) => [group, 'valid'] as const),
  ]);
  if (!(valid > 0 && test > 0 && valid + test < 1)) {
    throw new SequenceError(
      `split shares valid ${valid} and test ${test}; give positive shares that leave rows for train`,
    );
  }
  if (!['stratified', 'random', 'group', 'cluster'].includes(method)) {
    throw new SequenceError(`split method "${method}"; give stratified, random, group or cluster`);
  }
  return { method, valid, test, seed, named };
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))}%`;
}
