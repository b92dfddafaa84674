/** Length, share of G and C, and share of letters that are no base: what a classifier gets for free from how a set was collected. */
import { defineBaseline, kmerCounts, type Matrix } from '../src/index.ts';
import { fitLinear } from './features/linear.ts';

/** `[sequences, 3]`: length, (G + C) / bases, other letters / length. */
function composition(sequences: readonly string[]): Matrix {
  const counts = kmerCounts(sequences, [1]).values; // [sequences, 4] A C G T
  const values = new Float32Array(sequences.length * 3);
  for (const [i, { length }] of sequences.entries()) {
    const [a, c, g, t] = counts.subarray(i * 4, i * 4 + 4);
    const bases = a + c + g + t;
    values.set([length, bases > 0 ? (c + g) / bases : 0.5, length > 0 ? 1 - bases / length : 0], i * 3);
  }
  return { rows: sequences.length, columns: 3, values };
}

export default defineBaseline({
  id: 'length-gc',
  title: 'Length and GC content',
  description:
    'Logistic regression (ridge for regression) on length, GC share and the share of letters other than A, C, G, T.',
  citation: 'None: a control for confounded composition',
  family: 'composition',
  kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
  version: '1',
  stochastic: false,
  options: {},
  fit: (task, context) => fitLinear([{ name: 'length, GC, other letters', compute: composition }], task, context),
});
