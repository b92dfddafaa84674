/**
 * A random forest (Breiman 2001) by ml-random-forest, grown in worker threads in groups of trees. Each group has a seed of its own, so the
 * trees are the same however many threads there are. Features are drawn per tree, not per split as Breiman has it: that is the library's
 * way. A class's probability is its share of the trees' votes; a number is the trees' mean.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type * as Library from 'ml-random-forest';
import { createRandom, type Matrix, type Predictions } from '../../src/index.ts';

export interface ForestOptions {
  readonly classify: boolean;
  /** Classes; 1 for numbers. */
  readonly outputs: number;
  readonly trees: number;
  readonly treesPerGroup: number;
  readonly featuresPerTree: number;
  readonly seed: number;
  readonly threads: number;
  readonly progress: (fraction: number, message: string) => void;
}

export interface Forest {
  /** Trees grown: those asked for, rounded up to whole groups. */
  readonly trees: number;
  predict(features: Matrix): Predictions;
}

/**
 * The worker's side: grows one forest per seed and sends each as text, which the library's `load` reads. Plain JavaScript, because a
 * thread starts without a TypeScript loader. The out-of-bag estimate is off: it throws when a row is in every bag.
 */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
const forests = require(workerData.library);
const { classify, values, columns, answers, featuresPerTree, trees, seeds } = workerData;
const rows = answers.map((_, r) => Array.from(values.subarray(r * columns, (r + 1) * columns)));
for (const seed of seeds) {
  const options = {
    seed, nEstimators: trees, maxFeatures: featuresPerTree, replacement: false, useSampleBagging: true, noOOB: true,
  };
  const forest = new forests[classify ? 'RandomForestClassifier' : 'RandomForestRegression'](options);
  forest.train(rows, answers);
  parentPort.postMessage({ seed, json: JSON.stringify(forest) });
}
`;

interface GrowRequest {
  readonly classify: boolean;
  /** `[rows, columns]`. */
  readonly values: Float32Array;
  readonly columns: number;
  readonly answers: readonly number[];
  readonly featuresPerTree: number;
  readonly trees: number;
  readonly seeds: readonly number[];
}

/** Predicted at a time: the library wants arrays of arrays. */
const BLOCK_ROWS = 1000;

function growInWorker(request: GrowRequest, received: (seed: number, json: string) => void): Promise<void> {
  const library = createRequire(import.meta.url).resolve('ml-random-forest');
  const worker = new Worker(WORKER, { eval: true, execArgv: [], workerData: { ...request, library } });
  return new Promise((resolve, reject) => {
    worker.on('message', ({ seed, json }: { seed: number; json: string }) => received(seed, json));
    worker.once('error', reject);
    worker.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the thread that grows the forest ended with ${code}`)),
    );
  });
}

/** Grows a forest on `features` `[rows, dim]` and `answers` (class indices, or numbers). */
export async function growForest(
  features: Matrix,
  answers: readonly number[],
  options: ForestOptions,
): Promise<Forest> {
  const { classify, outputs, trees, treesPerGroup, threads } = options;
  const featuresPerTree = Math.min(options.featuresPerTree, features.columns);
  const random = createRandom(`forest:${options.seed}`);
  const seeds = Array.from({ length: Math.ceil(trees / treesPerGroup) }, () => random.integer(2 ** 31));
  const grown = new Map<number, string>();
  const values = Float32Array.from(features.values);
  const shares = Array.from({ length: Math.min(threads, seeds.length) }, (_, share) =>
    seeds.filter((_, i) => i % threads === share),
  );
  await Promise.all(
    shares.map((share) =>
      growInWorker(
        { classify, values, columns: features.columns, answers, featuresPerTree, trees: treesPerGroup, seeds: share },
        (seed, json) => {
          grown.set(seed, json);
          options.progress(grown.size / seeds.length, `${grown.size} of ${seeds.length} groups of trees`);
        },
      ),
    ),
  );
  const library: typeof Library = createRequire(import.meta.url)('ml-random-forest');
  const groups = seeds.map((seed) => {
    const model = JSON.parse(grown.get(seed) ?? 'null');
    return classify ? library.RandomForestClassifier.load(model) : library.RandomForestRegression.load(model);
  });
  const total = groups.length * treesPerGroup;
  return {
    trees: total,
    predict({ rows, columns, values: given }) {
      const predictions = new Float64Array(rows * outputs);
      for (let start = 0; start < rows; start += BLOCK_ROWS) {
        const end = Math.min(rows, start + BLOCK_ROWS);
        const block = Array.from({ length: end - start }, (_, r) =>
          Array.from(given.subarray((start + r) * columns, (start + r + 1) * columns)),
        );
        for (const group of groups) {
          const votes = group.predictionValues(block); // [rows, trees]
          for (let r = 0; r < block.length; r++)
            for (let t = 0; t < treesPerGroup; t++) {
              const vote = votes.get(r, t);
              if (classify) predictions[(start + r) * outputs + vote] += 1 / total;
              else predictions[start + r] += vote / total;
            }
        }
      }
      return { rows, columns: outputs, values: predictions };
    },
  };
}
