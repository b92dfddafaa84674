import { describe, expect, it } from 'vitest';
import {
  globalScale,
  SGD_LINEAR_DEFAULTS,
  sgdLinearProbe,
  trainSgdLinear,
} from '../../../src/probes/linear/sgd-linear.ts';
import golden from '../goldens/sgd_linear.json' with { type: 'json' };
import { accuracy, context, matrix, targets } from '../support.ts';

const { rows, dim, classes } = golden;
const data = { features: matrix(rows, dim, golden.features), targets: targets(rows, 1, golden.labels) };
const multiclass = { ...context('multiclass', classes, accuracy), seed: golden.seed };

/** Largest difference, relative to the largest expected value. */
const difference = (values: ArrayLike<number>, expected: readonly number[]) => {
  expect(values.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(values[i] - value))) / largest;
};

describe("the paper's linear probe", () => {
  it('has the settings of its code', () => {
    expect(SGD_LINEAR_DEFAULTS).toEqual({
      learningRate: 1,
      momentum: 0.95,
      weightDecay: 1e-9,
      batchSize: 1024,
      epochs: 200,
    });
    expect(sgdLinearProbe()).toMatchObject({ id: 'linear-sgd-paper', stochastic: true, layers: 'last' });
  });

  it('scales all features by one mean and one deviation', () => {
    const scale = globalScale(data.features);
    expect(scale.mean).toBeCloseTo(golden.mean, 10);
    expect(scale.deviation).toBeCloseTo(golden.deviation, 10);
  });

  it('walks as torch.optim.SGD does from the same weights in the same order: every loss, and the last weights', async () => {
    const options = { ...SGD_LINEAR_DEFAULTS, ...golden.options };
    const trained = await trainSgdLinear(data, globalScale(data.features), options, { ...multiclass, device: 'cpu' });
    expect(
      difference(
        trained.losses.map(({ loss }) => loss),
        golden.losses,
      ),
    ).toBeLessThan(1e-5);
    expect(difference(trained.state.parameters, golden.weights)).toBeLessThan(1e-5);
    await trained.dispose();
  });

  it("predicts the last epoch's probabilities, and scores the validation rows with them", async () => {
    const fitted = await sgdLinearProbe(golden.options).fit(data, data, multiclass);
    const { values } = await fitted.predict(matrix(8, dim, golden.query));
    expect(difference(values, golden.probabilities)).toBeLessThan(1e-5);
    expect(fitted.validationScore).toBe(accuracy(data.targets, await fitted.predict(data.features)));
    expect(fitted.details).toMatchObject({ epochs: 6, steps: 24, parameters: classes * dim + classes });
    await fitted.dispose?.();
  });

  it('refuses what it cannot use', async () => {
    const attempt = (changes: Partial<typeof data>) =>
      sgdLinearProbe().fit({ ...data, ...changes }, data, { ...multiclass, outputs: classes });
    await expect(
      attempt({
        targets: targets(
          rows,
          1,
          golden.labels.map((y) => y + 1),
        ),
      }),
    ).rejects.toThrow('class index');
    await expect(attempt({ targets: targets(2, 1, [0, 1]) })).rejects.toThrow(
      '50 rows of features but 2 rows of targets',
    );
    const constant = new Float32Array(rows * dim).fill(3);
    await expect(attempt({ features: matrix(rows, dim, constant) })).rejects.toThrow('Every training feature is 3');
    constant[7] = Number.NaN;
    await expect(attempt({ features: matrix(rows, dim, constant) })).rejects.toThrow('row 1, column 1 is NaN');
    const fitted = await sgdLinearProbe({ epochs: 1 }).fit(data, data, multiclass);
    await expect(fitted.predict(matrix(1, 2, [1, 2]))).rejects.toThrow('2 columns, but the probe was fitted on 6');
    await fitted.dispose?.();
  });
});
