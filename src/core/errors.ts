/** Errors that are the asker's to mend: wrong usage or bad input. The command line shows them in a line or two and exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** What to do about it. */
  readonly hint?: string;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
