import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { METRICS } from '../../../src/metrics/metric-table.ts';
import { clusteringProbe, REDUCERS, type Reducer } from '../../../src/probes/clustering/clustering.ts';
import { context, matrix, targets } from '../support.ts';

const ami = METRICS.ami;

/** Rows around as many centres as there are classes. */
function blobs(rows: number, classes: number, seed: number) {
  const random = createRandom(seed);
  const columns = 60;
  const centres = Array.from({ length: classes * columns }, () => random.normal());
  const truth = Array.from({ length: rows }, (_, row) => row % classes);
  const values = truth.flatMap((y) =>
    Array.from({ length: columns }, (_, c) => centres[y * columns + c] + 0.2 * random.normal()),
  );
  return { features: matrix(rows, columns, values), targets: targets(rows, 1, truth) };
}

const nothing = { features: matrix(0, 60, []), targets: targets(0, 1, []) };
const score: Parameters<typeof context>[2] = (truth, predicted) => ami.prepare(truth, predicted)();

describe.each(REDUCERS.filter(({ stochastic }) => !stochastic))('zero-shot clustering: $id', (reducer) => {
  const probe = clusteringProbe(reducer);

  it('finds classes that lie apart, as many as are known of each set of rows, without training rows', async () => {
    const [valid, test] = [blobs(70, 7, 1), blobs(120, 12, 2)];
    const fitted = await probe.fit(nothing, valid, context('clustering', 12, score));
    expect(fitted.validationScore).toBe(1);
    const predicted = await fitted.predict(test.features);
    expect([predicted.rows, predicted.columns]).toEqual([120, 1]);
    expect(new Set(predicted.values).size).toBe(12);
    expect(score(test.targets, predicted)).toBe(1);
    expect(fitted.details).toEqual({ validationRows: 70, validationClusters: 7, clusters: 12 });
  });

  it('works on fewer rows than components, and on one cluster', async () => {
    const few = blobs(6, 3, 4);
    const fitted = await probe.fit(nothing, few, context('clustering', 1, score));
    expect(fitted.validationScore).toBe(1);
    expect([...(await fitted.predict(few.features)).values]).toEqual(Array(6).fill(0));
  });

  it('says what is impossible', async () => {
    const fitted = await probe.fit(nothing, blobs(9, 3, 1), context('clustering', 20, score));
    await expect(fitted.predict(blobs(10, 2, 1).features)).rejects.toThrow('10 points cannot be cut into 20 clusters');
  });
});

describe('zero-shot clustering: ward-umap', () => {
  const probe = clusteringProbe(REDUCERS.find(({ id }) => id === 'ward-umap') as Reducer);

  it('finds classes that lie apart, and tells how rows were reduced, lowered where there are few', async () => {
    const [valid, test] = [blobs(40, 4, 1), blobs(120, 6, 2)];
    const fitted = await probe.fit(nothing, valid, context('clustering', 6, score));
    expect(fitted.validationScore).toBe(1);
    expect(score(test.targets, await fitted.predict(test.features))).toBe(1);
    expect(fitted.details.validationReduction).toMatchObject({
      components: 38,
      neighbours: 5,
      lowered: '40 rows allow no more components or neighbours',
    });
    expect(fitted.details.reduction).toMatchObject({ components: 50, neighbours: 5, epochs: 500 });
    expect(fitted.details.reduction).not.toHaveProperty('lowered');
  });

  it('draws by seed, and works on a handful of rows', async () => {
    expect(probe).toMatchObject({ stochastic: true, options: { metric: 'cosine', neighbours: 5, minDist: 0.1 } });
    const fitted = await probe.fit(nothing, blobs(4, 2, 1), context('clustering', 2, score));
    expect(fitted.details.validationReduction).toMatchObject({ components: 2, neighbours: 3 });
  });
});

describe('the table of reductions', () => {
  it('makes probes that cluster, choose nothing, and name what they do', () => {
    for (const reducer of REDUCERS) {
      const probe = clusteringProbe(reducer);
      expect(probe).toMatchObject({ id: reducer.id, kinds: ['clustering'], layers: 'last' });
      expect(JSON.parse(JSON.stringify(probe.options))).toEqual(probe.options);
      expect(probe.options.components).toBe(reducer.components);
    }
  });

  it('takes another row: its seed, its options, its progress, and a check that no row was lost', async () => {
    const seen: unknown[] = [];
    const half: Reducer = {
      id: 'ward-half',
      title: 'every other column',
      citation: 'none',
      stochastic: true,
      components: 2,
      options: { every: 2 },
      async reduce(features, options, progress) {
        seen.push(options);
        progress(0.5, 'halving');
        return features.rows > 10 ? { ...features, rows: 1 } : features;
      },
    };
    const fractions: number[] = [];
    const settings = { ...context('clustering', 2, score), seed: 9, progress: (f: number) => fractions.push(f) };
    const fitted = await clusteringProbe(half).fit(nothing, blobs(8, 2, 1), settings);
    await fitted.predict(blobs(8, 2, 3).features);
    expect(clusteringProbe(half).options).toMatchObject({ components: 2, every: 2 });
    expect(seen).toEqual(Array(2).fill({ components: 2, seed: 9, device: 'cpu', threads: 1 }));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect([fractions[0], fractions[fractions.length - 1]]).toEqual([0.125, 1]);
    await expect(fitted.predict(blobs(12, 2, 3).features)).rejects.toThrow('12 rows were reduced to 1');
  });
});
