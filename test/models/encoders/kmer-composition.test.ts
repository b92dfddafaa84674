import { expect, it } from 'vitest';
import { kmerComposition, kmerCompositionEncoder } from '../../../src/models/encoders/kmer-composition.ts';
import { kmerNames } from '../../../src/sequences/encoding.ts';

const counts = { layer: 0, pooling: 'mean' } as const;

it('a sequence becomes the counts of its overlapping k-mers, those with other letters left out', async () => {
  const encoder = kmerCompositionEncoder(2);
  const [{ rows, columns, values }] = await encoder.embed(['ACACNAC', 'tt', ''], [counts]);
  expect([rows, columns]).toEqual([3, 16]);
  const names = kmerNames([2]);
  const found = (row: number) =>
    Object.fromEntries(names.map((name, i) => [name, values[row * 16 + i]]).filter(([, count]) => count));
  expect([0, 1, 2].map(found)).toEqual([{ AC: 3, CA: 1 }, { TT: 1 }, {}]);
});

it('many sequences are counted in parts and keep their order', async () => {
  const sequences = Array.from({ length: 5000 }, (_, i) => 'A'.repeat(2 + (i % 7)));
  const [{ values }] = await kmerCompositionEncoder(2).embed(sequences, [counts]);
  sequences.forEach((sequence, i) => {
    expect(values[i * 16]).toBe(sequence.length - 1);
  });
});

it('has one representation and no other layer', async () => {
  const model = kmerComposition(5);
  const encoder = kmerCompositionEncoder(5);
  expect(encoder).toMatchObject({ dimension: 1024, layers: 0 });
  expect(model.representations?.(encoder)).toEqual([counts]);
  await expect(encoder.embed(['ACGTA'], [{ layer: 1, pooling: 'mean' }])).rejects.toThrow('no layer 1');
  expect(kmerCompositionEncoder(6).fingerprint).not.toBe(encoder.fingerprint);
});

it('is composition, which the report shows apart from models that learned', () => {
  expect(kmerComposition(6)).toMatchObject({ id: 'kmer-6-composition', family: 'composition', stochastic: false });
});
