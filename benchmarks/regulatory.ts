/** Every one-hot baseline, the composition controls and the encoder pre-trained in the run, on real regulatory tasks from the data folder. */
import { defineSuite } from '../src/index.ts';

export default defineSuite({
  id: 'regulatory',
  title: 'Real regulatory tasks and DNA barcodes: one-hot CNNs, composition and a frozen k-mer encoder',
  tasks: [
    'gue.tf_0',
    'gue.mouse_0',
    'gue.prom_prom_core_all',
    'gue.prom_prom_300_tata',
    'uci-splice',
    'idna-ms.6mA_D.melanogaster',
    'dream-yeast',
    'deepcoi.Annelida.genus',
  ],
  contenders: [
    'majority',
    'row-zero',
    'length-gc',
    'kmer-logistic',
    'kmer-forest',
    'one-hot-logistic',
    'one-hot-chip-cnn',
    'one-hot-gb-cnn',
    'one-hot-barcode-cnn',
    'one-hot-mpra-cnn',
    'one-hot-resnet',
    'kmer-bert-tiny',
    'kmer-bert-tiny-random',
  ],
  probes: [],
  seeds: 3,
});
