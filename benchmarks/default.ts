/** The default suite: generated data with known answers. No download, a few minutes on two cores. */
import { defineSuite } from '../src/index.ts';

export default defineSuite({
  id: 'default',
  title: 'Does a frozen encoder beat one-hot? Generated regulatory grammar and DNA barcodes',
  tasks: ['regulatory-grammar', 'barcode-genus'],
  contenders: [
    'majority',
    'row-zero',
    'length-gc',
    'kmer-logistic',
    'kmer-forest',
    'one-hot-logistic',
    'one-hot-chip-cnn',
    'kmer-bert-tiny',
    'kmer-bert-tiny-random',
  ],
  probes: [],
  seeds: 3,
  // A share of the full recipes is enough for these tasks, and the suite ends in minutes.
  effort: 0.2,
});
