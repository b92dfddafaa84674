/**
 * Stability of static embeddings over all pairs of an ensemble's members (section "static" of arXiv
 * 2604.04287; `src/analyze/static/static.py` of lbcb-sci/GFMs): do models that differ only in their
 * seed arrange the tokens of the vocabulary alike? Members are `[vocabulary, dim]` word-embedding
 * matrices; row i is the same token in all of them. Positions, contexts and logits are not covered.
 *
 * Cost for 5 members of [4096, 768] on one core: four and a half minutes, half of it in the
 * rotations of `singular-values.ts`, and 1.3 GB.
 */

import { denseOf, frobeniusNorm, gram, type Matrix64, multiplyTransposed, transposed } from '../../algebra/dense.ts';
import type { Matrix } from '../../core/matrix.ts';
import { linearCkaOfProducts, type RbfKernel, rbfCkaOfKernels, rbfKernel } from './kernel-alignment.ts';
import {
  chanceJaccard,
  compareNeighbours,
  type NeighbourComparison,
  type NeighbourOrder,
  neighbourOrder,
} from './neighbours.ts';
import { alignStandardForms, standardForm } from './procrustes.ts';
import { type Spread, spread } from './spread.ts';

/** The paper's numbers of neighbours. */
export const NEIGHBOUR_COUNTS: readonly number[] = [1, 3, 5, 10, 20, 50, 100, 1000, 4000];

/**
 * Tables of all pairs of tokens are kept: 4 bytes x tokens^2 per member, and 12 while one is made.
 */
const MAXIMUM_TOKENS = 8192;

export interface StaticOptions {
  /** Default {@link NEIGHBOUR_COUNTS}, as far as the vocabulary is large enough. */
  readonly neighbourCounts?: readonly number[];
  /**
   * Number of tokens that are compared of a larger vocabulary, evenly spaced over the ids. Default
   * 8192.
   */
  readonly maximumTokens?: number;
  /** Called after each step with the fraction done, 0..1. */
  readonly progress?: (done: number) => void;
}

export interface StaticPair {
  /** Indices in the list of members. */
  readonly first: number;
  readonly second: number;
  readonly neighbours: readonly NeighbourComparison[];
  readonly disparity: number;
  readonly alignedCosine: number;
  readonly linearCka: number;
  readonly rbfCka: number;
}

export interface StaticStability {
  readonly members: number;
  readonly vocabulary: number;
  /** Tokens compared: the whole vocabulary unless it is larger than `maximumTokens`. */
  readonly tokens: number;
  readonly dimensions: number;
  readonly pairs: readonly StaticPair[];
  /** Over pairs, like all that follow. */
  readonly neighbours: readonly {
    readonly k: number;
    /** Expected Jaccard of two random sets of k. */
    readonly chanceJaccard: number;
    readonly jaccard: Spread;
    readonly localSpearman: Spread;
    readonly localSpearmanPaper: Spread;
  }[];
  readonly disparity: Spread;
  readonly alignedCosine: Spread;
  readonly linearCka: Spread;
  readonly rbfCka: Spread;
}

interface Member {
  readonly order: NeighbourOrder;
  readonly kernel: RbfKernel;
  readonly standard: Matrix64;
  /** `[dim, tokens]` */
  readonly features: Matrix64;
  /** Frobenius norm of features features'. */
  readonly norm: number;
}

/**
 * Compares all pairs of members.
 * @throws for fewer than two members, members of different shapes, fewer than 2 tokens, numbers that are not finite, or a k out of range.
 */
export function compareStaticEmbeddings(members: readonly Matrix[], options: StaticOptions = {}): StaticStability {
  if (members.length < 2) throw new Error(`stability needs at least two members, not ${members.length}`);
  const { rows: vocabulary, columns: dimensions } = members[0];
  members.forEach((member, i) => {
    if (member.rows !== vocabulary || member.columns !== dimensions)
      throw new Error(
        `member ${i} is [${member.rows}, ${member.columns}], member 0 [${vocabulary}, ${dimensions}]; members must have the same vocabulary and width`,
      );
  });
  const tokens = Math.min(vocabulary, options.maximumTokens ?? MAXIMUM_TOKENS);
  const counts = options.neighbourCounts ?? NEIGHBOUR_COUNTS.filter((k) => k < tokens);
  const pairCount = (members.length * (members.length - 1)) / 2;
  let done = 0;
  const step = () => options.progress?.(++done / (members.length + pairCount));

  const prepared = members.map((member, i) => {
    const made = prepare(evenRows(denseOf(member, `member ${i}`), tokens), `member ${i}`);
    step();
    return made;
  });
  const pairs: StaticPair[] = [];
  for (let first = 0; first < members.length; first++)
    for (let second = first + 1; second < members.length; second++) {
      pairs.push({ first, second, ...comparePair(prepared[first], prepared[second], counts) });
      step();
    }
  const over = (value: (pair: StaticPair) => number) => spread(pairs.map(value));
  return {
    members: members.length,
    vocabulary,
    tokens,
    dimensions,
    pairs,
    neighbours: counts.map((k, i) => ({
      k,
      chanceJaccard: chanceJaccard(k, tokens - 1),
      jaccard: over((pair) => pair.neighbours[i].jaccard),
      localSpearman: over((pair) => pair.neighbours[i].localSpearman),
      localSpearmanPaper: over((pair) => pair.neighbours[i].localSpearmanPaper),
    })),
    disparity: over((pair) => pair.disparity),
    alignedCosine: over((pair) => pair.alignedCosine),
    linearCka: over((pair) => pair.linearCka),
    rbfCka: over((pair) => pair.rbfCka),
  };
}

function prepare(embedding: Matrix64, name: string): Member {
  const products = gram(embedding); // [tokens, tokens]
  const standard = standardForm(embedding, name);
  const features = transposed(standard);
  return {
    order: neighbourOrder(products),
    kernel: rbfKernel(products),
    standard,
    features,
    norm: frobeniusNorm(gram(features)),
  };
}

function comparePair(a: Member, b: Member, counts: readonly number[]): Omit<StaticPair, 'first' | 'second'> {
  const cross = multiplyTransposed(a.features, b.features); // [dim, dim]
  return {
    neighbours: compareNeighbours(a.order, b.order, counts),
    ...alignStandardForms(a.standard, b.standard, cross),
    linearCka: linearCkaOfProducts(cross, a.norm, b.norm),
    rbfCka: rbfCkaOfKernels(a.kernel, b.kernel),
  };
}

/** `count` rows, evenly spaced. */
function evenRows(matrix: Matrix64, count: number): Matrix64 {
  const { rows, columns, values } = matrix;
  if (count === rows) return matrix;
  const picked = new Float64Array(count * columns);
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * rows) / count);
    picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  }
  return { rows: count, columns, values: picked };
}
