/** Frozen extraction: pooled vectors that depend on the sequence alone, in the order given. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import { createRandom } from '../../src/core/random.ts';
import { tokenBudget } from '../../src/embeddings/batch-plan.ts';
import { encoderOf, isEncoder } from '../../src/embeddings/extract.ts';
import type { Encoder, FrozenModel, Pooling } from '../../src/models/model.ts';
import { loadBertFolder, randomKmerBert } from '../../src/pretraining/bert-folder.ts';
import { TINY } from '../models/fixtures.ts';
import golden from '../models/goldens/tiny_bert.golden.json' with { type: 'json' };
import { relativeError } from '../onnx/helpers.ts';

/** What a device with room for so many rows per run would do. */
const memory = vi.hoisted(() => ({ rows: Number.POSITIVE_INFINITY, runs: [] as number[][] }));
vi.mock('../../src/runtime/session.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/runtime/session.ts')>();
  const openSession: typeof original.openSession = async (model, options) => {
    const session = await original.openSession(model, options);
    return {
      ...session,
      run(feeds, outputs) {
        const { dims } = feeds.ids;
        if (dims[0] > memory.rows) return Promise.reject(new original.OutOfMemoryError('no memory'));
        memory.runs.push([...dims]);
        return session.run(feeds, outputs);
      },
    };
  };
  return { ...original, openSession };
});

const COMPUTE = { device: 'cpu', threads: 1 } as const;
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'first'];
const all = (layers: number) =>
  Array.from({ length: layers + 1 }, (_, layer) => POOLINGS.map((pooling) => ({ layer, pooling }))).flat();

let model: FrozenModel;
let encoder: Encoder;
beforeAll(async () => {
  model = await loadBertFolder(fileURLToPath(new URL('../models/goldens/tiny-bert', import.meta.url)));
  encoder = encoderOf(model, COMPUTE);
});
afterAll(() => encoder.dispose());

/** Lengths in no order, Ns inside and at the end. */
const random = createRandom('sequences');
const SEQUENCES = Array.from({ length: 40 }, (_, i) => {
  const letters = Array.from({ length: 2 + random.integer(39) }, () => 'ACGT'[random.integer(4)]);
  if (i % 7 === 0) letters[letters.length >> 1] = 'N';
  if (i % 11 === 0) letters[letters.length - 1] = 'N';
  return letters.join('');
}).concat('NNNNNN');

const rowOf = ({ values, columns }: Matrix, row: number) => values.slice(row * columns, (row + 1) * columns);

describe('pooling', () => {
  it('equals the value computed by hand from the hidden states of transformers', async () => {
    const [rows, tokens, width] = golden.shape;
    const representations = all(model.layers);
    const embedded = await encoder.embed(golden.sequences, representations);
    representations.forEach(({ layer, pooling }, r) => {
      const expected: number[] = [];
      for (let row = 0; row < rows; row++)
        for (let d = 0; d < width; d++) {
          const values = Array.from(
            { length: tokens },
            (_, t) => golden.hiddenStates[layer][(row * tokens + t) * width + d],
          ).filter((_, t) => golden.mask[row * tokens + t] === 1);
          const sum = values.reduce((total, value) => total + value, 0);
          expected.push({ mean: sum / values.length, max: Math.max(...values), first: values[0] }[pooling as 'mean']);
        }
      expect(relativeError(embedded[r].values as Float32Array, expected), `${layer} ${pooling}`).toBeLessThan(2e-5);
    });
  });
});

describe('an embedding', () => {
  it('does not depend on the other sequences, and is in its row', async () => {
    const representations = all(model.layers);
    const together = await encoder.embed(SEQUENCES, representations);
    for (const [row, sequence] of SEQUENCES.entries()) {
      const alone = await encoder.embed([sequence], representations);
      representations.forEach(({ layer, pooling }, r) => {
        const difference = relativeError(rowOf(together[r], row), rowOf(alone[r], 0));
        expect(difference, `row ${row}, layer ${layer}, ${pooling}`).toBeLessThan(1e-5);
      });
    }
  });

  it('does not depend on the order of the sequences or on the memory limit', async () => {
    const representation = [{ layer: 2, pooling: 'mean' }] as const;
    const [matrix] = await encoder.embed(SEQUENCES, representation);
    const [reversed] = await encoder.embed(SEQUENCES.toReversed(), representation);
    memory.rows = 3;
    memory.runs = [];
    const [halved] = await encoder.embed(SEQUENCES, representation);
    memory.rows = Number.POSITIVE_INFINITY;
    expect(Math.max(...memory.runs.map(([rows]) => rows))).toBeLessThanOrEqual(3);
    SEQUENCES.forEach((_, row) => {
      expect(relativeError(rowOf(reversed, SEQUENCES.length - 1 - row), rowOf(matrix, row))).toBeLessThan(1e-5);
      expect(relativeError(rowOf(halved, row), rowOf(matrix, row))).toBeLessThan(1e-5);
    });
  });

  it('is computed among sequences of similar length, within a budget of tokens', async () => {
    const many = Array.from({ length: 2000 }, (_, i) => 'ACGT'.repeat(1 + (i % 10)));
    memory.runs = [];
    const seen: number[] = [];
    await encoder.embed(many, [{ layer: 0, pooling: 'mean' }], (fraction) => seen.push(fraction));
    expect(memory.runs.reduce((sum, [rows]) => sum + rows, 0)).toBe(many.length);
    for (const [rows, tokens] of memory.runs) expect(rows * tokens).toBeLessThanOrEqual(tokenBudget(COMPUTE));
    expect(memory.runs[0][1]).toBeLessThan(memory.runs.at(-1)![1]);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('of a sequence of any excessive length is refused with the remedy', async () => {
    for (const length of [42, 100, 5000]) {
      const embedding = encoder.embed(['ACGT', 'A'.repeat(length)], [{ layer: 0, pooling: 'mean' }]);
      await expect(embedding, `${length}`).rejects.toThrow(/sequence 2 of 2: .*append \+w40 to the model's name/);
    }
  });

  it('of a sequence of only N is finite under every pooling', async () => {
    const [mean, max, first] = await encoder.embed(
      ['NNNNNN'],
      POOLINGS.map((pooling) => ({ layer: 2, pooling })),
    );
    expect(max.values).toEqual(mean.values);
    expect(first.values).toEqual(mean.values);
    expect(Math.max(...mean.values)).toBeLessThan(100);
  });

  it('over reading frames is the mean of the vectors of the frames; a short sequence uses only the frames that it has', async () => {
    const representations = [
      { layer: 2, pooling: 'frames' },
      { layer: 2, pooling: 'mean' },
      { layer: 1, pooling: 'frames' },
    ] as const;
    expect(model.frames).toBe(2);
    const sequences = ['ACGTTGCAACGGTAC', 'ACG', 'GATTACAN'];
    const [framed, mean] = await encoder.embed(sequences, representations);
    const [shifted] = await encoder.embed(['CGTTGCAACGGTAC', 'ATTACAN'], [representations[1]]);
    const average = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Float32Array.from(a, (value, i) => (value + b[i]) / 2);
    expect(relativeError(rowOf(framed, 0), average(rowOf(mean, 0), rowOf(shifted, 0)))).toBeLessThan(1e-6);
    expect(relativeError(rowOf(framed, 1), rowOf(mean, 1))).toBeLessThan(1e-6);
    expect(relativeError(rowOf(framed, 2), average(rowOf(mean, 2), rowOf(shifted, 1)))).toBeLessThan(1e-6);
  });

  it('of no sequences is an empty matrix', async () => {
    expect(await encoder.embed([], [{ layer: 1, pooling: 'max' }])).toEqual([
      { rows: 0, columns: 16, values: new Float32Array(0) },
    ]);
  });

  it('differs between model and random control, and between control seeds', async () => {
    const representation = [{ layer: 2, pooling: 'mean' }] as const;
    const controls = [1, 1, 2].map((seed) => encoderOf(randomKmerBert(TINY, seed), COMPUTE));
    const [one, again, two] = await Promise.all(controls.map((control) => control.embed(SEQUENCES, representation)));
    expect(again).toEqual(one);
    expect(two).not.toEqual(one);
    expect(await encoder.embed(SEQUENCES, representation)).not.toEqual(one);
    for (const control of controls) await control.dispose();
  });
});

describe('input that cannot be embedded is refused', () => {
  const mean = [{ layer: 1, pooling: 'mean' }] as const;

  it.each([
    ['A'.repeat(41), "sequence 2 of 3: 'AAAAAAAAAAAA...' has 41 nucleotides; this model reads at most 40"],
    ['A', "sequence 2 of 3: 'A' has 1 nucleotides, less than one 2-mer"],
    ['', 'sequence 2 of 3: an empty sequence has 0 nucleotides, less than one 2-mer'],
  ])('%s, with its number among the sequences', async (sequence, message) => {
    await expect(encoder.embed(['ACGT', sequence, 'ACGTA'], mean)).rejects.toThrow(message);
  });

  it.each([3, -1, 0.5])('a layer %d that the model does not have', async (layer) => {
    await expect(encoder.embed(['ACGT'], [{ layer, pooling: 'mean' }])).rejects.toThrow(
      `BERT (2 x 16) has layers 0 (embeddings) to 2, not ${layer}`,
    );
  });

  it('an unknown pooling', async () => {
    for (const pooling of ['median', 'toString'] as unknown as Pooling[])
      await expect(encoder.embed(['ACGT'], [{ layer: 1, pooling }])).rejects.toThrow(
        `unknown pooling '${pooling}'; known: mean, max, first`,
      );
  });

  it('a vector that is not finite, with the number of its sequence', async () => {
    const values = new Map(model.values);
    const name = 'bert.embeddings.word_embeddings.weight';
    const words = (values.get(name) as Float32Array).slice();
    words.fill(Number.NaN, 7 * 16, 8 * 16); // CC
    const poisoned = encoderOf({ ...model, values: values.set(name, words) }, COMPUTE);
    await expect(poisoned.embed(['ACGT', 'ACCC', 'ACGTA'], mean)).rejects.toThrow(
      'NaN in the embedding of sequence 2 of 3 (layer1:mean)',
    );
    await poisoned.dispose();
  });

  it('float16 on the CPU, of an encoder with a fixed precision, and beyond the range of float16', async () => {
    const half = { precision: 'float16' } as const;
    expect(() => encoderOf(model, COMPUTE, half)).toThrow('float16 is for GPUs (--device cuda or webgpu)');
    expect(() => encoderOf(encoder, COMPUTE, { ...half, emulate: true })).toThrow(
      'this model runs with the precision of its file',
    );
    const values = new Map(model.values);
    const name = 'bert.embeddings.word_embeddings.weight';
    const words = (values.get(name) as Float32Array).slice().fill(1e5, 0, 1);
    const large = encoderOf({ ...model, values: values.set(name, words) }, COMPUTE, { ...half, emulate: true });
    await expect(large.embed(['ACGT'], mean)).rejects.toThrow(`weight '${name}': value 0, 100000, is beyond float16`);
    await large.dispose();
  });

  it('a model without some of its weights; closing it afterwards is no error', async () => {
    const values = new Map(model.values);
    values.delete('bert.embeddings.LayerNorm.bias');
    const lacking = encoderOf({ ...model, values }, COMPUTE);
    await expect(lacking.embed(['ACGT'], mean)).rejects.toThrow('the weights lack bert.embeddings.LayerNorm.bias');
    await lacking.dispose();
  });
});

it('an encoder is returned unchanged', () => {
  expect(isEncoder(model)).toBe(false);
  expect(encoderOf(encoder, COMPUTE)).toBe(encoder);
});
