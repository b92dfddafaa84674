/** Pre-trains with a checkpoint after every step and prints how far it is, until `pretrain.test.ts` kills it. */
import type { PretrainConfig } from '../../src/models/presets.ts';
import { pretrain } from '../../src/models/pretrain.ts';
import { repeats } from './fixtures.ts';

const { config, out } = JSON.parse(process.argv[2]) as { config: PretrainConfig; out: string };
await pretrain(repeats(120, 1), {
  config,
  out,
  seed: 1,
  device: 'cpu',
  threads: 1,
  checkpointSeconds: 0,
  // Slow enough to be killed in the middle.
  progress: (fraction) => {
    console.log(fraction);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  },
});
