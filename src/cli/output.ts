/**
 * Output of commands. Without --json: results on standard output, progress and notices on standard
 * error. With --json: one JSON document on standard output, everything else on standard error.
 */

import { withoutControls } from '../core/escape.ts';

export interface Output {
  readonly json: boolean;
  /**
   * A line for human readers; control characters from data become visible. Not shown with --json.
   */
  print(text: string): void;
  /** The same for coloured text; the caller has escaped its parts from data. */
  printColoured(text: string): void;
  /** A progress message or notice for human readers, in both modes. */
  note(text: string): void;
  /** The document for machines. Not shown without --json. Called once. */
  document(value: unknown): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    print(text) {
      if (!json) process.stdout.write(`${withoutControls(text)}\n`);
    },
    printColoured(text) {
      if (!json) process.stdout.write(`${text}\n`);
    },
    note: (text) => void process.stderr.write(`${withoutControls(text)}\n`),
    document(value) {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
  };
}
