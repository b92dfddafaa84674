/** Pre-trains the model of `tiny-bert/`, which `tiny_bert.py` then loads: node --import tsx test/models/goldens/tiny-bert.ts */
import { fileURLToPath } from 'node:url';
import { pretrain } from '../../../src/pretraining/pretrain.ts';
import { repeats, TINY } from '../fixtures.ts';

const out = fileURLToPath(new URL('./tiny-bert', import.meta.url));
await pretrain(repeats(200, 1), { config: TINY, seed: 1, out, device: 'cpu', threads: 1 });
