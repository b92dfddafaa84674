/** The one error of this folder: what is wrong with a sequence or its file, where, and what to do. */
export class SequenceError extends Error {
  /** The message without the place. */
  readonly what: string;
  readonly file?: string;
  /** 1-based line; the row for columnar formats. */
  readonly line?: number;

  constructor(what: string, at: { readonly file?: string; readonly line?: number } = {}) {
    const place = at.file === undefined ? '' : at.line === undefined ? `${at.file}: ` : `${at.file}:${at.line}: `;
    super(place + what);
    this.name = 'SequenceError';
    this.what = what;
    this.file = at.file;
    this.line = at.line;
  }
}

/** A sequence of a list that a model cannot use. The caller knows where the list came from and can name file and line. */
export class UnusableSequence extends Error {
  override readonly name = 'UnusableSequence';

  /** @param row 0-based. */
  constructor(
    readonly row: number,
    readonly rows: number,
    /** Why, without the place. */
    readonly reason: string,
    readonly model?: string,
  ) {
    super(`${model === undefined ? '' : `${model}: `}sequence ${row + 1} of ${rows}: ${reason}`);
  }

  /** The message with the place of the sequence, such as "train.csv:17". */
  at(place: string): string {
    return `${this.model === undefined ? '' : `${this.model}: `}${place}: ${this.reason}`;
  }
}

/** The error of row `row` of `rows`; one that names a row of a part of the list is counted anew. */
export function unusable(error: unknown, row: number, rows: number, model?: string, remedy = ''): UnusableSequence {
  const inner = error instanceof UnusableSequence ? error : undefined;
  const reason = (inner?.reason ?? (error instanceof Error ? error.message : String(error))) + remedy;
  const found = new UnusableSequence(row, rows, reason, model ?? inner?.model);
  found.cause = error;
  return found;
}

/**
 * What `name` was probably meant to be, as ` (did you mean "x"?)`, or "" when nothing is near: the candidate nearest by edit
 * distance, else up to three that hold the same letters in the same order ("onehot-cnn": "one-hot-chip-cnn"), the shortest first.
 */
export function didYouMean(name: string, candidates: readonly string[]): string {
  let best = '';
  // Short of the name's own length, so that something of it remains.
  let bestDistance = Math.min(name.length, Math.max(2, Math.floor(name.length / 3)) + 1);
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  const found = best === '' ? holding(name, candidates).slice(0, 3) : [best];
  if (found.length === 0) return '';
  const quoted = found.map((candidate) => `"${candidate}"`);
  return ` (did you mean ${[quoted.slice(0, -1).join(', '), ...quoted.slice(-1)].filter((part) => part !== '').join(' or ')}?)`;
}

/** Candidates that hold the letters and digits of `name`: in one piece, or else, for four and more, with others between. */
function holding(name: string, candidates: readonly string[]): string[] {
  const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
  const wanted = plain(name);
  if (wanted.length < 2) return [];
  const shortest = (a: string, b: string) => a.length - b.length;
  const whole = candidates.filter((candidate) => plain(candidate).includes(wanted));
  if (whole.length > 0 || wanted.length < 4) return whole.sort(shortest);
  return candidates.filter((candidate) => isSubsequence(wanted, plain(candidate))).sort(shortest);
}

function isSubsequence(wanted: string, text: string): boolean {
  let at = 0;
  for (const letter of text) if (letter === wanted[at]) at += 1;
  return at === wanted.length;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current[j] = Math.min(substitution, previous[j] + 1, current[j - 1] + 1);
    }
    previous = current;
  }
  return previous[b.length];
}
