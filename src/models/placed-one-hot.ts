/**
 * One-hot letters on the columns of a gene, as an encoder: reads are laid on the consensus of the task's training rows as the barcode encoders' are
 * (`sequences/placement.ts`), and each column is four numbers. Nothing else is learned. Under a nearest neighbour by cosine it is
 * the share of columns that agree: the plain answer that an encoder given the same columns has to beat.
 */
import { hashJson } from '../runtime/files.ts';
import { BASE_CODES } from '../sequences/alphabet.ts';
import { consensusReference, createPlacer } from '../sequences/placement.ts';
import type { Encoder, ModelDefinition } from './types.ts';

const SEQUENCES_PER_MESSAGE = 2048;

/** The vectors `[sequences, 4 columns]`, zeros where a read has no letter of A, C, G, T. Their one layer is 0; pooling has nothing to pool. */
export function placedOneHotEncoder(reference: string): Encoder {
  const placer = createPlacer(reference);
  const dimension = 4 * reference.length;
  return {
    dimension,
    layers: 0,
    fingerprint: hashJson({ encoder: 'one-hot letters on a reference', reference }),
    card: { parameters: 0, reference: reference.length, features: `one-hot letters of ${reference.length} columns` },
    async embed(sequences, representations, progress) {
      const other = representations.find(({ layer }) => layer !== 0);
      if (other) throw new Error(`one-hot letters have one representation, layer 0, and no layer ${other.layer}`);
      const values = new Float32Array(sequences.length * dimension);
      sequences.forEach((sequence, row) => {
        const { letters, from, to } = placer.lay(sequence);
        for (let column = from; column < to; column++) {
          const code = BASE_CODES[letters.charCodeAt(column) & 255];
          if (code < 4) values[row * dimension + 4 * column + code] = 1;
        }
        if ((row + 1) % SEQUENCES_PER_MESSAGE === 0)
          progress?.((row + 1) / sequences.length, `laid ${row + 1} of ${sequences.length} sequences`);
      });
      return representations.map(() => ({ rows: sequences.length, columns: dimension, values }));
    },
    async dispose() {},
  };
}

export const placedOneHot: ModelDefinition = {
  id: 'one-hot-columns',
  title: 'One-hot letters on gene columns',
  description:
    "Each read laid on the consensus of the task's training rows, its columns one-hot; nothing else is learned. For reads of one gene.",
  kind: 'model',
  family: 'one-hot',
  citation: 'Hamming 1950, Bell Syst. Tech. J. 29:147 (shared letters of aligned reads)',
  licence: 'MIT',
  version: '1',
  stochastic: false,
  options: {},
  representations: () => [{ layer: 0, pooling: 'mean' }],
  load: async ({ unlabelled }) =>
    placedOneHotEncoder(consensusReference(unlabelled.length, (i) => unlabelled[i]).letters),
};
