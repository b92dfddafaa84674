/**
 * Seconds, validation and test score of the k-mer baselines on the default suite's barcode
 * task, or on a GUE folder.
 *
 *   node --import tsx benchmarks/fidelity/kmer-baselines.ts [--folder GUE_FOLDER]
 *     [--baseline kmer-logistic|kmer-forest|kmer-forest-reference] [--threads 1] [--seeds 1]
 */
import { parseArgs } from 'node:util';
import kmerForest from '../../baselines/kmer-forest.ts';
import kmerForestReference from '../../baselines/kmer-forest-reference.ts';
import kmerLogistic from '../../baselines/kmer-logistic.ts';
import { prepareTask } from '../../src/harness/tasks/prepare.ts';
import type { FitTask, Predictions, Targets } from '../../src/index.ts';
import { macroF1, mcc } from '../../src/metrics/confusion.ts';
import barcodeTasks from '../../tasks/barcode-synthetic.ts';
import { fitTaskOf, readGueFolder } from './gue-folder.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string' },
    baseline: { type: 'string', default: 'kmer-logistic' },
    threads: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
  },
});

async function readTask() {
  if (flags.folder) {
    const folder = await readGueFolder(flags.folder);
    return { task: fitTaskOf(folder), test: folder.test, metric: mcc };
  }
  const definition = barcodeTasks.find(({ id }) => id === 'barcode-genus');
  if (!definition) throw new Error('the task barcode-genus is missing');
  const prepared = await prepareTask(definition, { cacheFolder: '', dataFolder: '', allowDownload: false } as never);
  const task: FitTask = { ...prepared, train: prepared.splits.train, valid: prepared.splits.valid };
  return { task, test: prepared.splits.test, metric: macroF1 };
}

const { task, test, metric } = await readTask();
const baseline = [kmerLogistic, kmerForest, kmerForestReference].find(({ id }) => id === flags.baseline);
if (!baseline)
  throw new Error(`unknown baseline ${flags.baseline}: use kmer-logistic, kmer-forest or kmer-forest-reference`);
const score = (targets: Targets, predictions: Predictions) => metric.prepare(targets, predictions)();
for (const seed of flags.seeds.split(',').map(Number)) {
  const started = performance.now();
  const fitted = await baseline.fit(task, {
    seed,
    device: 'cpu',
    threads: Number(flags.threads),
    effort: 1,
    cacheFolder: '',
    validationScore: score,
    progress: (_, message) =>
      process.env.VERBOSE && console.error(((performance.now() - started) / 1000).toFixed(1), message),
  });
  const fit = (performance.now() - started) / 1000;
  const scored = score(test.targets, await fitted.predict(test.sequences));
  const seconds = (performance.now() - started) / 1000;
  const { validationScore: valid, details } = fitted;
  console.log(
    JSON.stringify({
      baseline: baseline.id,
      rows: task.train.sequences.length,
      seed,
      test: scored,
      valid,
      fit,
      seconds,
      details,
    }),
  );
  if ('dispose' in fitted) await fitted.dispose?.();
}
