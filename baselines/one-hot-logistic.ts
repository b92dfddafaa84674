/** Flattened one-hot letters and a linear model: position weight matrices at fixed positions, no translation. */
import { defineBaseline, oneHot } from '../src/index.ts';
import { fitLinear } from './features/linear.ts';

export default defineBaseline({
  id: 'one-hot-logistic',
  title: 'One-hot, linear',
  description:
    'Logistic regression (ridge for regression) on one-hot letters, left-aligned, padded with zeros to the longest training ' +
    'sequence; letters of longer sequences beyond that are not seen.',
  citation: 'Pedregosa et al. 2011, JMLR 12:2825 (objective)',
  family: 'one-hot',
  kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
  version: '1',
  stochastic: false,
  options: { align: 'left' },
  fit(task, context) {
    const length = task.train.sequences.reduce((longest, { length }) => Math.max(longest, length), 1);
    const compute = (sequences: readonly string[]) => ({
      rows: sequences.length,
      columns: 4 * length,
      values: oneHot(
        sequences.map((sequence) => sequence.slice(0, length)),
        length,
      ),
    });
    return fitLinear([{ name: `one-hot, ${length} positions`, compute }], task, context, { length });
  },
});
