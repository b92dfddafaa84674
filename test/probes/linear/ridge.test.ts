import { describe, expect, it } from 'vitest';
import { ridgeProbe } from '../../../src/probes/linear/ridge.ts';
import golden from '../goldens/linear.json' with { type: 'json' };
import { context, matrix, negativeMse, targets } from '../support.ts';

describe.each(golden.ridge)('ridge regression as scikit-learn fits it: $name', (data) => {
  const train = {
    features: matrix(data.rows, data.dim, data.x),
    targets: targets(data.rows, data.outputs, data.y),
  };
  it.each(data.fits)('predicts the same for alpha=$alpha', async ({ alpha, predictions }) => {
    const fitted = await ridgeProbe({ alpha: [alpha] }).fit(
      train,
      train,
      context('regression', data.outputs, negativeMse),
    );
    const { values } = await fitted.predict(matrix(8, data.dim, data.test));
    for (const [i, expected] of predictions.entries()) {
      expect(Math.abs(values[i] - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
    }
    await fitted.dispose?.();
  });
});

describe('the ridge probe', () => {
  const rows = 40;
  const x = Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i * 12.9898) * (i % 2 ? 100 : 1));
  const y = Float64Array.from({ length: rows }, (_, r) => 3 * x[2 * r] - 0.01 * x[2 * r + 1] + 7);
  const train = { features: matrix(rows, 2, x), targets: targets(rows, 1, y) };

  it('recovers a noiseless line with the weakest penalty, whatever the scale of the features', async () => {
    const fitted = await ridgeProbe().fit(train, train, context('regression', 1, negativeMse));
    expect(fitted.details.alpha).toBe(1e-3);
    expect((await fitted.predict(matrix(1, 2, [0.5, 50]))).values[0]).toBeCloseTo(3 * 0.5 - 0.01 * 50 + 7, 3);
    expect(fitted.validationScore).toBeGreaterThan(-1e-6);
    await fitted.dispose?.();
  });

  it('ends the path early, preferring the stronger penalty', async () => {
    let calls = 0;
    const fitted = await ridgeProbe().fit(
      train,
      train,
      context('regression', 1, () => -++calls),
    );
    expect(fitted.details.alpha).toBe(1e6);
    expect((fitted.details.path as unknown[]).length).toBe(4);
    await fitted.dispose?.();
  });

  it('refuses what it cannot fit', async () => {
    const regression = context('regression', 1, negativeMse);
    await expect(ridgeProbe().fit(train, train, context('binary', 2, negativeMse))).rejects.toThrow('use logistic');
    const broken = {
      features: train.features,
      targets: targets(
        rows,
        1,
        y.map((v, i) => (i === 3 ? Number.NaN : v)),
      ),
    };
    await expect(ridgeProbe().fit(broken, broken, regression)).rejects.toThrow('row 3, column 0 is NaN');
    const wide = { features: train.features, targets: targets(rows, 2, new Float64Array(rows * 2)) };
    await expect(ridgeProbe().fit(wide, wide, regression)).rejects.toThrow(
      'Targets have 2 columns, but the task has 1',
    );
    expect(() => ridgeProbe({ alpha: [] })).toThrow('every alpha must be a positive number');
  });
});
