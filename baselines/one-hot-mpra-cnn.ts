/** rep_cnn on one-hot input: the head that Tang et al. put on full embeddings ("same head, different input"). */
import { repCnn } from './networks/architectures.ts';
import { defineNetworks } from './networks/define.ts';

export default defineNetworks({
  id: 'one-hot-mpra-cnn',
  title: 'One-hot CNN (rep_cnn)',
  description:
    'BN, 1x1 conv 196, conv 196 k7 with exponential activation, max-pool 5, conv 256 k7, max-pool 4, dense 512 and 256: the head ' +
    'of the lentiMPRA embeddings, on one-hot input. About 25 times the arithmetic of chip_cnn: on large sets its training ends at a ' +
    'fixed budget of multiplications (options.budget), and one setting is tried where others try two.',
  citation: 'Tang, Somia, Yu & Koo 2025, Genome Biology 26, doi:10.1186/s13059-025-03674-8 (lentiMPRA/mpra_model.py)',
  version: '1',
  architecture: repCnn(),
  recipe: { translations: [0] },
});
