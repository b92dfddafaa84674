/**
 * Where words go. Without --json: facts to standard output, progress and notices to standard error. With --json: one JSON
 * document on standard output and nothing else there; words go to standard error.
 */

export interface Output {
  readonly json: boolean;
  /** A fact for a person. Not shown under --json. */
  print(text: string): void;
  /** A word on how things go, for a person, whatever the mode. */
  note(text: string): void;
  /** The document for a machine. Not shown without --json. Called once. */
  document(value: unknown): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    print(text) {
      if (!json) process.stdout.write(`${text}\n`);
    },
    note: (text) => void process.stderr.write(`${text}\n`),
    document(value) {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
  };
}

/** Columns of text, as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((text, i) => Math.max(most[i] ?? 0, text.length)), []);
  const line = (row: readonly string[]) => row.map((text, i) => (i < row.length - 1 ? text.padEnd(widths[i]) : text));
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n');
}
