import { describe, expect, it } from 'vitest';
import { logisticProbe, openLogisticSolver } from '../../../src/probes/linear/logistic.ts';
import { logisticProblem } from '../../../src/probes/linear/logistic-labels.ts';
import { fitStandardiser } from '../../../src/probes/linear/standardise.ts';
import golden from '../goldens/linear.json' with { type: 'json' };
import weak from '../goldens/weak-penalty.golden.json' with { type: 'json' };
import { accuracy, context, matrix, negativeMse, targets } from '../support.ts';

const cpu = { device: 'cpu', threads: 1 } as const;

function problemOf(data: (typeof golden.logistic)[number]) {
  const features = matrix(data.rows, data.dim, data.x);
  const standardised = fitStandardiser(features).apply(features);
  const y = targets(data.rows, data.kind === 'multilabel' ? data.outputs : 1, data.y);
  return logisticProblem(standardised, y, { kind: data.kind as 'binary', outputs: data.outputs });
}

describe.each(golden.logistic)('logistic regression as scikit-learn fits it: $name', (data) => {
  it.each(data.fits)('reaches the same objective for C=$C, cold and warm', async ({ C, objective }) => {
    const { problem } = problemOf(data);
    const solver = await openLogisticSolver(problem, cpu);
    const cold = await solver.solve(C);
    const warm = await solver.solve(C, (await solver.solve(C / 10)).parameters);
    await solver.dispose();
    for (const solution of [cold, warm]) {
      expect(Math.abs(solution.objective - objective)).toBeLessThan(1e-6 * objective);
      expect(solution.evaluations).toBeLessThan(120);
    }
  });

  it.each(data.fits)('predicts the same probabilities for C=$C', async ({ C, probabilities }) => {
    const train = {
      features: matrix(data.rows, data.dim, data.x),
      targets: targets(data.rows, data.kind === 'multilabel' ? data.outputs : 1, data.y),
    };
    const fitted = await logisticProbe({ C: [C], tolerance: 1e-10 }).fit(
      train,
      train,
      context(data.kind, data.outputs, negativeMse),
    );
    const predicted = await fitted.predict(matrix(8, data.dim, data.test));
    expect([predicted.rows, predicted.columns]).toEqual([8, data.outputs]);
    for (const [i, p] of probabilities.entries()) expect(Math.abs(predicted.values[i] - p)).toBeLessThan(3e-4);
    await fitted.dispose?.();
  });
});

describe('a weak penalty on more features than rows', () => {
  const { rows, dim, classes } = weak;
  const at = (i: number, j: number) => Math.sin(12.9898 * i + 78.233 * j + 0.37 * i * j);
  const values = Float32Array.from({ length: rows * dim }, (_, k) => at(Math.floor(k / dim), k % dim));
  const labels = Float64Array.from({ length: rows }, (_, i) => (7 * i + Math.floor((i * i) / 11)) % classes);
  const { problem } = logisticProblem({ rows, columns: dim, values }, targets(rows, 1, labels), {
    kind: 'multiclass',
    outputs: classes,
  });

  it('ends at the minimum that scikit-learn finds, when it starts from the solution of a stronger penalty', async () => {
    const solver = await openLogisticSolver(problem, cpu);
    let start: Float64Array | undefined;
    for (const { C, objective } of weak.fits) {
      const solution = await solver.solve(C, start);
      start = solution.parameters;
      expect(Math.abs(solution.objective / objective - 1)).toBeLessThan(1e-4);
      expect(solution.evaluations).toBeLessThan(150);
    }
    await solver.dispose();
  });
});

describe('the logistic probe', () => {
  const rows = 60;
  const x = Float32Array.from({ length: rows * 3 }, (_, i) => (i % 3 === 2 ? 5 : Math.sin(i * 12.9898) * 2));
  const y = Float64Array.from({ length: rows }, (_, r) => (x[r * 3] + 0.2 * Math.sin(r) > 0 ? 1 : 0));
  const train = { features: matrix(rows, 3, x), targets: targets(rows, 1, y) };

  it('chooses the penalty on validation rows and records the path', async () => {
    const messages: string[] = [];
    const fitted = await logisticProbe().fit(train, train, {
      ...context('binary', 2, accuracy),
      progress: (_fraction, message) => void messages.push(message),
    });
    const path = fitted.details.path as { C: number; validationScore: number }[];
    const best = path.reduce((a, b) => (b.validationScore > a.validationScore ? b : a));
    expect(fitted.details.C).toBe(best.C);
    expect(fitted.validationScore).toBe(best.validationScore);
    expect(path.map(({ C }) => C)).toEqual([...path.map(({ C }) => C)].sort((a, b) => a - b));
    expect(messages.length).toBe(path.length);
    expect(fitted.details.constantFeatures).toBe(1);
    await fitted.dispose?.();
  });

  it('ends the path after three penalties without improvement', async () => {
    let calls = 0;
    const falling = { ...context('binary', 2, () => -++calls) };
    const fitted = await logisticProbe().fit(train, train, falling);
    expect(fitted.details.stoppedEarly).toBe(true);
    expect((fitted.details.path as unknown[]).length).toBe(4);
    expect(fitted.details.C).toBeCloseTo(1e-4);
    await fitted.dispose?.();
  });

  it('leaves out classes absent from training and says so', async () => {
    const fitted = await logisticProbe({ C: [1] }).fit(train, train, context('multiclass', 4, accuracy));
    const predicted = await fitted.predict(train.features);
    expect(predicted.columns).toBe(4);
    expect([predicted.values[2], predicted.values[3]]).toEqual([0, 0]);
    expect(predicted.values[0] + predicted.values[1]).toBeCloseTo(1);
    expect(fitted.details.classesAbsentFromTraining).toEqual([2, 3]);
    await fitted.dispose?.();
  });

  it('predicts a label that never varies with its training frequency', async () => {
    const labels = targets(
      rows,
      2,
      Float64Array.from({ length: rows * 2 }, (_, i) => (i % 2 ? 1 : y[i / 2])),
    );
    const data = { features: train.features, targets: labels };
    const fitted = await logisticProbe({ C: [1] }).fit(data, data, context('multilabel', 2, accuracy));
    expect((await fitted.predict(matrix(1, 3, [1, 2, 5]))).values[1]).toBe(1);
    expect(fitted.details.labelsConstantInTraining).toEqual([1]);
    await fitted.dispose?.();
  });

  it('refuses what it cannot fit', async () => {
    const probe = logisticProbe({ C: [1] });
    const binary = context('binary', 2, accuracy);
    const one = { features: train.features, targets: targets(rows, 1, new Float64Array(rows)) };
    await expect(probe.fit(one, one, binary)).rejects.toThrow('All 60 training rows are of class 0');
    const broken = { features: matrix(2, 1, [1, Number.NaN]), targets: targets(2, 1, [0, 1]) };
    await expect(probe.fit(broken, broken, binary)).rejects.toThrow('row 1, column 0 is NaN');
    const short = { features: train.features, targets: targets(2, 1, [0, 1]) };
    await expect(probe.fit(short, short, binary)).rejects.toThrow('60 rows of features but 2 rows of targets');
    const outside = { features: matrix(2, 1, [1, 2]), targets: targets(2, 1, [0, 7]) };
    await expect(probe.fit(outside, outside, binary)).rejects.toThrow('Target in row 1 is 7');
    await expect(
      probe.fit(
        train,
        train,
        context('binary', 2, () => Number.NaN),
      ),
    ).rejects.toThrow('score is undefined');
    const fitted = await probe.fit(train, train, binary);
    await expect(fitted.predict(matrix(1, 2, [1, 2]))).rejects.toThrow('2 columns, but the probe was fitted on 3');
    await fitted.dispose?.();
    expect(() => logisticProbe({ C: [0] })).toThrow('every C must be a positive number');
  });
});
