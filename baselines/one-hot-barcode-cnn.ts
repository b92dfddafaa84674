/** The CNN that BarcodeBERT is compared with: convolutions over each letter's row on its own, for DNA barcodes. */
import { barcodeCnn } from './networks/architectures.ts';
import { defineNetworks } from './networks/define.ts';

export default defineNetworks({
  id: 'one-hot-barcode-cnn',
  title: 'One-hot CNN (BarcodeBERT)',
  description: 'Conv 64, 32, 16 with kernels 3 positions x 1 letter, ReLU, BN, max-pool 3; BN, dense 500, tanh.',
  citation: 'Millan Arias et al. 2026, Bioinformatics Advances vbag054, arXiv:2311.02401 (baselines/cnn/cnn_utils.py)',
  version: '1',
  architecture: barcodeCnn(),
  // The source's rate: with the common one its first epochs diverge. Its narrow layers take four times chip_cnn's time per multiplication.
  recipe: { translations: [0], learningRates: [1e-3], budget: 3e12 },
});
