/**
 * k-mer composition as an encoder: counts of overlapping k-mers, without training, so that every
 * probe, nearest-neighbour search and clustering for a model's vectors also runs on this baseline.
 * Words with a letter other than A, C, G, T/U are not counted, and counts are not divided by their
 * number: cosine similarity is independent of scale, and standardising probes scale the features.
 */
import { hashJson } from '../../core/files.ts';
import { kmerCounts } from '../../sequences/encoding.ts';
import type { Encoder, ModelDefinition } from '../model.ts';

/** Sequences counted between two messages. */
const SEQUENCES_PER_MESSAGE = 4096;

/**
 * The vectors `[sequences, 4^k]` of counts, k-mers in alphabetical order. The only layer is 0;
 * pooling has no effect.
 */
export function kmerCompositionEncoder(k: number): Encoder {
  const dimension = 4 ** k;
  return {
    dimension,
    layers: 0,
    fingerprint: hashJson({ encoder: 'k-mer counts', k }),
    card: { parameters: 0, k, features: `counts of the ${dimension} overlapping ${k}-mers` },
    async embed(sequences, representations, progress) {
      const other = representations.find(({ layer }) => layer !== 0);
      if (other) throw new Error(`k-mer composition has one representation, layer 0, and no layer ${other.layer}`);
      const values = new Float32Array(sequences.length * dimension);
      for (let start = 0; start < sequences.length; start += SEQUENCES_PER_MESSAGE) {
        const part = sequences.slice(start, start + SEQUENCES_PER_MESSAGE);
        values.set(kmerCounts(part, [k]).values, start * dimension);
        progress?.((start + part.length) / sequences.length, `counted ${k}-mers`);
      }
      return representations.map(() => ({ rows: sequences.length, columns: dimension, values }));
    },
    async dispose() {},
  };
}

/** The model `kmer-{k}-composition`. */
export function kmerComposition(k: number): ModelDefinition {
  return {
    id: `kmer-${k}-composition`,
    title: `${k}-mer composition`,
    description: `Counts of all overlapping ${k}-mers as a vector of ${4 ** k}; nothing is learned.`,
    kind: 'model',
    family: 'composition',
    citation: 'Vinga & Almeida 2003, Bioinformatics 19:513 (word counts as vectors)',
    licence: 'MIT',
    version: '1',
    stochastic: false,
    options: { k },
    representations: () => [{ layer: 0, pooling: 'mean' }],
    load: async () => kmerCompositionEncoder(k),
  };
}
