/** What the checks read: the rows of a task, packed, with the columns that several checks share. */
import type { TaskKind } from '../core/matrix.ts';
import { type Label, type LabelledSequence, SPLIT_NAMES, type SplitName } from '../sequences/labelled-sequence.ts';
import { distinctSequences } from '../sequences/near-duplicates.ts';
import type { Question } from './questions.ts';
import { type RuleData, ruleData } from './rules/rule.ts';

export type AuditRow = LabelledSequence & { readonly split: SplitName };

export interface AuditTask {
  readonly kind: TaskKind;
  readonly rows: readonly AuditRow[];
  /** `[rows]` share of lower-case letters before the alphabet policy; absent where no letter was lower case. */
  readonly lowerCase?: Float64Array;
}

export interface AuditInput {
  readonly kind: TaskKind;
  readonly rows: readonly AuditRow[];
  readonly lowerCase?: Float64Array;
  readonly data: RuleData;
  /** Indices of train and validation rows: what a contender is fitted on. */
  readonly fit: Uint32Array;
  readonly test: Uint32Array;
  /** `[rows]` bit of the split, 1 << index in SPLIT_NAMES. */
  readonly splitBit: Uint8Array;
  /** Distinct sequences up to strand, and the index of each row's own among them. */
  readonly unique: readonly string[];
  readonly indexOf: Int32Array;
  /** `[rows]` number of the label (sets of labels as one), in order of appearance; all 0 for regression. */
  readonly labelOf: Int32Array;
  readonly labels: number;
  readonly questions: readonly Question[];
  /** Rows that questions are asked of: all, but for tasks of many classes those of the most frequent ones. */
  readonly askedFit: Uint32Array;
  readonly askedTest: Uint32Array;
  /** How `asked` was limited, for the reason of a check. */
  readonly limited?: string;
}

/** Classes and labels that rules are fitted for at most: the most frequent in training rows. */
const MOST_CLASSES = 20;
const TEST_BIT = 1 << SPLIT_NAMES.indexOf('test');

export function auditInput({ kind, rows, lowerCase }: AuditTask): AuditInput {
  const data = ruleData(rows.map(({ sequence }) => sequence));
  const splitBit = Uint8Array.from(rows, ({ split }) => 1 << SPLIT_NAMES.indexOf(split));
  const fit = indices(rows.length, (i) => splitBit[i] !== TEST_BIT);
  const test = indices(rows.length, (i) => splitBit[i] === TEST_BIT);
  const { unique, indexOf } = distinctSequences(rows.map(({ sequence }) => sequence));
  const numbers = new Map<string, number>();
  const labelOf = Int32Array.from(rows, ({ label }) => {
    const text = kind === 'regression' ? '' : labelText(label);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  });
  return {
    ...{ kind, rows, lowerCase, data, fit, test, splitBit, unique, indexOf, labelOf, labels: numbers.size },
    ...questions(kind, rows, fit, test),
  };
}

/** A label, or a set of labels in one order, as text. */
export function labelText(label: Label): string {
  return Array.isArray(label) ? JSON.stringify([...label].sort()) : String(label);
}

type Asked = Pick<AuditInput, 'questions' | 'askedFit' | 'askedTest' | 'limited'>;

function questions(kind: TaskKind, rows: readonly AuditRow[], fit: Uint32Array, test: Uint32Array): Asked {
  if (kind === 'regression') {
    const targets = rows.map(({ label }) => (Array.isArray(label) ? label : [label]).map(Number));
    const list = targets[0].map((_, t) => ({
      name: `target ${t + 1}`,
      classes: 0,
      values: Float64Array.from(targets, (row) => row[t]),
    }));
    return { questions: list, askedFit: fit, askedTest: test };
  }
  const sets = rows.map(({ label }) => (Array.isArray(label) ? label.map(String) : [String(label)]));
  const frequent = mostFrequent(sets, fit);
  const kept = frequent.slice(0, MOST_CLASSES);
  const limited =
    frequent.length > kept.length ? `the ${kept.length} most frequent of ${frequent.length} classes` : undefined;
  if (kind === 'multilabel') {
    const list = kept.map((name) => ({
      name,
      classes: 2,
      values: Float64Array.from(sets, (set) => (set.includes(name) ? 1 : 0)),
    }));
    return { questions: list, askedFit: fit, askedTest: test, limited };
  }
  const classOf = new Map([...kept].sort().map((name, index) => [name, index]));
  const values = Float64Array.from(sets, ([name]) => classOf.get(name) ?? -1);
  const asked = (some: Uint32Array) => some.filter((row) => values[row] >= 0);
  return {
    questions: [{ name: 'class', classes: classOf.size, values }],
    askedFit: asked(fit),
    askedTest: asked(test),
    limited,
  };
}

function mostFrequent(sets: readonly (readonly string[])[], rows: Uint32Array): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) for (const name of sets[row]) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([name]) => name);
}

function indices(count: number, wanted: (i: number) => boolean): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i).filter((i) => wanted(i));
}
