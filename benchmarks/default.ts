/** The default suite: the question in miniature, on generated data with known answers. No download, minutes on two cores. */
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
    'barcodemae-deepcoi',
    'barcodemae-deepcoi-random',
  ],
  probes: [],
  seeds: 2,
  // The generated tasks are easy to learn: a share of the full recipes shows the order, and the whole suite stays a matter of minutes.
  effort: 0.2,
});
