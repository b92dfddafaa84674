/**
 * One number per sequence, cut into at most 32 bins of equal counts on training rows; the answer of a bin is the mean answer of its training
 * rows, drawn towards the mean of all rows by one pseudo-row: (n mean_bin + mean) / (n + 1).
 */
import { meanAnswer, type Question, widthOf } from '../questions.ts';
import type { FittedRule, Rule, RuleData } from './rule.ts';

const BINS = 32;
/** Training rows that a bin has at least, if values allow. */
const LEAST_ROWS = 20;

/** `[rows]` the feature of the rows named. */
export type Feature = (data: RuleData, rows: ArrayLike<number>) => Float64Array;

export function binned(feature: Feature, data: RuleData, question: Question, rows: ArrayLike<number>): FittedRule {
  const values = feature(data, rows);
  const edges = binEdges(values);
  const width = widthOf(question);
  const prior = meanAnswer(question, rows);
  const sums = new Float64Array((edges.length + 1) * width);
  const counts = new Float64Array(edges.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const bin = binOf(edges, values[i]);
    counts[bin]++;
    if (question.classes === 0) sums[bin] += question.values[rows[i]];
    else sums[bin * width + question.values[rows[i]]]++;
  }
  for (let bin = 0; bin < counts.length; bin++)
    for (let c = 0; c < width; c++) sums[bin * width + c] = (sums[bin * width + c] + prior[c]) / (counts[bin] + 1);
  return {
    answer: (other, asked) => {
      const column = feature(other, asked);
      const answers = new Float64Array(asked.length * width);
      for (let i = 0; i < asked.length; i++) {
        const bin = binOf(edges, column[i]);
        for (let c = 0; c < width; c++) answers[i * width + c] = sums[bin * width + c];
      }
      return answers;
    },
  };
}

/** Upper edges (inclusive) of all bins but the last. Equal values are never parted. */
function binEdges(values: Float64Array): Float64Array {
  const sorted = values.slice().sort();
  const step = Math.max(LEAST_ROWS, sorted.length / BINS);
  const edges: number[] = [];
  let next = step;
  for (let i = 0; i < sorted.length - 1; i++) {
    // A value of many rows gets a bin of its own, also where the values before it do not fill one.
    const heavy = i + step < sorted.length && sorted[i + 1] === sorted[Math.floor(i + step)];
    if (sorted[i] !== sorted[i + 1] && (i + 1 >= next || (heavy && edges.length < BINS))) {
      edges.push(sorted[i]);
      next = i + 1 + step;
    }
  }
  return Float64Array.from(edges);
}

function binOf(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

const column =
  (name: 'length' | 'unknown' | 'gc' | 'cpg'): Feature =>
  (data, rows) => {
    const all = data.composition()[name];
    return Float64Array.from({ length: rows.length }, (_, i) => all[rows[i]]);
  };

const featureRule = (id: string, title: string, feature: Feature): Rule => ({
  id,
  title,
  fit: (data, question, rows) => binned(feature, data, question, rows),
});

export const LENGTH_RULE = featureRule('length', 'length', column('length'));
export const UNKNOWN_RULE = featureRule('unknown-letters', 'share of letters other than A, C, G, T', column('unknown'));
export const GC_RULE = featureRule('gc', 'share of G and C', column('gc'));
export const CPG_RULE = featureRule('cpg', 'observed over expected CpG', column('cpg'));
