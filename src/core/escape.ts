/**
 * Escapes text from data for HTML text and attributes, JSON inside a script element, Markdown table
 * cells, CSV cells and a terminal. Every format uses these functions; titles, ids, errors and
 * citations are never trusted.
 */

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Safe as element text and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return withoutControls(text).replace(/[&<>"'`]/g, (character) => HTML_ENTITIES[character]);
}

/**
 * JSON for a `<script type="application/json">`, without any sequence that ends the element or
 * starts a comment.
 */
export function escapeJsonForScript(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A link target from data: http(s) only, otherwise undefined (so `javascript:` and `data:` never
 * become links).
 */
export function safeUrl(text: string): string | undefined {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One Markdown table cell: data cannot start a new cell, a line break, HTML, emphasis, a link or
 * code.
 */
export function escapeMarkdown(text: string): string {
  return withoutControls(text)
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]|~$]/g, '\\$&')
    .replace(/[&<>]/g, (character) => HTML_ENTITIES[character]);
}

/**
 * RFC 4180 cell of text. Spreadsheets run a cell that starts with = + - @ as a formula, so it gets
 * an apostrophe in front.
 */
export function escapeCsvText(raw: string): string {
  const text = withoutControls(raw);
  const guarded = /^[\s\uFEFF]*[=+\-@＝＋－＠]|^[\t\r\n�]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(guarded) || /^\s|\s$/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

/**
 * For a terminal: escape sequences and other control characters are made visible, and lines are
 * joined.
 */
export function escapeTerminal(text: string): string {
  return Array.from(text.replace(/\s+/g, ' '), (character) => (isControl(character) ? '�' : character)).join('');
}

function isControl(character: string): boolean {
  const code = character.codePointAt(0)!;
  // C0, DEL, C1, and the bidirectional overrides that can change the apparent order of text.
  return (
    code < 32 || (code >= 127 && code < 160) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
  );
}

/** For output of several lines: escape sequences and other control characters become visible; line breaks and tabs stay. */
export function withoutControls(text: string): string {
  return Array.from(text, (character) =>
    isControl(character) && character !== '\n' && character !== '\t' ? '�' : character,
  ).join('');
}
