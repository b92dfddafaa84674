/** chip_cnn on one-hot input: the network of Tang et al. for transcription-factor and RNA-binding-protein sites. */
import { chipCnn } from './networks/architectures.ts';
import { defineNetworks } from './networks/define.ts';

export default defineNetworks({
  id: 'one-hot-chip-cnn',
  title: 'One-hot CNN (chip_cnn)',
  description: 'Conv 64 k7, 96 k5, 128 k5, each BN, ReLU, max-pool (4, 4, 2) and dropout; dense 256.',
  citation: 'Tang, Somia, Yu & Koo 2025, Genome Biology 26, doi:10.1186/s13059-025-03674-8 (chip-clip-seq/NT_CNN.py)',
  version: '1',
  architecture: chipCnn(),
});
