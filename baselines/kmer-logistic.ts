/**
 * k-mer composition: counts of all k-mers up to a length, each length's divided by their number, and a linear model. It knows which short
 * words occur, not where. Up to which length, and whether a k-mer and its reverse complement are one, is chosen on validation rows.
 */
import { defineBaseline, kmerCounts } from '../src/index.ts';
import { type FeatureSet, fitLinear } from './features/linear.ts';

/** Values of a training matrix above which a set of k-mers is not offered: 320 MB in float32, held twice. */
const MOST_VALUES = 8e7;
/** Values of a training matrix times outputs above which a set is not offered: what one step of the fit multiplies, and there are thousands. */
const MOST_WORK = 6e8;
const LONGEST = [2, 3, 4, 5, 6];

const upTo = (k: number) => Array.from({ length: k }, (_, i) => i + 1);
/** Columns that k-mers of 1..k make: 4^k, or about half of it where both strands are one (k odd: exactly half). */
const columnsOf = (k: number, canonical: boolean) =>
  upTo(k).reduce((sum, n) => sum + (canonical ? (4 ** n + (n % 2 === 0 ? 4 ** (n / 2) : 0)) / 2 : 4 ** n), 0);

export default defineBaseline({
  id: 'kmer-logistic',
  title: 'k-mer composition, linear',
  description:
    'Normalised counts of all k-mers of length 1 to K, logistic regression (ridge for regression). K from 2 to 6, strands apart or ' +
    'together, and the penalty are chosen on validation rows; sets whose training matrix would exceed 80 million values, ' +
    'or 600 million values times classes, are left out.',
  citation:
    'Lee, Karchin & Beer 2011, Genome Research 21:2167 (k-mer features); Pedregosa et al. 2011, JMLR 12:2825 (objective)',
  family: 'composition',
  kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
  version: '2',
  stochastic: false,
  options: {
    longest: LONGEST,
    strands: ['apart', 'together'],
    normalise: true,
    mostValues: MOST_VALUES,
    mostWork: MOST_WORK,
  },
  async fit(task, context) {
    const leftOut: string[] = [];
    const sets = LONGEST.flatMap((longest) =>
      [false, true].flatMap((canonical): FeatureSet[] => {
        const name = `k 1-${longest}, strands ${canonical ? 'together' : 'apart'}`;
        const values = task.train.sequences.length * columnsOf(longest, canonical);
        const work = values * (task.definition.kind === 'binary' ? 1 : task.outputs);
        if (values > MOST_VALUES || work > MOST_WORK) {
          leftOut.push(name);
          return [];
        }
        const compute: FeatureSet['compute'] = (sequences) =>
          kmerCounts(sequences, upTo(longest), { canonical, normalise: true });
        return [{ name, compute }];
      }),
    );
    return fitLinear(sets, task, context, { leftOut });
  },
});
