/**
 * Test MCC of the baseline one-hot-chip-cnn on a two-class GUE folder. `torch_one_hot_cnn.py`
 * trains the same network by the same recipe in PyTorch and prints the same lines.
 *
 *   node --import tsx benchmarks/fidelity/one-hot-cnn.ts FOLDER [--seeds 1,2,3] [--threads 1]
 *     [--effort 1]
 */
import { parseArgs } from 'node:util';
import definitions from '../../baselines/one-hot-chip-cnn.ts';
import { fitTaskOf, mccOf, readGueFolder } from './gue-folder.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    threads: { type: 'string', default: '1' },
    effort: { type: 'string', default: '1' },
  },
});

const folder = await readGueFolder(positionals[0]);
const [baseline] = definitions;
for (const seed of flags.seeds.split(',').map(Number)) {
  const started = performance.now();
  const fitted = await baseline.fit(fitTaskOf(folder), {
    seed,
    device: 'cpu',
    threads: Number(flags.threads),
    effort: Number(flags.effort),
    cacheFolder: '',
    validationScore: mccOf,
    progress: () => {},
  });
  const test = mccOf(folder.test.targets, await fitted.predict(folder.test.sequences));
  const { translation, bestEpoch, steps } = fitted.details;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  console.log(
    JSON.stringify({
      side: 'glm-bench',
      seed,
      test,
      valid: fitted.validationScore,
      translation,
      bestEpoch,
      steps,
      seconds,
    }),
  );
  await fitted.dispose?.();
}
