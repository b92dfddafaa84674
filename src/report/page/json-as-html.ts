/** Plain JSON of unknown shape (options, cards, audits, chosen settings) as HTML, every text escaped, long arrays counted. */
import { escapeHtml, safeUrl } from '../../core/escape.ts';
import { capitalise, formatCount, words } from '../formats/numbers.ts';

/** Keys whose non-zero numbers mean that splits share data, or rows repeat. */
const ALARMING = /duplicate|leak|across|shared|overlap|conflict/i;
const MOST_ITEMS = 12;

export interface PlainOptions {
  /** Mark counts above zero under keys that tell of duplicates or leakage. */
  readonly alarm?: boolean;
}

/** Nested definition lists; an empty object gives an empty string. */
export function definitionList(value: Readonly<Record<string, unknown>>, options: PlainOptions = {}): string {
  return list(value, options, false);
}

function list(value: Readonly<Record<string, unknown>>, options: PlainOptions, alarming: boolean): string {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  if (entries.length === 0) return '';
  const items = entries.map(([key, member]) => {
    const alarm = alarming || (options.alarm === true && ALARMING.test(key));
    const flagged = alarm && typeof member === 'number' && member > 0;
    return `<div${flagged ? ' class="alarm"' : ''}><dt>${escapeHtml(label(key))}</dt><dd>${flagged ? '<b aria-hidden="true">⚠ </b>' : ''}${plainValue(member, options, alarm)}</dd></div>`;
  });
  return `<dl>${items.join('')}</dl>`;
}

/** Identifiers as words; keys that are names of their own (packages, classes, files) as they are. */
function label(key: string): string {
  return /^[a-z][A-Za-z0-9 ]*$/.test(key) ? capitalise(words(key)) : key;
}

function plainValue(value: unknown, options: PlainOptions, alarming: boolean): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return escapeHtml(plainNumber(value));
  if (Array.isArray(value)) return arrayValue(value, options, alarming);
  if (typeof value === 'object') return list(value as Record<string, unknown>, options, alarming) || 'none';
  return linked(String(value));
}

function arrayValue(value: readonly unknown[], options: PlainOptions, alarming: boolean): string {
  if (value.length === 0) return 'none';
  const shown = value.slice(0, MOST_ITEMS);
  const more =
    value.length > shown.length
      ? `<span class="soft"> and ${formatCount(value.length - shown.length)} more in leaderboard.json</span>`
      : '';
  const nested = shown.some((item) => typeof item === 'object' && item !== null);
  const items = shown.map((item) => plainValue(item, options, alarming));
  return nested ? `<ol>${items.map((item) => `<li>${item}</li>`).join('')}</ol>${more}` : items.join(', ') + more;
}

function plainNumber(value: number): string {
  if (Number.isInteger(value)) return Math.abs(value) >= 10_000 ? formatCount(value) : String(value);
  return String(Number(value.toPrecision(5)));
}

/** Text in which web addresses are links. */
export function linked(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:)\]])/)
    .map((part, i) => {
      const url = i % 2 === 1 ? safeUrl(part) : undefined;
      return url ? `<a href="${escapeHtml(url)}" rel="noopener noreferrer">${escapeHtml(part)}</a>` : escapeHtml(part);
    })
    .join('');
}
