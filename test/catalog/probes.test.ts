import { describe, expect, it } from 'vitest';
import { defaultProbe, PROBES } from '../../src/catalog/probes.ts';
import type { TaskKind } from '../../src/core/matrix.ts';
import type { Probe } from '../../src/probes/probe.ts';
import { accuracy, context, matrix, negativeMse, targets } from '../probes/support.ts';

/** Kinds with answers to fit; how clusterings do is in a test of their own. */
const FITTED = ['binary', 'multiclass', 'multilabel', 'regression'] as const satisfies TaskKind[];

describe('probe registry', () => {
  it('lists every probe under its id, with options that are plain JSON', () => {
    expect(Object.keys(PROBES)).toEqual([
      'logistic',
      'ridge',
      'knn-cosine',
      'knn-euclidean',
      'nn-cosine',
      'knn-cosine-soft',
      'mlp',
      'ml-logistic-regression',
      'linear-sgd-paper',
      'fine-tune',
      'ward-pca',
      'ward-umap',
      'ward',
    ]);
    for (const [id, probe] of Object.entries(PROBES)) {
      expect(probe.id).toBe(id);
      expect(JSON.parse(JSON.stringify(probe.options))).toEqual(probe.options);
    }
  });

  it('has a default for every kind that the probe supports', () => {
    for (const kind of [...FITTED, 'clustering'] as const) expect(defaultProbe(kind).kinds).toContain(kind);
  });

  const onFeatures = Object.values(PROBES).filter((probe): probe is Probe => 'fit' in probe);
  const cases = onFeatures.flatMap((probe) =>
    FITTED.filter((kind) => probe.kinds.includes(kind)).map((kind) => ({ id: probe.id, kind, probe })),
  );
  it.each(cases)('$id learns an easy $kind task and yields plain JSON details', async ({ kind, probe }) => {
    const rows = 90;
    const outputs = { binary: 2, multiclass: 3, multilabel: 2, regression: 2 }[kind];
    const classes = kind === 'binary' || kind === 'multiclass';
    const x = Float32Array.from({ length: rows * 4 }, (_, i) => Math.sin(i * 12.9898) * 3 + 5);
    const at = (row: number, column: number) => x[row * 4 + column] - 5;
    const y = Array.from({ length: rows }, (_, r) => {
      if (kind === 'binary') return [at(r, 0) > 0 ? 1 : 0];
      if (kind === 'multiclass') return [at(r, 0) > 1 ? 2 : at(r, 1) > 0 ? 1 : 0];
      return kind === 'multilabel' ? [at(r, 0) > 0 ? 1 : 0, at(r, 1) > 0 ? 1 : 0] : [at(r, 0), at(r, 1) - at(r, 2)];
    });
    const data = { features: matrix(rows, 4, x), targets: targets(rows, classes ? 1 : outputs, y.flat()) };
    const score = classes ? accuracy : negativeMse;
    const fitted = await probe.fit(data, data, context(kind, outputs, score));
    const predicted = await fitted.predict(data.features);
    expect([predicted.rows, predicted.columns]).toEqual([rows, outputs]);
    expect(score(data.targets, predicted)).toBeCloseTo(fitted.validationScore, 6);
    const floor = { binary: 0.9, multiclass: 0.65, multilabel: -0.1, regression: -2 }[kind];
    expect(fitted.validationScore).toBeGreaterThan(floor);
    if (classes) {
      for (let r = 0; r < rows; r++) {
        const row = Array.from(predicted.values.subarray(r * outputs, (r + 1) * outputs));
        expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
      }
    }
    expect(JSON.parse(JSON.stringify(fitted.details))).toEqual(fitted.details);
    await fitted.dispose?.();
  });
});
