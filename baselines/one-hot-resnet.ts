/** The one-hot ResNet of Tang et al.: the strongest network of their regulatory-activity task. */
import { resNet } from './networks/architectures.ts';
import { defineNetworks } from './networks/define.ts';

export default defineNetworks({
  id: 'one-hot-resnet',
  title: 'One-hot ResNet',
  description:
    'Conv 196 k19, a residual block of six convolutions k3 dilated up to 16, conv 256 k7, position-wise dense 256, dense 256; BN and ' +
    'SiLU throughout. About 60 times the arithmetic of chip_cnn: on large sets its training ends at a fixed budget of ' +
    'multiplications (options.budget), after fewer epochs than the others get, and one setting is tried where they try two.',
  citation: 'Tang, Somia, Yu & Koo 2025, Genome Biology 26, doi:10.1186/s13059-025-03674-8 (lentiMPRA/mpra_model.py)',
  version: '1',
  architecture: resNet(),
  recipe: { translations: [0], learningRates: [3e-3], budget: 2e13 },
});
