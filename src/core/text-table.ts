/** Tables of plain text for a terminal: columns of equal width, two spaces between them. */

/**
 * One line per row. `right`: the right-aligned columns; default: all but the first. Widths count
 * characters, not UTF-16 units.
 */
export function aligned(table: readonly (readonly string[])[], right = (column: number) => column > 0): string[] {
  const length = (text: string) => Array.from(text).length;
  const widths = table[0].map((_, c) => Math.max(...table.map((line) => length(line[c]))));
  const padded = (text: string, c: number) => {
    const room = ' '.repeat(widths[c] - length(text));
    return right(c) ? room + text : text + room;
  };
  return table.map((line) => line.map(padded).join('  ').trimEnd());
}

/** The lines of a table in which every column stands to the left; a line break inside a cell becomes a blank. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const inOneLine = rows.map((row) => row.map((text) => text.replace(/\s*[\r\n]\s*/g, ' ')));
  return aligned(inOneLine, () => false).join('\n');
}
