/** The baseline CNN of Genomic Benchmarks. */
import { genomicBenchmarksCnn } from './networks/architectures.ts';
import { defineNetworks } from './networks/define.ts';

export default defineNetworks({
  id: 'one-hot-gb-cnn',
  title: 'One-hot CNN (Genomic Benchmarks)',
  description: 'Learned letter embedding 100, conv 16, 8, 4 k8 with BN, ReLU, max-pool 2; dense 512.',
  citation: 'Gresova et al. 2023, BMC Genomic Data 24:25, doi:10.1186/s12863-023-01123-8 (models/torch.py)',
  version: '1',
  architecture: genomicBenchmarksCnn(),
});
