/**
 * k-mer composition and the random forest of ml-random-forest, on as many rows as the library can
 * take: a second opinion on `kmer-forest`, by other authors' code.
 */
import { createRandom, defineBaseline, type FitContext, type FitTask, kmerCounts, type Targets } from '../src/index.ts';

export interface ReferenceForestOptions {
  readonly k: number;
  readonly trees: number;
  readonly treesPerGroup: number;
  readonly featuresPerTree: number;
  /** Most training rows: of two classes (fewer of more, see {@link mostRows}), and of numbers. */
  readonly rows: { readonly classes: number; readonly numbers: number };
}

const OPTIONS: ReferenceForestOptions = {
  k: 4,
  trees: 50,
  treesPerGroup: 5,
  featuresPerTree: 40,
  rows: { classes: 800, numbers: 400 },
};

/**
 * Most rows that a forest of `classes` classes (1: numbers) is grown on. The library's time grows
 * with the square of the rows, and each candidate split visits the classes: the cap keeps the time
 * about the same.
 */
export function mostRows({ rows }: ReferenceForestOptions, classes: number): number {
  if (classes === 1) return rows.numbers;
  return Math.round(rows.classes * Math.sqrt(12 / (10 + classes)));
}

/** Rows to grow on: all, or a random sample with the classes in proportion, each class kept. */
export function sampleRows(targets: Targets, most: number, classes: boolean, seed: number): number[] {
  const rows = Array.from({ length: targets.rows }, (_, r) => r);
  if (rows.length <= most) return rows;
  const random = createRandom(`forest-rows:${seed}`);
  const groups = new Map<number, number[]>();
  for (const row of random.shuffle(rows)) {
    const key = classes ? targets.values[row] : 0;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  const share = most / targets.rows;
  return [...groups.values()]
    .flatMap((group) => group.slice(0, Math.max(1, Math.round(group.length * share))))
    .sort((a, b) => a - b);
}

/** Grows the forest that `options` describe; `context.effort` scales its trees. */
export async function fitReferenceForest(options: ReferenceForestOptions, task: FitTask, context: FitContext) {
  const { definition, train, valid, outputs } = task;
  const { growForest } = await import('./features/library-forest.ts');
  const classify = definition.kind !== 'regression';
  if (train.targets.columns !== 1)
    throw new Error(
      `kmer-forest-reference predicts one number; ${definition.id} has ${train.targets.columns} targets. Leave it out there.`,
    );
  const compute = (sequences: readonly string[]) => kmerCounts(sequences, [options.k], { normalise: true });
  const rows = sampleRows(train.targets, mostRows(options, classify ? outputs : 1), classify, context.seed);
  const trees = Math.max(1, Math.round(options.trees * context.effort));
  const forest = await growForest(
    compute(rows.map((row) => train.sequences[row])),
    rows.map((row) => train.targets.values[row]),
    { ...options, trees, classify, outputs, seed: context.seed, threads: context.threads, progress: context.progress },
  );
  const predict = async (sequences: readonly string[]) => forest.predict(compute(sequences));
  return {
    predict,
    validationScore: context.validationScore(valid.targets, await predict(valid.sequences)),
    details: {
      trees: forest.trees,
      k: options.k,
      features: 4 ** options.k,
      featuresPerTree: options.featuresPerTree,
      rowsUsed: rows.length,
      rowsGiven: train.targets.rows,
      capped: rows.length < train.targets.rows,
    },
  };
}

export default defineBaseline({
  id: 'kmer-forest-reference',
  title: 'k-mer composition, random forest of ml-random-forest',
  description:
    'Normalised 4-mer counts and 50 trees of 40 features each (ml-random-forest). Grown on at most 800 training rows of two classes, ' +
    'fewer of more, 400 for regression, because the library takes time with the square of the rows; the result says how many it saw.',
  citation: 'Breiman 2001, Machine Learning 45:5',
  family: 'composition',
  kinds: ['binary', 'multiclass', 'regression'],
  version: '1',
  stochastic: true,
  options: { ...OPTIONS },
  fit: (task: FitTask, context: FitContext) => fitReferenceForest(OPTIONS, task, context),
});
