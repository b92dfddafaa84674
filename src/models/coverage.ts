/**
 * How much of a sequence a model reads: the share of its tokens that are unknown ([UNK]), and
 * whether it can be placed on the reference of a model of gene columns. All unknown tokens have the
 * same vector, so a model that reads few of the tokens is refused instead of evaluated.
 */
import { UsageError } from '../core/errors.ts';

export interface Coverage {
  /** Number of tokens, without special ones. */
  readonly tokens: number;
  /** Number of unknown tokens among them. */
  readonly unknown: number;
  /**
   * Whether the sequence can be placed on the model's reference. Undefined for models without one.
   */
  readonly placed?: boolean;
}

/** Description of a model's unknown tokens, for messages. */
export interface UnknownToken {
  readonly token: string;
  readonly id: number;
  readonly remedy: string;
}

/** Shares in 0..1 over the sequences that have any letters of bases. */
export interface CoverageShares {
  readonly sequences: number;
  /** Mean over sequences of the share of unknown tokens. */
  readonly unknown: number;
  /** Share of sequences without a place on the reference; undefined for models without one. */
  readonly unplaced?: number;
  /** A sequence with the largest share of unknown tokens. */
  readonly example?: string;
}

/** Above these shares a model is refused, or the user is warned. */
export const MOST_UNKNOWN = 0.5;
export const MOST_UNPLACED = 0.5;
export const WARN_UNKNOWN = 0.1;
export const WARN_UNPLACED = 0.1;

/** Letters of bases: a run of N or of other codes is unknown to most models, which is correct. */
const BASES = /[ACGTU]/gi;
const EXAMPLE_LETTERS = 24;

/** Sums coverage over sequences. */
export class CoverageTally {
  private sequences = 0;
  private unknown = 0;
  private reads = 0;
  private unplaced = 0;
  private worst = 0;
  private example: string | undefined;

  add(sequence: string, { tokens, unknown, placed }: Coverage): void {
    if ((sequence.match(BASES)?.length ?? 0) <= sequence.length / 2 || tokens === 0) return;
    const share = unknown / tokens;
    this.sequences += 1;
    this.unknown += share;
    if (share > this.worst) [this.worst, this.example] = [share, sequence.slice(0, EXAMPLE_LETTERS)];
    if (placed === undefined) return;
    this.reads += 1;
    if (!placed) this.unplaced += 1;
  }

  shares(): CoverageShares {
    return {
      sequences: this.sequences,
      unknown: this.sequences === 0 ? 0 : this.unknown / this.sequences,
      ...(this.reads > 0 ? { unplaced: this.unplaced / this.reads } : {}),
      ...(this.example === undefined ? {} : { example: this.example }),
    };
  }
}

/**
 * Shares of at most `most` sequences, evenly spaced. Sequences that the model refuses are left out.
 */
export function coverageShares(
  sequences: readonly string[],
  coverage: (sequence: string) => Coverage,
  most = 1000,
): CoverageShares {
  const tally = new CoverageTally();
  const count = Math.min(most, sequences.length);
  for (let i = 0; i < count; i++) {
    const sequence = sequences[Math.floor((i * sequences.length) / count)];
    let one: Coverage;
    try {
      one = coverage(sequence);
    } catch {
      continue; // too long or too short: embedding it gives a separate error
    }
    tally.add(sequence, one);
  }
  return tally.shares();
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

/** @throws UsageError when more than half of the tokens are unknown, or more than half of the sequences have no place. */
export function requireCoverage(label: string, shares: CoverageShares, unknown?: UnknownToken): void {
  if (shares.unplaced !== undefined && shares.unplaced > MOST_UNPLACED)
    throw new UsageError(
      `${label}: ${percent(shares.unplaced)} of ${shares.sequences} sequences have no place on the model's reference gene (at most ${percent(MOST_UNPLACED)} are accepted). Use a model without gene columns for these data, or sequences of that gene on one strand`,
    );
  if (shares.unknown > MOST_UNKNOWN)
    throw new UsageError(
      `${label}: ${percent(shares.unknown)} of the tokens are ${unknown?.token ?? '[UNK]'} (mean of ${shares.sequences} sequences; at most ${percent(MOST_UNKNOWN)} are accepted), for example those of '${shares.example}': the model cannot tell such sequences apart. Remedy: ${unknown?.remedy ?? 'compare the letters of the data with the vocabulary'}`,
    );
}

/** Warnings about smaller shares. */
export function coverageNotices(label: string, { unknown, unplaced }: CoverageShares): string[] {
  return [
    ...(unknown > WARN_UNKNOWN ? [`${label}: ${percent(unknown)} of the tokens are unknown to the tokenizer`] : []),
    ...(unplaced !== undefined && unplaced > WARN_UNPLACED
      ? [`${label}: ${percent(unplaced)} of the sequences have no place on the model's reference gene`]
      : []),
  ];
}
