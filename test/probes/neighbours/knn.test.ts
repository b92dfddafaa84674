import { describe, expect, it } from 'vitest';
import {
  type Distance,
  knnProbe,
  nearestNeighbourProbe,
  openNeighbourSearch,
  softKnnProbe,
} from '../../../src/probes/neighbours/knn.ts';
import golden from '../goldens/knn.json' with { type: 'json' };
import { accuracy, context, matrix, negativeMse, targets } from '../support.ts';

const train = matrix(40, 5, golden.train);
const test = matrix(12, 5, golden.test);

describe.each(golden.fits)('k nearest neighbours as scikit-learn finds them: $metric, k=$k', (fit) => {
  const probe = knnProbe(fit.metric as Distance, { k: [fit.k] });

  it('finds the same neighbours in the same order', async () => {
    const search = await openNeighbourSearch(train, fit.metric as Distance, { device: 'cpu', threads: 1 });
    expect([...(await search.nearest(test, fit.k))]).toEqual(fit.neighbours);
    await search.dispose();
  });

  it('predicts the same shares of votes', async () => {
    const data = { features: train, targets: targets(40, 1, golden.classes) };
    const fitted = await probe.fit(data, data, context('multiclass', 3, accuracy));
    const { values } = await fitted.predict(test);
    for (const [i, share] of fit.shares.entries()) expect(values[i]).toBeCloseTo(share, 12);
    await fitted.dispose?.();
  });

  it('predicts the same means', async () => {
    const data = { features: train, targets: targets(40, 2, golden.values) };
    const fitted = await probe.fit(data, data, context('regression', 2, negativeMse));
    const { values } = await fitted.predict(test);
    for (const [i, mean] of fit.means.entries()) expect(values[i]).toBeCloseTo(mean, 12);
    await fitted.dispose?.();
  });
});

describe.each(golden.soft)(
  "soft votes are scikit-learn's: T=$temperature, k=$k",
  ({ temperature, k, shares, means }) => {
    // scikit-learn takes float64; ours float32 features, whose similarities are then exact
    const precision = temperature < 0.1 ? 4 : 5;

    it.each([
      ['multiclass', targets(40, 1, golden.classes), 3, accuracy, shares],
      ['regression', targets(40, 2, golden.values), 2, negativeMse, means],
    ] as const)('%s', async (kind, answers, outputs, score, expected) => {
      const data = { features: train, targets: answers };
      const fitted = await softKnnProbe({ temperature, k: [k] }).fit(data, data, context(kind, outputs, score));
      const { values } = await fitted.predict(test);
      for (const [i, share] of expected.entries()) expect(values[i]).toBeCloseTo(share, precision);
      expect(fitted.details).toMatchObject({ k, temperature });
      await fitted.dispose?.();
    });
  },
);

describe('protocols of the barcode papers', () => {
  const line = { features: matrix(4, 2, [1, 0, 1, 0.1, 0, 1, 0.1, 1]), targets: targets(4, 1, [0, 0, 1, 1]) };

  it('nn-cosine is the first neighbour alone', async () => {
    const probe = nearestNeighbourProbe();
    expect(probe).toMatchObject({ id: 'nn-cosine', layers: 'last', options: { distance: 'cosine', k: [1] } });
    const fitted = await probe.fit(line, line, context('binary', 2, accuracy));
    expect([...(await fitted.predict(matrix(2, 2, [9, 0.2, 0.1, 3]))).values]).toEqual([1, 0, 0, 1]);
    await fitted.dispose?.();
  });

  it('knn-cosine-soft chooses k on validation, weighs the near far more, and has a vote for a zero vector', async () => {
    const probe = softKnnProbe();
    expect(probe).toMatchObject({ id: 'knn-cosine-soft', options: { temperature: 0.02, k: [1, 3, 5, 10, 20, 50] } });
    const fitted = await probe.fit(line, line, context('binary', 2, accuracy));
    expect((fitted.details.path as { k: number }[]).map(({ k }) => k)).toEqual([1, 3]);
    await fitted.dispose?.();
    const all = await softKnnProbe({ k: [4] }).fit(line, line, context('binary', 2, accuracy));
    const { values } = await all.predict(matrix(2, 2, [1, 0.05, 0, 0]));
    expect(values[0]).toBeGreaterThan(0.999999);
    expect([values[2], values[3]]).toEqual([0.5, 0.5]);
    await all.dispose?.();
  });

  it('refuses a temperature that is none', () => {
    expect(() => softKnnProbe({ temperature: 0 })).toThrow('temperature must be positive, not 0');
  });
});

describe('the k-NN probe', () => {
  const line = { features: matrix(6, 1, [0, 1, 2, 10, 11, 12]), targets: targets(6, 1, [0, 0, 0, 1, 1, 1]) };

  it('breaks ties in distance by row order', async () => {
    const search = await openNeighbourSearch(matrix(5, 1, [3, 1, 1, 1, 3]), 'euclidean', { device: 'cpu', threads: 1 });
    expect([...(await search.nearest(matrix(1, 1, [2]), 4))]).toEqual([0, 1, 2, 3]);
    await search.dispose();
  });

  it('chooses k on validation rows, the smaller of equals, and leaves out k beyond the training rows', async () => {
    const fitted = await knnProbe('euclidean').fit(line, line, context('binary', 2, accuracy));
    expect((fitted.details.path as { k: number }[]).map(({ k }) => k)).toEqual([1, 3, 5]);
    expect(fitted.details.k).toBe(1);
    expect(fitted.validationScore).toBe(1);
    await fitted.dispose?.();
  });

  it('averages the labels of several', async () => {
    const labels = { features: line.features, targets: targets(6, 2, [1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0]) };
    const fitted = await knnProbe('euclidean', { k: [3] }).fit(labels, labels, context('multilabel', 2, negativeMse));
    const { values } = await fitted.predict(matrix(2, 1, [1, 11]));
    expect([...values].map((value) => value.toFixed(6))).toEqual(['1.000000', '0.333333', '0.000000', '0.333333']);
    await fitted.dispose?.();
  });

  it('takes a zero vector as unlike everything, and works far from the origin', async () => {
    const zero = await openNeighbourSearch(matrix(3, 2, [-1, 0, 0, 0, 1, 0]), 'cosine', { device: 'cpu', threads: 1 });
    expect([...(await zero.nearest(matrix(1, 2, [2, 0]), 3))]).toEqual([2, 1, 0]);
    await zero.dispose();
    const far = await openNeighbourSearch(matrix(3, 1, [10000.25, 10000, 10000.5]), 'euclidean', {
      device: 'cpu',
      threads: 1,
    });
    expect([...(await far.nearest(matrix(1, 1, [10000.49]), 3))]).toEqual([2, 0, 1]);
    await far.dispose();
  });

  it('refuses what it cannot use', async () => {
    const binary = context('binary', 2, accuracy);
    await expect(knnProbe('cosine', { k: [7] }).fit(line, line, binary)).rejects.toThrow(
      'larger than the 6 training rows',
    );
    const wrong = { features: line.features, targets: targets(6, 1, [0, 1, 2, 0, 0, 0]) };
    await expect(knnProbe('cosine').fit(wrong, wrong, binary)).rejects.toThrow('Target in row 2 is 2');
    const fitted = await knnProbe('cosine').fit(line, line, binary);
    await expect(fitted.predict(matrix(1, 2, [1, 2]))).rejects.toThrow('2 columns, but the probe was fitted on 1');
    await expect(fitted.predict(matrix(1, 1, [Number.NaN]))).rejects.toThrow('row 0, column 0 is NaN');
    await fitted.dispose?.();
    expect(() => knnProbe('cosine', { k: [0] })).toThrow('every k must be a positive whole number');
  });
});
