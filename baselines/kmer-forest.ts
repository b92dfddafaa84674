/** k-mer composition and a random forest of all training rows: composition with interactions. */
import { defineBaseline, type FitContext, type FitTask, kmerCounts } from '../src/index.ts';

export interface ForestBaselineOptions {
  readonly k: number;
  readonly trees: number;
  /** Features that each split chooses from: of classes, and of numbers. */
  readonly featuresPerSplit: { readonly classes: number; readonly numbers: number };
}

/** The square root of the 256 features, and a third of them: the customary values of Breiman's forests. */
const OPTIONS: ForestBaselineOptions = { k: 4, trees: 100, featuresPerSplit: { classes: 16, numbers: 85 } };

/** Grows the forest that `options` describe; `context.effort` scales its trees. */
export async function fitKmerForest(options: ForestBaselineOptions, task: FitTask, context: FitContext) {
  const { definition, train, valid, outputs } = task;
  const { growForest } = await import('./features/histogram-forest.ts');
  const classify = definition.kind !== 'regression';
  if (train.targets.columns !== 1)
    throw new Error(
      `kmer-forest predicts one number; ${definition.id} has ${train.targets.columns} targets. Leave it out there.`,
    );
  const compute = (sequences: readonly string[]) => kmerCounts(sequences, [options.k], { normalise: true });
  const featuresPerSplit = options.featuresPerSplit[classify ? 'classes' : 'numbers'];
  const forest = await growForest(compute(train.sequences), train.targets.values, {
    classify,
    outputs,
    trees: Math.max(1, Math.round(options.trees * context.effort)),
    featuresPerSplit,
    seed: context.seed,
    progress: context.progress,
  });
  const predict = async (sequences: readonly string[]) => forest.predict(compute(sequences));
  return {
    predict,
    validationScore: context.validationScore(valid.targets, await predict(valid.sequences)),
    details: {
      trees: forest.trees,
      k: options.k,
      features: 4 ** options.k,
      featuresPerSplit,
      rowsUsed: train.targets.rows,
    },
  };
}

export default defineBaseline({
  id: 'kmer-forest',
  title: 'k-mer composition, random forest',
  description:
    'Normalised 4-mer counts and 100 trees, grown on all training rows. Each split is the best of 16 features drawn anew, or of 85 ' +
    'for regression.',
  citation: 'Breiman 2001, Machine Learning 45:5',
  family: 'composition',
  kinds: ['binary', 'multiclass', 'regression'],
  version: '2',
  stochastic: true,
  options: { ...OPTIONS },
  fit: (task: FitTask, context: FitContext) => fitKmerForest(OPTIONS, task, context),
});
