import { expect, it } from 'vitest';
import { principalComponents } from '../../../src/algebra/pca.ts';
import { createRandom } from '../../../src/core/random.ts';
import {
  columnComponents,
  columnComponentsEncoder,
  placedOneHot,
  placedOneHotEncoder,
} from '../../../src/models/encoders/placed-one-hot.ts';
import { consensusReference } from '../../../src/sequences/alignment/consensus-alignment.ts';

const placedReference = async (rows: readonly string[]) => consensusReference(rows.length, (i) => rows[i]);

const random = createRandom('placed one-hot');
const gene = Array.from({ length: 200 }, () => 'ACGT'[random.integer(4)]).join('');
const letters = { layer: 0, pooling: 'mean' } as const;

it('a read becomes the one-hot letters of its columns, zeros elsewhere', async () => {
  const encoder = placedOneHotEncoder(gene);
  const read = `${gene.slice(40, 100)}N${gene.slice(101, 180)}`;
  const [{ rows, columns, values }] = await encoder.embed([gene, read], [letters]);
  expect([rows, columns]).toEqual([2, 800]);
  for (let column = 0; column < 200; column++) {
    const covered = column >= 40 && column < 180 && column !== 100;
    const expected = Array.from('ACGT', (letter) => (gene[column] === letter && covered ? 1 : 0));
    expect(Array.from(values.subarray(800 + 4 * column, 804 + 4 * column))).toEqual(expected);
  }
});

it('the cosine of two whole reads is the share of columns that agree', async () => {
  const other = Array.from(gene, (letter, i) => (i % 4 === 0 ? 'ACGT'[('ACGT'.indexOf(letter) + 1) % 4] : letter));
  const [{ values }] = await placedOneHotEncoder(gene).embed([gene, other.join('')], [letters]);
  const dot = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < 800; i++) sum += values[a * 800 + i] * values[b * 800 + i];
    return sum;
  };
  expect(dot(0, 1) / Math.sqrt(dot(0, 0) * dot(1, 1))).toBeCloseTo(0.75, 10);
});

it('takes its columns from the training rows, and stands with the one-hot baselines', async () => {
  const unlabelled = Array.from({ length: 20 }, () => gene);
  const encoder = await placedOneHot.load({ unlabelled } as unknown as Parameters<typeof placedOneHot.load>[0]);
  expect(encoder).toMatchObject({ dimension: 800, layers: 0 });
  expect(placedOneHot).toMatchObject({ family: 'one-hot', stochastic: false });
  const [{ values }] = await (encoder as ReturnType<typeof placedOneHotEncoder>).embed([gene], [letters]);
  expect(Array.from(values).filter((value) => value === 1)).toHaveLength(200);
  await expect(placedOneHotEncoder(gene).embed([gene], [{ layer: 1, pooling: 'mean' }])).rejects.toThrow('no layer 1');
});

it('components of the columns are the principal components of their one-hot letters, rows of any split along them', async () => {
  const reads = Array.from({ length: 40 }, () =>
    Array.from(gene, (letter) => (random.next() < 0.2 ? 'ACGT'[random.integer(4)] : letter)).join(''),
  );
  const encoder = await columnComponentsEncoder(reads, 16, 1);
  expect(encoder).toMatchObject({ dimension: 16, layers: 0 });
  const columns = placedOneHotEncoder((await placedReference(reads)).letters);
  const [letterRows] = await columns.embed(reads, [letters]);
  const { mean, components } = await principalComponents(letterRows, 16, { threads: 1 });
  const [{ values }] = await encoder.embed(reads.slice(0, 3), [letters]);
  for (let row = 0; row < 3; row++)
    for (let c = 0; c < 16; c++) {
      let sum = 0;
      for (let j = 0; j < letterRows.columns; j++)
        sum +=
          (letterRows.values[row * letterRows.columns + j] - mean[j]) * components.values[c * letterRows.columns + j];
      expect(values[row * 16 + c]).toBeCloseTo(sum, 4);
    }
  expect(columnComponents).toMatchObject({ family: 'one-hot', stochastic: false });
});

it('has fewer components than rows', async () => {
  expect((await columnComponentsEncoder([gene, gene, `${gene.slice(1)}A`, gene], 256, 1)).dimension).toBe(3);
});
