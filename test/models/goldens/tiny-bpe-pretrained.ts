/** Pre-trains the model of `tiny-bpe-pretrained/`, which `tiny_bpe_pretrained.py` then loads: node --import tsx test/models/goldens/tiny-bpe-pretrained.ts */
import { fileURLToPath } from 'node:url';
import { pretrain } from '../../../src/pretraining/pretrain.ts';
import { repeats, TINY } from '../fixtures.ts';

const at = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url));
const config = { ...TINY, objective: 'barcodebert', dropout: 0, hidden: 8, feedForward: 16, epochs: 2 } as const;
const tokenizer = at('tiny-bpe-bert');
await pretrain(repeats(60, 1), { config, tokenizer, seed: 1, out: at('tiny-bpe-pretrained'), device: 'cpu', threads: 1 });
