/**
 * Real DNA barcodes: what the papers on BarcodeBERT and BarcodeMAE ask, of encoders pre-trained within the run at equal width, tokens and
 * steps, beside k-mer composition, alignment and the one-hot CNN. Needs the collections under the data folder.
 */
import { defineSuite } from '../src/index.ts';

export default defineSuite({
  id: 'barcode',
  title: 'Real DNA barcodes: closed world, open world and clustering without labels',
  tasks: [
    'deepcoi.Annelida.species',
    'deepcoi.Annelida.genus',
    'deepcoi.Annelida.genus-any',
    'deepcoi.Annelida.clusters',
    'bold.all.genus',
    'bold.all.bins',
  ],
  contenders: [
    'barcodemae-small',
    'barcodebert-small',
    'barcodecausal-small',
    'barcodemae-small-random',
    'one-hot-barcode-cnn-encoder',
    'one-hot-columns',
    'one-hot-columns-pca',
    'kmer-5-composition',
    'kmer-6-composition',
    'alignment-nn',
  ],
  probes: [
    'nn-cosine',
    'knn-cosine',
    'knn-cosine-soft',
    'linear-sgd-paper',
    'logistic',
    'fine-tune',
    'ward-umap',
    'ward-pca',
  ],
  seeds: 3,
});
