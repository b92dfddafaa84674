/**
 * Errors caused by user input: wrong flags or bad files. The command line prints them in one or two
 * lines and exits with 2.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** The remedy. */
  readonly hint?: string;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
