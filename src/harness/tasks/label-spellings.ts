/**
 * Class names as files write them. Spellings of one value (0 and 0.0; True and true) become one class, and a note lists them. Names
 * that differ only in case or blanks, and names that usually mark a missing value, stay classes, and a note lists them too.
 */
import type { TaskKind } from '../../core/matrix.ts';
import type { Label, LabelledSequence } from '../../sequences/labelled-sequence.ts';

const MISSING = /^(nan|n\/?a|#n\/a|<na>|null|none|nil|missing)$/i;
const LISTED = 6;

/** Whether a class name usually marks a missing value. */
export function isMissingWord(name: string): boolean {
  return MISSING.test(name.trim());
}

/**
 * Rows whose labels have one spelling per value. Numbers are compared as numbers, true and false without case and, beside 0 and 1,
 * as these; names that mark a missing value are left as they are. Other labels are returned unchanged.
 */
export function unifySpellings(
  rows: readonly LabelledSequence[],
  note?: (line: string) => void,
): readonly LabelledSequence[] {
  const names = new Set<string>();
  for (const { label } of rows) {
    if (typeof label === 'object') return rows;
    names.add(String(label).trim());
  }
  const spellings = new Map<string, string[]>();
  for (const name of [...names].filter((name) => !isMissingWord(name)).sort()) {
    const value = spelledValue(name);
    if (value === undefined) return rows; // a text among them: these are names
    spellings.set(value, [...(spellings.get(value) ?? []), name]);
  }
  const isTruth = (value: string) => value === 'true' || value === 'false';
  const numbers = [...spellings.keys()].filter((value) => !isTruth(value));
  const isMixed = numbers.length > 0 && numbers.length < spellings.size;
  if (isMixed && numbers.some((value) => value !== '0' && value !== '1')) return rows;
  const classOf = (value: string) => (isMixed && isTruth(value) ? String(Number(value === 'true')) : value);
  const classes = new Map<string, string[]>();
  for (const [value, found] of spellings) {
    const name = classOf(value);
    classes.set(name, [...(classes.get(name) ?? []), ...found]);
  }
  const several = [...classes].filter(([, found]) => found.length > 1);
  if (several.length === 0) return rows;
  note?.(
    `labels written in several ways are read as one class: ${listed(several.map(([name, found]) => `${found.map(quoted).join(', ')} as ${quoted(name)}`))}`,
  );
  const unified = new Map([...classes].flatMap(([name, found]) => found.map((spelling) => [spelling, name] as const)));
  return rows.map((row) => {
    const name = unified.get(String(row.label).trim());
    return name === undefined || name === row.label ? row : { ...row, label: name };
  });
}

/** A name that equal values share, or undefined for a text that is neither a number nor true or false. */
function spelledValue(name: string): string | undefined {
  if (/^(true|false)$/i.test(name)) return name.toLowerCase();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(name)) return undefined;
  const value = Number(name);
  // Whole numbers that float64 cannot tell apart are names, such as accession numbers.
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return undefined;
  return String(value === 0 ? 0 : value);
}

/** What is odd about the class names of a task without declared classes, in sentences. */
export function describeOddNames(kind: TaskKind, rows: readonly LabelledSequence[]): string[] {
  if (kind === 'regression') return [];
  const counts = new Map<string, number>();
  for (const name of rows.flatMap(({ label }) => namesOf(label))) counts.set(name, (counts.get(name) ?? 0) + 1);
  const alike = new Map<string, string[]>();
  for (const name of [...counts.keys()].sort()) {
    const plain = name
      .normalize('NFC')
      .toLowerCase()
      .replace(/[\s_-]+/g, ' ')
      .trim();
    alike.set(plain, [...(alike.get(plain) ?? []), name]);
  }
  const variants = [...alike.values()].filter((names) => names.length > 1);
  const shown = (name: string) => `${quoted(name)} (${counts.get(name)} rows)`;
  const missing = [...counts.keys()].filter(isMissingWord).sort();
  return [
    ...(variants.length === 0
      ? []
      : [
          `classes that differ only in case or blanks: ${listed(variants.map((names) => names.map(shown).join(' and ')))}; write them alike if they are one class`,
        ]),
    ...missing.map(
      (name) =>
        `${counts.get(name)} rows have the label ${quoted(name)}, which usually marks a missing value; it is read as a class. Remove these rows if it is none`,
    ),
  ];
}

function namesOf(label: Label): string[] {
  const names = typeof label === 'object' ? label.map(String) : [String(label)];
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

function listed(items: readonly string[]): string {
  return items.slice(0, LISTED).join('; ') + (items.length > LISTED ? `; and ${items.length - LISTED} more` : '');
}
