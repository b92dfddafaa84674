/**
 * Compares the neighbours of tokens in two embeddings of the same tokens: overlap of the k most
 * similar tokens, and rank correlation of similarities within them (`src/analyze/metrics.py` of
 * lbcb-sci/GFMs, arXiv 2604.04287). Similarity is the cosine. A token is not its own neighbour.
 * Equally similar neighbours are ordered by id. Each overlap is reported with its chance level: for
 * large k two unrelated embeddings overlap much.
 */
import { type Matrix64, requireSameRows } from '../../algebra/dense.ts';

/** Neighbour lists hold 15-bit row numbers. */
export const MOST_ROWS = 0x8000;
const TIED = 0x8000;
const ROW = 0x7fff;

export interface NeighbourOrder {
  readonly rows: number;
  /**
   * `[rows, rows - 1]` all other rows, most similar first. The top bit marks a row that is exactly
   * as similar as the one before it.
   */
  readonly order: Uint16Array;
}

export interface NeighbourComparison {
  readonly k: number;
  /**
   * Mean over tokens of |A and B| / |A or B| of the two sets of k neighbours: 1 for equal sets,
   * {@link chanceJaccard} for unrelated ones.
   */
  readonly jaccard: number;
  /**
   * Spearman's correlation of the similarities in the two embeddings over the k neighbours in the
   * first embedding, and over those in the second, both with midranks, averaged over tokens and
   * then over the two: symmetric. Tokens with constant similarities are left out; NaN for k = 1.
   */
  readonly localSpearman: number;
  /**
   * The paper's definition: over the neighbours in the first embedding only (its second direction
   * ranks the same tokens again), ties in order of id, 1e-8 added to the denominator (k = 1: 0).
   * Not symmetric.
   */
  readonly localSpearmanPaper: number;
}

/**
 * Neighbours of every row from the matrix of dot products `[rows, rows]`. A row of zeros has
 * similarity 0 to all rows.
 * @throws for fewer than 2 rows, or more than {@link MOST_ROWS}.
 */
export function neighbourOrder({ rows, values: products }: Matrix64): NeighbourOrder {
  if (rows < 2 || rows > MOST_ROWS) throw new Error(`neighbours need 2 to ${MOST_ROWS} rows, not ${rows}`);
  const inverse = Float64Array.from({ length: rows }, (_, r) => {
    const square = products[r * rows + r];
    return square > 0 ? 1 / Math.sqrt(square) : 0;
  });
  const order = new Uint16Array(rows * (rows - 1));
  const negated = new Float64Array(rows - 1); // ascending order of -cosine is descending order of cosine
  const sorted = new Float64Array(rows - 1);
  const taken = new Uint16Array(rows - 1);
  for (let r = 0; r < rows; r++) {
    for (let c = 0, at = 0; c < rows; c++)
      if (c !== r) negated[at++] = 0 - products[r * rows + c] * inverse[r] * inverse[c];
    sorted.set(negated);
    sorted.sort();
    taken.fill(0);
    const list = order.subarray(r * (rows - 1), (r + 1) * (rows - 1));
    for (let i = 0; i < rows - 1; i++) {
      const first = lowerBound(sorted, negated[i]);
      const tie = taken[first]++;
      list[first + tie] = (i < r ? i : i + 1) | (tie > 0 ? TIED : 0);
    }
  }
  return { rows, order };
}

/** Index of the first element that is not less than `value`. */
function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Compares the neighbours in two embeddings of the same rows at every k of `counts`. @throws when a
 * k is not in 1..rows - 1.
 */
export function compareNeighbours(
  a: NeighbourOrder,
  b: NeighbourOrder,
  counts: readonly number[],
): NeighbourComparison[] {
  requireSameRows('neighbours', a, b);
  const { rows } = a;
  for (const k of counts)
    if (!(Number.isInteger(k) && k >= 1 && k < rows))
      throw new Error(`k = ${k} neighbours of ${rows} rows; k must be a whole number from 1 to ${rows - 1}`);
  const sums = counts.map(() => ({ jaccard: 0, paper: 0, forth: newMean(), back: newMean() }));
  const placeA = new Uint16Array(rows);
  const placeB = new Uint16Array(rows);
  for (let r = 0; r < rows; r++) {
    const listA = a.order.subarray(r * (rows - 1), (r + 1) * (rows - 1));
    const listB = b.order.subarray(r * (rows - 1), (r + 1) * (rows - 1));
    for (let i = 0; i < rows - 1; i++) {
      placeA[listA[i] & ROW] = i;
      placeB[listB[i] & ROW] = i;
    }
    counts.forEach((k, i) => {
      const { shared, paper } = sharedAndPaper(placeA, listB, k);
      sums[i].jaccard += shared / (2 * k - shared);
      sums[i].paper += paper;
      sums[i].forth.add(spearmanWithin(listA, placeA, listB, k));
      sums[i].back.add(spearmanWithin(listB, placeB, listA, k));
    });
  }
  return counts.map((k, i) => ({
    k,
    jaccard: sums[i].jaccard / rows,
    localSpearman: (sums[i].forth.value() + sums[i].back.value()) / 2,
    localSpearmanPaper: sums[i].paper / rows,
  }));
}

/** Mean of the values that are not NaN. */
function newMean() {
  let sum = 0;
  let count = 0;
  return {
    add(value: number) {
      if (Number.isNaN(value)) return;
      sum += value;
      count += 1;
    },
    value: () => sum / count,
  };
}

/**
 * Tokens among the first k of both lists; and Spearman's correlation over the first list's k, ties
 * ranked by id.
 */
function sharedAndPaper(placeA: Uint16Array, listB: Uint16Array, k: number): { shared: number; paper: number } {
  let shared = 0;
  let differences = 0;
  for (let t = 0, rank = 0; rank < k; t++) {
    const place = placeA[listB[t] & ROW];
    if (place >= k) continue;
    if (t < k) shared += 1;
    differences += (place - rank) ** 2;
    rank += 1;
  }
  const spread = (k ** 3 - k) / 12;
  return { shared, paper: (spread - differences / 2) / (spread + 1e-8) };
}

/**
 * Spearman's correlation with midranks over the first k of `listA`; `placeA` is the index of each
 * token in it. NaN when one side is constant.
 */
function spearmanWithin(listA: Uint16Array, placeA: Uint16Array, listB: Uint16Array, k: number): number {
  const ranks = midranks(listA, k);
  const middle = (k + 1) / 2;
  let [xx, xy, yy] = [0, 0, 0];
  for (let i = 0; i < k; i++) xx += (ranks[i] - middle) ** 2;
  // Runs of tokens tied in B share the mean of their ranks; `before` tokens precede the run.
  let [before, run, runRanks] = [0, 0, 0];
  const endRun = () => {
    const rank = before + (run + 1) / 2 - middle;
    xy += rank * runRanks;
    yy += run * rank * rank;
    before += run;
    run = 0;
    runRanks = 0;
  };
  for (let t = 0; before + run < k; t++) {
    const place = placeA[listB[t] & ROW];
    if ((listB[t] & TIED) === 0 && run > 0) endRun();
    if (place >= k) continue;
    run += 1;
    runRanks += ranks[place] - middle;
  }
  endRun();
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : Number.NaN;
}

/** `[k]` ranks 1..k of a list's first k; ties (cut off at k) share the mean of their ranks. */
function midranks(list: Uint16Array, k: number): Float64Array {
  const ranks = new Float64Array(k);
  for (let start = 0; start < k; ) {
    let end = start + 1;
    while (end < k && (list[end] & TIED) !== 0) end++;
    ranks.fill((start + 1 + end) / 2, start, end);
    start = end;
  }
  return ranks;
}

/**
 * Expected Jaccard index of two independent random sets of k out of `candidates` others (vocabulary
 * - 1), exact: the number of shared elements is hypergeometric. Close to k / (2 candidates - k)
 * when that is far from 0.
 */
export function chanceJaccard(k: number, candidates: number): number {
  if (!(Number.isInteger(k) && k >= 1 && k <= candidates))
    throw new Error(`chance overlap of k = ${k} neighbours out of ${candidates}; k must be from 1 to ${candidates}`);
  const logFactorials = new Float64Array(candidates + 1);
  for (let i = 2; i <= candidates; i++) logFactorials[i] = logFactorials[i - 1] + Math.log(i);
  const logChoose = (n: number, m: number) => logFactorials[n] - logFactorials[m] - logFactorials[n - m];
  let expected = 0;
  for (let shared = Math.max(0, 2 * k - candidates); shared <= k; shared++) {
    const log = logChoose(k, shared) + logChoose(candidates - k, k - shared) - logChoose(candidates, k);
    expected += (Math.exp(log) * shared) / (2 * k - shared);
  }
  return expected;
}
