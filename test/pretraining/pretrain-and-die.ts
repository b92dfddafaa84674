/** Pre-trains with a checkpoint after every step and prints how far it is, until a test kills it. */
import type { PretrainConfig } from '../../src/pretraining/presets.ts';
import { pretrain } from '../../src/pretraining/pretrain.ts';
import { repeats, streamed } from '../models/fixtures.ts';

const { config, tokenizer, out, stream } = JSON.parse(process.argv[2]) as {
  config: PretrainConfig;
  tokenizer?: string;
  out: string;
  stream?: boolean;
};
const corpus = repeats(120, 1);
await pretrain(stream ? streamed(corpus) : corpus, {
  config,
  tokenizer,
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
