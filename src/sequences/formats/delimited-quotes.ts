/**
 * Quotes in delimited text. A quote is special only where it opens a field (blanks before it are allowed); the field ends at a
 * quote that is followed by the separator or the end of the line. Inside, a doubled quote is one; any other is a letter.
 *
 * Comma and semicolon (RFC 4180): a quoted field that is not closed goes on in the next line.
 * Tab: database exports write quotes as letters (5" jar, or a field that begins with a quote and never closes). A line that has as
 * many fields as there are columns is one row; only fields that both open and close lose their quotes. A line that has another
 * number of fields is tried as quoted text, tabs and line breaks inside quotes included, and taken so only if that gives a field
 * for every column.
 *
 * A quoted field over many lines is refused at a bound, and where each of its lines is a row of its own: a stray quote would make
 * rows disappear. The fault is that of the line with the opening quote; the lines after it are then read by themselves.
 */

/** Longest quoted field that spans lines. */
const MOST_LINES = 1000;
const MOST_CHARACTERS = 1 << 22;

export interface DelimitedRecord {
  /** 1-based; the first line of a record that spans several. */
  readonly line: number;
  /** Empty where there is a fault. */
  readonly fields: readonly string[];
  /** Why the record cannot be read, and the remedy. */
  readonly fault?: string;
}

/** Lines that are not blank = records (faults included) + joined lines, once the end is reached. */
export interface RecordCounts {
  lines: number;
  records: number;
  joined: number;
}

interface Line {
  readonly text: string;
  readonly line: number;
}

/** A record whose last field is quoted and not closed yet. */
interface OpenRecord {
  /** Fields before it. */
  readonly fields: string[];
  /** Text of the open field, line by line. */
  readonly pieces: string[];
  readonly held: Line[];
  characters: number;
}

/** Turns lines, given one after another, into records. `width` is the number of columns; else that of the first record. */
export function createRecordParser(
  between: string,
  counts: RecordCounts,
  width: number | undefined,
): {
  push(text: string, line: number, found: DelimitedRecord[]): void;
  end(found: DelimitedRecord[]): void;
} {
  const tabbed = between === '\t';
  let open: OpenRecord | undefined;

  const emit = (record: DelimitedRecord, lines: number, found: DelimitedRecord[]) => {
    counts.records += 1;
    counts.joined += lines - 1;
    width ??= record.fields.length;
    found.push(record);
  };
  /** Gives up the open record: its first line is a fault (or a ragged row), the others are read again by themselves. */
  const abandon = (fault: string, found: DelimitedRecord[]) => {
    const [first, ...rest] = open!.held;
    open = undefined;
    counts.lines -= rest.length;
    // For tabs, quoting was only a guess: the row is reported as it stands.
    if (tabbed) emit({ line: first.line, fields: tabbedFields(first.text) }, 1, found);
    else emit({ line: first.line, fields: [], fault }, 1, found);
    for (const { text, line } of rest) push(text, line, found);
  };
  const unclosed = (why: string) =>
    `a quote opened here is ${why}; close it, or double the quotes inside quoted fields (a field that begins with a quote is quoted)`;

  /** A line at the start of a record. */
  const begin = (text: string, line: number, found: DelimitedRecord[]): void => {
    const whole = text.includes('"') ? undefined : text.split(between);
    const letters = whole ?? (tabbed ? tabbedFields(text) : undefined);
    if (whole !== undefined || (letters !== undefined && letters.length === (width ?? letters.length))) {
      emit({ line, fields: letters ?? [] }, 1, found);
      return;
    }
    const { fields, rest } = quotedFields(text, between, []);
    if (rest !== undefined) open = { fields, pieces: [rest], held: [{ text, line }], characters: text.length };
    else emit({ line, fields: letters !== undefined && fields.length !== width ? letters : fields }, 1, found);
  };
  /** A line that goes on with the open record. */
  const resume = (record: OpenRecord, text: string, line: number, found: DelimitedRecord[]): void => {
    const { held, pieces } = record;
    held.push({ text, line });
    record.characters += text.length;
    const end = text.includes('"') ? closingQuote(text, 0, between) : -1;
    if (held.length > MOST_LINES || record.characters > MOST_CHARACTERS) {
      abandon(unclosed(`not closed within ${MOST_LINES} lines or ${MOST_CHARACTERS} characters`), found);
      return;
    }
    if (end < 0) {
      pieces.push(text);
      return;
    }
    const before = [...record.fields, [...pieces, text.slice(0, end)].join('\n').replaceAll('""', '"')];
    const after = text.indexOf(between, end + 1);
    const { fields, rest }: QuotedFields =
      after < 0 ? { fields: before } : quotedFields(text.slice(after + 1), between, before);
    if (rest !== undefined) open = { ...record, fields, pieces: [rest] };
    else if (tabbed && fields.length !== width) abandon('', found);
    else if (swallowsRows(held, between, width)) {
      const lines = held.length - 1;
      abandon(unclosed(`closed ${lines} lines below, and each of these lines is a whole row`), found);
    } else {
      open = undefined;
      emit({ line: held[0].line, fields }, held.length, found);
    }
  };
  const push = (text: string, line: number, found: DelimitedRecord[]): void => {
    if (open === undefined && /^[ \r]*$/.test(text)) return;
    counts.lines += 1;
    if (open === undefined) begin(text, line, found);
    else resume(open, text, line, found);
  };

  const end = (found: DelimitedRecord[]): void => {
    while (open !== undefined) abandon(unclosed('never closed'), found);
  };
  return { push, end };
}

/** Whether each line of a record is a row by itself, so that a stray quote is more likely than a text with line breaks. */
function swallowsRows(held: readonly Line[], between: string, width: number | undefined): boolean {
  if (width === undefined || width < 2 || held.length + width < 5) return false;
  return held.every(({ text }) => text.split(between).length === width);
}

interface QuotedFields {
  readonly fields: string[];
  /** The text so far of a last field whose quote is not closed. */
  readonly rest?: string;
}

/** Adds the fields of a text to `fields`. */
function quotedFields(text: string, between: string, fields: string[]): QuotedFields {
  let start = 0;
  for (;;) {
    const opening = /^ *"/.exec(text.slice(start, start + 64))?.[0].length;
    if (opening === undefined) {
      const next = text.indexOf(between, start);
      fields.push(next < 0 ? text.slice(start) : text.slice(start, next));
      if (next < 0) return { fields };
      start = next + 1;
      continue;
    }
    const end = closingQuote(text, start + opening, between);
    if (end < 0) return { fields, rest: text.slice(start + opening) };
    fields.push(text.slice(start + opening, end).replaceAll('""', '"'));
    const next = text.indexOf(between, end + 1);
    if (next < 0) return { fields };
    start = next + 1;
  }
}

/** Index of the quote that closes a field whose text begins at `from`, or -1: not doubled, and nothing but blanks before the separator. */
function closingQuote(text: string, from: number, between: string): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    if (text[at + 1] === '"') {
      at += 1;
      continue;
    }
    let next = at + 1;
    while (text[next] === ' ') next += 1;
    if (next === text.length || text[next] === between) return at;
  }
  return -1;
}

/** Fields at tabs; one that opens and closes with a quote loses both. */
function tabbedFields(line: string): string[] {
  return line.split('\t').map((field) => {
    const text = field.trim();
    if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return field;
    const inner = text.slice(1, -1);
    // A quote inside that is not doubled: the field is text with quotes, such as "a" and "b".
    return /^(?:[^"]|"")*$/.test(inner) ? inner.replaceAll('""', '"') : field;
  });
}
