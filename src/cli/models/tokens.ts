/**
 * Tokens per base of a tokenizer: on seeded random sequences, and on a file's. Special tokens
 * count, because they are computed too.
 */
import { createRandom } from '../../core/random.ts';
import { applyAlphabet } from '../../sequences/alphabet.ts';
import { readSequences } from '../../sequences/formats/readers.ts';

export interface TokenRate {
  /** `random`, or the file. */
  readonly of: string;
  readonly sequences: number;
  /** Of the measured sequences. */
  readonly bases: number;
  readonly tokens: number;
  readonly tokensPerBase: number | null;
  /** Letters of the shortest and the longest measured sequence. */
  readonly lengths?: readonly [number, number];
  /** Number of sequences that the model cannot read whole, and the reason of the first. */
  readonly unreadable: number;
  readonly why?: string;
  /** Set when a file has more rows than were measured. */
  readonly first?: true;
}

const RANDOM_SEQUENCES = 64;
/** Uses the longest length that the model reads. */
const RANDOM_LENGTHS = [512, 256, 128, 64, 32, 16, 8];
const MOST_ROWS = 10_000;

type Count = (sequence: string) => number;

function createRate(of: string, count: Count) {
  let [sequences, bases, tokens, unreadable] = [0, 0, 0, 0];
  let [shortest, longest] = [Number.POSITIVE_INFINITY, 0];
  let why: string | undefined;
  return {
    add(sequence: string) {
      try {
        tokens += count(sequence);
      } catch (error) {
        unreadable += 1;
        why ??= (error as Error).message;
        return;
      }
      sequences += 1;
      bases += sequence.length;
      shortest = Math.min(shortest, sequence.length);
      longest = Math.max(longest, sequence.length);
    },
    rate: (): TokenRate => ({
      ...{ of, sequences, bases, tokens, unreadable, why },
      tokensPerBase: bases > 0 ? tokens / bases : null,
      ...(sequences > 0 ? { lengths: [shortest, longest] as const } : {}),
    }),
  };
}

/** 64 sequences of 512 letters, or of as many as the model reads. */
export function measureRandom(count: Count): TokenRate {
  let last: TokenRate | undefined;
  for (const length of RANDOM_LENGTHS) {
    const random = createRandom(`tokens-per-base:${length}`);
    const rate = createRate('random', count);
    for (let i = 0; i < RANDOM_SEQUENCES; i++)
      rate.add(Array.from({ length }, () => 'ACGT'[random.integer(4)]).join(''));
    last = rate.rate();
    if (last.unreadable === 0) return last;
  }
  return last as TokenRate;
}

/** The first 10,000 sequences of a file at most. */
export async function measureFile(file: string, column: string | undefined, count: Count): Promise<TokenRate> {
  const rate = createRate(file, count);
  let rows = 0;
  for await (const { sequence, source } of readSequences(file, { sequence: column, duplicateIds: 'suffix' })) {
    if (rows === MOST_ROWS) return { ...rate.rate(), first: true };
    rate.add(applyAlphabet(sequence, { alphabet: 'dna' }, `${source.file}:${source.line}`).sequence);
    rows += 1;
  }
  return rate.rate();
}
