/** The one error of this folder: what is wrong with a sequence or its file, where, and how to mend it. */
export class SequenceError extends Error {
  readonly file?: string;
  /** 1-based line; the row for columnar formats. */
  readonly line?: number;

  constructor(what: string, at: { readonly file?: string; readonly line?: number } = {}) {
    const place = at.file === undefined ? '' : at.line === undefined ? `${at.file}: ` : `${at.file}:${at.line}: `;
    super(place + what);
    this.name = 'SequenceError';
    this.file = at.file;
    this.line = at.line;
  }
}

/** The candidate nearest to `name` by edit distance, as " (did you mean "x"?)", or "" when none is near. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  let best = '';
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === '' ? '' : ` (did you mean "${best}"?)`;
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
