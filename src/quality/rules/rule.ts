/**
 * A rule answers a question about a sequence without a model. The audit scores each rule on test rows; the baseline `row-zero` is the best of
 * them. A rule is fitted on training rows only.
 */
import {
  type Composition,
  composition,
  dinucleotideKeys,
  type PackedSequences,
  packSequences,
} from '../packed-sequences.ts';
import type { Question } from '../questions.ts';

/** Sequences with the columns that rules read, each computed when it is first asked for. */
export interface RuleData {
  readonly packed: PackedSequences;
  composition(): Composition;
  /** `[rows]` hashes of dinucleotide counts. */
  dinucleotides(): Float64Array;
}

export interface FittedRule {
  /** `[rows, width]` class probabilities, or numbers. */
  answer(data: RuleData, rows: ArrayLike<number>): Float64Array;
  /** What was chosen while fitting, for the record. */
  readonly detail?: string;
}

export interface Rule {
  readonly id: string;
  readonly title: string;
  /** Undefined where the rule does not apply to the question or the rows. */
  fit(data: RuleData, question: Question, rows: ArrayLike<number>): FittedRule | undefined;
}

export function ruleData(sequences: readonly string[]): RuleData {
  const packed = packSequences(sequences);
  let columns: Composition | undefined;
  let keys: Float64Array | undefined;
  return {
    packed,
    composition: () => {
      columns ??= composition(packed);
      return columns;
    },
    dinucleotides: () => {
      keys ??= dinucleotideKeys(packed);
      return keys;
    },
  };
}
