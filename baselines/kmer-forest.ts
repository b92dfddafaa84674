/** k-mer composition and a random forest: composition with interactions, on as many rows as the library can take. */
import { createRandom, defineBaseline, type FitContext, type FitTask, kmerCounts, type Targets } from '../src/index.ts';

const OPTIONS = {
  k: 4,
  trees: 60,
  treesPerGroup: 5,
  featuresPerTree: 64,
  /** Most training rows. A tree of the library takes time with the square of its rows; of numbers (no ties), twice as much. */
  rows: { classes: 2000, numbers: 800 },
} as const;

/** Rows to grow on: all, or a random sample with the classes in proportion, each class kept. */
export function sampleRows(targets: Targets, most: number, classes: boolean, seed: number): number[] {
  const rows = Array.from({ length: targets.rows }, (_, r) => r);
  if (rows.length <= most) return rows;
  const random = createRandom(`forest-rows:${seed}`);
  const groups = new Map<number, number[]>();
  for (const row of random.shuffle(rows)) {
    const key = classes ? targets.values[row] : 0;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const share = most / targets.rows;
  return [...groups.values()]
    .flatMap((group) => group.slice(0, Math.max(1, Math.round(group.length * share))))
    .sort((a, b) => a - b);
}

async function fit({ definition, train, valid, outputs }: FitTask, context: FitContext) {
  const { growForest } = await import('./features/forest.ts');
  const classify = definition.kind !== 'regression';
  if (train.targets.columns !== 1)
    throw new Error(
      `kmer-forest predicts one number; ${definition.id} has ${train.targets.columns} targets. Leave it out there.`,
    );
  const compute = (sequences: readonly string[]) => kmerCounts(sequences, [OPTIONS.k], { normalise: true });
  const most = classify ? OPTIONS.rows.classes : OPTIONS.rows.numbers;
  const rows = sampleRows(train.targets, most, classify, context.seed);
  const trees = Math.max(1, Math.round(OPTIONS.trees * context.effort));
  const forest = await growForest(
    compute(rows.map((row) => train.sequences[row])),
    rows.map((row) => train.targets.values[row]),
    { ...OPTIONS, trees, classify, outputs, seed: context.seed, threads: context.threads, progress: context.progress },
  );
  const predict = async (sequences: readonly string[]) => forest.predict(compute(sequences));
  return {
    predict,
    validationScore: context.validationScore(valid.targets, await predict(valid.sequences)),
    details: {
      trees: forest.trees,
      k: OPTIONS.k,
      features: 4 ** OPTIONS.k,
      featuresPerTree: OPTIONS.featuresPerTree,
      rowsUsed: rows.length,
      rowsGiven: train.targets.rows,
      capped: rows.length < train.targets.rows,
    },
  };
}

export default defineBaseline({
  id: 'kmer-forest',
  title: 'k-mer composition, random forest',
  description:
    'Normalised 4-mer counts and 60 trees of 64 features each (ml-random-forest). Grown on at most 2,000 training rows (800 for ' +
    'regression), because the library takes time with the square of the rows; the result says how many it saw.',
  citation: 'Breiman 2001, Machine Learning 45:5',
  family: 'composition',
  kinds: ['binary', 'multiclass', 'regression'],
  version: '1',
  stochastic: true,
  options: { ...OPTIONS },
  fit,
});
