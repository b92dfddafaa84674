/** What goes wrong between us and the hub, and what to do about it; the command line shows both, without a stack. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly hint?: string;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
