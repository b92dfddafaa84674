/** Pre-trains the models of `tiny-{mae,barcodebert,causal}/`, which `tiny_objectives.py` then loads: node --import tsx test/models/goldens/tiny-objectives.ts */
import { fileURLToPath } from 'node:url';
import { pretrain } from '../../../src/pretraining/pretrain.ts';
import { repeats, TINY } from '../fixtures.ts';

const base = { ...TINY, dropout: 0, hidden: 8, feedForward: 16, epochs: 2, maskedShare: 1, randomShare: 0 };
const configs = {
  'tiny-mae': { ...base, objective: 'mae-v2', decoderLayers: 1 },
  'tiny-barcodebert': { ...base, objective: 'barcodebert' },
  'tiny-causal': { ...base, objective: 'causal' },
} as const;
for (const [name, config] of Object.entries(configs)) {
  const out = fileURLToPath(new URL(`./${name}`, import.meta.url));
  await pretrain(repeats(60, 1), { config, seed: 1, out, device: 'cpu', threads: 1 });
}
