/**
 * Where words go. Without --json: facts to standard output, progress and notices to standard error. With --json: one JSON
 * document on standard output and nothing else there; words go to standard error.
 */

import { withoutControls } from '../core/escape.ts';

export interface Output {
  readonly json: boolean;
  /** A fact for a person; control characters from data become visible. Not shown under --json. */
  print(text: string): void;
  /** The same for text with colours, whose parts from data the caller has escaped. */
  printColoured(text: string): void;
  /** A word on how things go, for a person, whatever the mode. */
  note(text: string): void;
  /** The document for a machine. Not shown without --json. Called once. */
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
