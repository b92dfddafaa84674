/**
 * One-hot letters on the columns of a gene, as encoders: reads are aligned to the consensus of the
 * task's training rows, like those of the barcode encoders
 * (`sequences/alignment/consensus-alignment.ts`), and each column is four numbers. With a nearest
 * neighbour by cosine this is the share of columns that agree: the baseline for an encoder with the
 * same columns. Also their principal components over the same rows: the result of the best linear
 * autoencoder of that width, without labels (Baldi & Hornik 1989, Neural Networks 2:53).
 */
import { principalComponents, project } from '../../algebra/pca.ts';
import { hashJson } from '../../core/files.ts';
import { consensusReference, createPlacer } from '../../sequences/alignment/consensus-alignment.ts';
import { BASE_CODES } from '../../sequences/alphabet.ts';
import type { Encoder, ModelDefinition } from '../model.ts';

const SEQUENCES_PER_MESSAGE = 2048;

/**
 * The vectors `[sequences, 4 columns]`, zeros when a read has no letter of A, C, G, T. The only
 * layer is 0; pooling has no effect.
 */
export function placedOneHotEncoder(reference: string): Encoder {
  const placer = createPlacer(reference);
  const dimension = 4 * reference.length;
  return {
    dimension,
    layers: 0,
    fingerprint: hashJson({ encoder: 'one-hot letters on a reference', reference }),
    card: { parameters: 0, reference: reference.length, features: `one-hot letters of ${reference.length} columns` },
    coverage: (sequence) => ({ tokens: 1, unknown: 0, placed: placer.lay(sequence).placed }),
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
          progress?.((row + 1) / sequences.length, `aligned ${row + 1} of ${sequences.length} sequences`);
      });
      return representations.map(() => ({ rows: sequences.length, columns: dimension, values }));
    },
    async dispose() {},
  };
}

/**
 * A reference has more columns than the rows can determine; at most this many rows, evenly spaced,
 * are decomposed.
 */
const ROWS = 8192;

/**
 * Coordinates `[sequences, components]` of one-hot columns along the principal components of the
 * training rows, centred, neither scaled nor whitened. Fewer components when there are fewer rows.
 */
export async function columnComponentsEncoder(
  rows: readonly string[],
  components: number,
  threads: number,
): Promise<Encoder> {
  const reference = consensusReference(rows.length, (i) => rows[i]).letters;
  const letters = placedOneHotEncoder(reference);
  const embedded = async (sequences: readonly string[]) =>
    (await letters.embed(sequences, [{ layer: 0, pooling: 'mean' }]))[0];
  const count = Math.min(rows.length, ROWS);
  const sample = Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]);
  const width = Math.min(components, count - 1, letters.dimension);
  const fitted = await principalComponents(await embedded(sample), width, { threads });
  const explained = fitted.variances.reduce((sum, variance) => sum + variance, 0) / fitted.totalVariance;
  return {
    dimension: width,
    layers: 0,
    fingerprint: hashJson({ encoder: 'principal components of columns', reference, width, sample: hashJson(sample) }),
    card: {
      parameters: width * letters.dimension,
      reference: reference.length,
      features: `${width} principal components of the one-hot letters of ${reference.length} columns`,
      varianceExplained: explained,
    },
    coverage: letters.coverage,
    async embed(sequences, representations, progress) {
      const other = representations.find(({ layer }) => layer !== 0);
      if (other) throw new Error(`components have one representation, layer 0, and no layer ${other.layer}`);
      const values = new Float32Array(sequences.length * width);
      for (let start = 0; start < sequences.length; start += SEQUENCES_PER_MESSAGE) {
        const part = sequences.slice(start, start + SEQUENCES_PER_MESSAGE);
        values.set((await project(await embedded(part), fitted, { threads })).values, start * width);
        progress?.((start + part.length) / sequences.length, `projected ${start + part.length} sequences`);
      }
      return representations.map(() => ({ rows: sequences.length, columns: width, values }));
    },
    async dispose() {},
  };
}

const COMPONENTS = 256;

export const columnComponents: ModelDefinition = {
  id: 'one-hot-columns-pca',
  title: 'Principal components of gene columns',
  description:
    `Reads aligned to the consensus of the task's training rows, one-hot, projected on the ${COMPONENTS} principal components of those rows: a linear ` +
    'autoencoder without labels. For reads of one gene.',
  kind: 'model',
  family: 'one-hot',
  citation: 'Pearson 1901, Phil. Mag. 2:559; Baldi & Hornik 1989, Neural Networks 2:53 (as a linear autoencoder)',
  licence: 'MIT',
  version: '1',
  stochastic: false,
  options: { components: COMPONENTS, rows: ROWS },
  representations: () => [{ layer: 0, pooling: 'mean' }],
  load: async ({ unlabelled, threads }) => columnComponentsEncoder(unlabelled, COMPONENTS, threads),
};

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
