/** The barcode papers' CNN as an encoder; that its graph computes what PyTorch's does is tested beside the baselines' architectures. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import {
  CNN_ENCODER_DEFAULTS,
  loadCnnEncoder,
  oneHotCnnEncoder,
} from '../../../src/models/encoders/one-hot-cnn-encoder.ts';
import type { ModelContext } from '../../../src/models/model.ts';

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'cnn-encoder-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

const options = { ...CNN_ENCODER_DEFAULTS, widths: [4, 4, 4], hidden: 6, length: 54, batchSize: 8, epochs: 12 };
const random = createRandom('cnn encoder');
const draw = (n: number) => Array.from({ length: n }, () => 'ACGT'[random.integer(4)]).join('');
const founders = { wren: draw(54), finch: draw(54), crow: draw(54) };
const relative = (founder: string) =>
  [...founder].map((letter) => (random.next() < 0.1 ? 'ACGT'[random.integer(4)] : letter)).join('');
const rows = Object.entries(founders).flatMap(([label, founder]) =>
  Array.from({ length: 12 }, () => ({ label, sequence: relative(founder) })),
);
const supervised = {
  sequences: rows.map(({ sequence }) => sequence),
  labels: rows.map(({ label }) => label),
  hash: 'three birds',
};
const context = (changes: Partial<ModelContext> = {}): ModelContext => ({
  seed: 1,
  device: 'cpu',
  threads: 1,
  effort: 1,
  cacheFolder,
  unlabelled: supervised.sequences,
  unlabelledHash: 'birds',
  codeHash: 'this code',
  longestSequence: 60,
  progress: () => undefined,
  supervised,
  ...changes,
});
const features = { layer: 0, pooling: 'mean' } as const;

it('learns the labels that it is given: new rows lie nearest to rows of their own label', async () => {
  const encoder = await loadCnnEncoder(options, context());
  const queries = Object.values(founders);
  const [train] = await encoder.embed(supervised.sequences, [features]);
  const [query] = await encoder.embed(queries, [features]);
  expect([query.rows, query.columns]).toEqual([3, 6]);
  const distance = (q: number, r: number) =>
    Math.hypot(...Array.from({ length: 6 }, (_, c) => query.values[q * 6 + c] - train.values[r * 6 + c]));
  const nearest = queries.map((_, q) => {
    const distances = rows.map((_, r) => distance(q, r));
    return rows[distances.indexOf(Math.min(...distances))].label;
  });
  expect(nearest).toEqual(Object.keys(founders));
  expect(encoder.card).toMatchObject({ trainedWithLabels: true, labels: 3, sequences: 36, epochs: 12, steps: 60 });
  await encoder.dispose();
});

it('cuts what is longer than it reads, and takes a letter that is no base for something else than the end', async () => {
  const encoder = await loadCnnEncoder(options, context());
  const [{ values }] = await encoder.embed(
    [
      founders.crow,
      `${founders.crow}ACGTACGT`,
      founders.crow.slice(0, 40),
      `${founders.crow.slice(0, 40)}NNNNNNNNNNNNNN`,
    ],
    [features],
  );
  const row = (i: number) => [...values.subarray(i * 6, (i + 1) * 6)];
  expect(row(1)).toEqual(row(0));
  expect(row(3)).not.toEqual(row(2));
  await expect(encoder.embed(['A'], [{ layer: 1, pooling: 'mean' }])).rejects.toThrow('no layer 1');
  await encoder.dispose();
});

it('is trained once per seed, labels, effort and code, then found', async () => {
  const folders = async () => (await readdir(join(cacheFolder, 'models'))).length;
  const fingerprint = async (changes: Partial<ModelContext> = {}) => {
    const encoder = await loadCnnEncoder({ ...options, epochs: 2 }, context(changes));
    await encoder.dispose();
    return encoder.fingerprint;
  };
  const first = await fingerprint();
  const made = await folders();
  let messages = 0;
  const count = () => {
    messages += 1;
  };
  expect(await fingerprint({ progress: count })).toBe(first);
  expect([await folders(), messages]).toEqual([made, 0]);
  const others = [{ seed: 2 }, { supervised: { ...supervised, hash: 'others' } }, { codeHash: 'x' }, { effort: 0.5 }];
  for (const changes of others) await fingerprint({ ...changes, progress: count });
  expect(await folders()).toBe(made + others.length);
  expect(messages).toBeGreaterThan(0);
});

it('counts equal barcodes of one label once, and keeps them apart under two', async () => {
  const sequences = ['ACGTAC', 'ACGTAC', 'ACGTAC', 'TTTTAC'];
  const labels = ['wren', 'wren', 'finch', 'finch'];
  const encoder = await loadCnnEncoder(
    { ...options, epochs: 1 },
    context({ supervised: { sequences, labels, hash: 'equal' } }),
  );
  expect(encoder.card).toMatchObject({ sequences: 3, labels: 2 });
  await encoder.dispose();
});

it('needs labels, and says that it has them', async () => {
  await expect(loadCnnEncoder(options, context({ supervised: undefined }))).rejects.toThrow('is trained with labels');
  const alone = { sequences: ['ACGT', 'ACGA'], labels: ['wren', 'wren'], hash: 'alone' };
  await expect(loadCnnEncoder(options, context({ supervised: alone }))).rejects.toThrow('two labels or more, not of 1');
  expect(oneHotCnnEncoder).toMatchObject({ family: 'one-hot', stochastic: true, kind: 'model' });
  expect(oneHotCnnEncoder.title).toContain('trained with labels');
});
