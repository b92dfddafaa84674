/** Numbers as a reader sees them: scores, signed differences, p-values, durations. Display only; files for machines keep every digit. */
import type { Verdict } from '../board/schema.ts';

export const MISSING = '–';

/** Decimals for numbers that are compared with each other: 3 around 1, fewer for large values, more for small ones. */
export function decimalsFor(values: readonly (number | null)[]): number {
  const largest = Math.max(0, ...values.map((value) => Math.abs(value ?? 0)));
  if (largest >= 10) return Math.max(0, 3 - Math.floor(Math.log10(largest)));
  if (largest > 0 && largest < 0.1) return Math.min(8, 2 - Math.floor(Math.log10(largest)));
  return 3;
}

export function formatScore(value: number | null, decimals = 3): string {
  if (value === null) return MISSING;
  return minus(value.toFixed(decimals));
}

/** Always with a sign; what rounds to zero has none. */
export function formatDifference(value: number | null, decimals = 3): string {
  if (value === null) return MISSING;
  const text = value.toFixed(decimals);
  if (Number(text) === 0) return text.replace('-', '');
  return value > 0 ? `+${text}` : minus(text);
}

export function formatP(p: number | null): string {
  if (p === null) return MISSING;
  if (p < 0.001) return '<0.001';
  return p.toFixed(3);
}

export function formatSeconds(seconds: number | null): string {
  if (seconds === null) return MISSING;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Never colour alone: each verdict has a shape and a word. */
export const VERDICT_MARKS: Readonly<Record<Verdict, string>> = {
  better: '▲',
  indistinguishable: '○',
  worse: '▼',
  'needs seeds': '?',
};

/** At most `most` characters; a cut text ends in an ellipsis. */
export function clip(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `nearDuplicates` -> `near duplicates`: keys of stored JSON as words. */
export function words(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
}

function minus(text: string): string {
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
}
