/**
 * A random forest (Breiman 2001) on binned features, after scikit-learn's RandomForestClassifier
 * and RandomForestRegressor. Every tree is grown on a bootstrap sample until its leaves are pure.
 * Each split is the best of `featuresPerSplit` features drawn anew, by Gini impurity or variance.
 * A forest's prediction is the mean of its trees' leaves. A feature with at most 256 distinct
 * values (a k-mer count) has a bin for each, and the splits are exact; others are cut at quantiles.
 *
 * Of equal splits, the feature drawn first wins, then the lower threshold. Trees are independent:
 * tree t follows from (seed, t) alone.
 */
import { createRandom, type Matrix, type Predictions } from '../../src/index.ts';
import { type BinnedFeatures, binFeatures, checkFinite } from './bins.ts';
import { type Answers, type BestSplit, classSplits, meanSplits } from './splits.ts';

export interface ForestOptions {
  readonly classify: boolean;
  /** Classes; 1 for numbers. */
  readonly outputs: number;
  readonly trees: number;
  /** Features that a split chooses from; more are looked at while none of them can split the node. */
  readonly featuresPerSplit: number;
  /** Fewest rows (bootstrap copies counted) of a leaf. Default 1. */
  readonly leastLeafRows?: number;
  /** Grow each tree on a sample with replacement. Default true. */
  readonly bootstrap?: boolean;
  readonly seed: number | string;
  readonly progress?: (fraction: number, message: string) => void;
}

/** Nodes in depth-first order. A leaf has feature -1, and its outputs are `[first, end)` of `outputs` and `shares`. */
interface Tree {
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  /** The right child, or a leaf's `end`. The left child is the next node. */
  readonly right: Int32Array;
  /** A leaf's `first`. */
  readonly first: Int32Array;
  readonly outputs: Int32Array;
  readonly shares: Float64Array;
}

export interface Forest {
  readonly trees: number;
  /** `[rows, outputs]`: mean class shares of the leaves, or the mean of the leaves' means. */
  predict(features: Matrix): Predictions;
}

/**
 * Grows a forest on `features` `[rows, dim]` and `answers` (class indices, or numbers), in one
 * thread.
 *
 * @throws where a feature or an answer is not finite, a class is out of range, or the numbers of
 * rows differ.
 */
export async function growForest(
  features: Matrix,
  answers: ArrayLike<number>,
  options: ForestOptions,
): Promise<Forest> {
  const { trees: count, outputs, seed, progress } = options;
  if (features.rows === 0 || answers.length !== features.rows)
    throw new Error(`the forest has ${features.rows} rows of features and ${answers.length} answers`);
  checkAnswers(answers, options);
  const binned = binFeatures(features);
  const trees: Tree[] = [];
  for (let t = 0; t < count; t++) {
    trees.push(growTree(binned, answers, options, `forest:${seed}:${t}`));
    progress?.((t + 1) / count, `${t + 1} of ${count} trees`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return {
    trees: count,
    predict(given) {
      const { rows, columns, values } = given;
      if (columns !== features.columns)
        throw new Error(`the forest was grown on ${features.columns} features, not ${columns}`);
      checkFinite(given);
      const predictions = new Float64Array(rows * outputs);
      for (const { feature, threshold, right, first, outputs: leafOutputs, shares } of trees) {
        for (let r = 0; r < rows; r++) {
          let node = 0;
          while (feature[node] >= 0)
            node = values[r * columns + feature[node]] <= threshold[node] ? node + 1 : right[node];
          for (let i = first[node]; i < right[node]; i++) predictions[r * outputs + leafOutputs[i]] += shares[i];
        }
      }
      // Divided once: a sum of `count` shares is at most `count`, so no probability exceeds 1.
      for (let i = 0; i < predictions.length; i++) predictions[i] /= count;
      return { rows, columns: outputs, values: predictions };
    },
  };
}

function checkAnswers(answers: ArrayLike<number>, { classify, outputs }: ForestOptions): void {
  for (let r = 0; r < answers.length; r++) {
    const answer = answers[r];
    const sound = classify ? Number.isInteger(answer) && answer >= 0 && answer < outputs : Number.isFinite(answer);
    if (!sound)
      throw new Error(`the answer of row ${r} is ${answer}, not ${classify ? `one of ${outputs} classes` : 'finite'}`);
  }
}

/** How many times a bootstrap sample of all rows holds each row; 1 each without. */
function sampleWeights(rows: number, bootstrap: boolean, draw: (n: number) => number): Float64Array {
  const weights = new Float64Array(rows);
  if (!bootstrap) return weights.fill(1);
  for (let i = 0; i < rows; i++) weights[draw(rows)] += 1;
  return weights;
}

function growTree(binned: BinnedFeatures, answers: ArrayLike<number>, options: ForestOptions, seed: string): Tree {
  const { classify, outputs, bootstrap = true, leastLeafRows = 1 } = options;
  const random = createRandom(seed);
  const weights = sampleWeights(binned.rows, bootstrap, (n) => random.integer(n));
  const rows = Int32Array.from({ length: binned.rows }, (_, r) => r).filter((r) => weights[r] > 0);
  const inNode: Answers = { values: Float64Array.from(answers), weights, outputs };
  // Gini impurity of two classes is twice the variance of 0/1 numbers: the faster rule serves both.
  const search = classify && outputs > 2 ? classSplits(binned, inNode) : meanSplits(binned, inNode);
  const order = Int32Array.from({ length: binned.columns }, (_, c) => c);
  const wanted = Math.min(options.featuresPerSplit, binned.columns);
  const tree = { feature: [], threshold: [], right: [], first: [], outputs: [], shares: [] } as Record<
    keyof Tree,
    number[]
  >;

  const bestSplit = (start: number, end: number): BestSplit | undefined => {
    let best: BestSplit | undefined;
    for (let drawn = 0; drawn < order.length && (drawn < wanted || !best); drawn++) {
      const at = drawn + random.integer(order.length - drawn);
      const column = order[at];
      order[at] = order[drawn];
      order[drawn] = column;
      const split = search(rows.subarray(start, end), column, leastLeafRows);
      if (split && (!best || split.gain > best.gain)) best = split;
    }
    return best;
  };
  const leaf = (start: number, end: number) => {
    const sums = new Map<number, number>();
    let total = 0;
    for (let i = start; i < end; i++) {
      const output = classify ? answers[rows[i]] : 0;
      sums.set(output, (sums.get(output) ?? 0) + weights[rows[i]] * (classify ? 1 : answers[rows[i]]));
      total += weights[rows[i]];
    }
    tree.feature.push(-1);
    tree.threshold.push(0);
    tree.first.push(tree.outputs.length);
    for (const [output, sum] of sums) {
      tree.outputs.push(output);
      tree.shares.push(sum / total);
    }
    tree.right.push(tree.outputs.length);
  };
  const constant = (start: number, end: number) => {
    for (let i = start + 1; i < end; i++) if (answers[rows[i]] !== answers[rows[start]]) return false;
    return true;
  };

  // Depth first, left child first; an entry of a right child fills in its number at the parent.
  const open: { start: number; end: number; parent: number }[] = [{ start: 0, end: rows.length, parent: -1 }];
  for (let node = open.pop(); node; node = open.pop()) {
    const { start, end, parent } = node;
    const number = tree.feature.length;
    if (parent >= 0) tree.right[parent] = number;
    const split = constant(start, end) ? undefined : bestSplit(start, end);
    if (!split) {
      leaf(start, end);
      continue;
    }
    const middle = partition(rows, start, end, binned, split);
    tree.feature.push(split.column);
    tree.threshold.push(split.threshold);
    tree.right.push(-1);
    tree.first.push(-1);
    open.push({ start: middle, end, parent: number }, { start, end: middle, parent: -1 });
  }
  return {
    feature: Int32Array.from(tree.feature),
    threshold: Float64Array.from(tree.threshold),
    right: Int32Array.from(tree.right),
    first: Int32Array.from(tree.first),
    outputs: Int32Array.from(tree.outputs),
    shares: Float64Array.from(tree.shares),
  };
}

/** Moves the rows of `[start, end)` that go left to the front; returns where the others begin. */
function partition(rows: Int32Array, start: number, end: number, binned: BinnedFeatures, split: BestSplit): number {
  const offset = split.column * binned.rows;
  let left = start;
  for (let i = start; i < end; i++) {
    if (binned.bins[offset + rows[i]] > split.bin) continue;
    const row = rows[i];
    rows[i] = rows[left];
    rows[left] = row;
    left += 1;
  }
  return left;
}
