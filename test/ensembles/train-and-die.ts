/** Trains an ensemble with a checkpoint after every step and prints member and fraction, until a test kills it. */
import { type EnsembleOptions, prepareEnsemble, trainMember } from '../../src/ensembles/training.ts';

const options = JSON.parse(process.argv[2]) as EnsembleOptions;
await prepareEnsemble(options);
for (const seed of [1, 2])
  await trainMember({
    ...{ ...options, seed, device: 'cpu', threads: 1, checkpointSeconds: 0 },
    // Slow enough to be killed in the middle.
    progress: (fraction) => {
      console.log(seed, fraction);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    },
  });
