/**
 * Checks regular expressions in a `tokenizer.json`, an untrusted file: some take exponential time
 * in the length of a text. A pattern is refused when a group with a repetition or a choice is
 * itself repeated, when it has a back-reference, or when a trial on DNA letters takes too long.
 */
import { runInNewContext } from 'node:vm';
import { createRandom } from '../../core/random.ts';

/** Milliseconds for all trials of one pattern; usual patterns need less than one. */
const PATIENCE = 1000;
const TRIAL_LETTERS = 4000;

/** All values of `Regex` fields in a parsed JSON document. */
export function patternsIn(value: unknown): string[] {
  const found: string[] = [];
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    for (const [key, inner] of Object.entries(next)) {
      if (key === 'Regex' && typeof inner === 'string') found.push(inner);
      else if (typeof inner === 'object') open.push(inner);
    }
  }
  return found;
}

/** Why a pattern is not run; undefined when it is harmless. */
export function whyUnsafe(pattern: string): string | undefined {
  return repeatedChoice(pattern) ?? (isSlow(pattern) ? 'takes too long on a sequence of DNA' : undefined);
}

interface Group {
  branches: boolean;
  repeats: boolean;
}

function repeatedChoice(pattern: string): string | undefined {
  const groups: Group[] = [{ branches: false, repeats: false }];
  let closed: Group | undefined;
  for (let i = 0; i < pattern.length; i++) {
    const rest = pattern.slice(i, i + 24);
    const top = groups[groups.length - 1];
    const quantifier = /^(?:[*+]|\{\d+(?:,\d*)?\})/.exec(rest)?.[0];
    if (quantifier !== undefined) {
      const isMany = quantifier !== '{1}' && quantifier !== '{0}' && quantifier !== '{0,1}';
      if (closed && isMany && (closed.branches || closed.repeats)) return 'repeats a group that repeats or branches';
      if (!/^\{\d+\}$/.test(quantifier)) top.repeats = true;
      i += quantifier.length - 1;
      closed = undefined;
      continue;
    }
    closed = undefined;
    if (rest[0] === '\\') {
      if (/^\\(?:[1-9]|k<)/.test(rest)) return 'refers back to a group';
      i += 1;
    } else if (rest[0] === '[') i = endOfClass(pattern, i);
    else if (rest[0] === '(') {
      groups.push({ branches: false, repeats: false });
      if (rest[1] === '?') i += 1;
    } else if (rest[0] === '|') top.branches = true;
    else if (rest[0] === '?') top.branches = true;
    else if (rest[0] === ')' && groups.length > 1) {
      closed = groups.pop() as Group;
      const outer = groups[groups.length - 1];
      outer.repeats ||= closed.repeats;
      outer.branches ||= closed.branches;
    }
  }
  return undefined;
}

/** The position of the `]` that ends a class started at `from`. */
function endOfClass(pattern: string, from: number): number {
  for (let i = from + 1; i < pattern.length; i++) {
    if (pattern[i] === '\\') i += 1;
    else if (pattern[i] === ']' && i > from + 1) return i;
  }
  return pattern.length;
}

/**
 * Whether a trial exceeds the time limit. V8 interrupts a running expression when the time of its
 * context is over.
 */
function isSlow(pattern: string): boolean {
  const random = createRandom('patterns');
  const mixed = Array.from({ length: TRIAL_LETTERS }, () => 'ACGT'[random.integer(4)]).join('');
  const texts = [...'ACGTNacgtn'].map((letter) => `${letter.repeat(TRIAL_LETTERS)}!`);
  try {
    runInNewContext(
      'const expression = new RegExp(pattern, "gu"); for (const text of texts) text.split(expression).length;',
      { pattern, texts: [...texts, `${mixed}!`] },
      { timeout: PATIENCE },
    );
    return false;
  } catch (error) {
    // Other errors are syntax errors: the library that runs the pattern rewrites it first.
    return (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
  }
}
