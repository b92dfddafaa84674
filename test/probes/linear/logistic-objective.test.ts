import { describe, expect, it } from 'vitest';
import { type LogisticProblem, openObjective, probabilities } from '../../../src/probes/linear/logistic-objective.ts';

const cpu = { device: 'cpu', threads: 1 } as const;
const rows = 7;
const dim = 3;
const features = { rows, columns: dim, values: Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(3.7 * i)) };
const problems: LogisticProblem[] = [
  { link: 'softmax', columns: 4, features, labels: Int32Array.of(0, 1, 2, 3, 1, 1, 0) },
  { link: 'sigmoid', columns: 1, features, labels: Int32Array.of(0, 1, 1, 0, 1, 1, 0) },
  { link: 'sigmoid', columns: 2, features, labels: Int32Array.of(0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1) },
];

describe.each(problems)('the logistic objective: $link, $columns columns', (problem) => {
  const size = (dim + 1) * problem.columns;
  const point = Float64Array.from({ length: size }, (_, i) => Math.fround(Math.cos(5.1 * i)));

  it('is C times the cross-entropy plus half the squared weights', async () => {
    const objective = await openObjective(problem, cpu);
    const { columns, labels, link } = problem;
    const logits = new Float64Array(rows * columns);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < columns; k++) {
        logits[r * columns + k] = point[dim * columns + k];
        for (let d = 0; d < dim; d++) logits[r * columns + k] += features.values[r * dim + d] * point[d * columns + k];
      }
    }
    const p = probabilities(link, { rows, columns, values: logits }).values;
    let expected = 0;
    for (let i = 0; i < dim * columns; i++) expected += 0.5 * point[i] ** 2;
    for (let i = 0; i < labels.length; i++) {
      expected -= 3 * Math.log(link === 'softmax' ? p[i * columns + labels[i]] : labels[i] ? p[i] : 1 - p[i]);
    }
    expect((await objective.evaluate(point, 3)).value).toBeCloseTo(expected, 4);
    await objective.dispose();
  });

  it('has the gradient that finite differences give', async () => {
    const objective = await openObjective(problem, cpu);
    const { gradient } = await objective.evaluate(point, 3);
    for (let i = 0; i < size; i++) {
      const at = async (shift: number) => {
        const shifted = Float64Array.from(point);
        shifted[i] += shift;
        return (await objective.evaluate(shifted, 3)).value;
      };
      const step = 2 ** -7;
      expect(gradient[i]).toBeCloseTo(((await at(step)) - (await at(-step))) / (2 * step), 2);
    }
    await objective.dispose();
  });

  it.each([
    { form: 'dense', matrix: Float32Array.of(2, 1, 0, 1, 3, 0, 0, 0, 4) },
    // I - A'BA = [[2, 1, 0], [1, 3, 0], [0, 0, 4]] with A the identity.
    {
      form: 'factored',
      a: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
      b: Float32Array.of(-1, -1, 0, -1, -2, 0, 0, 0, -3),
    },
  ] as const)('applies a $form preconditioner to the gradient', async (weights) => {
    const objective = await openObjective(problem, cpu);
    const { gradient, preconditioned } = await objective.evaluate(point, 3, { weights, intercept: 0.5 });
    const { columns } = problem;
    for (let k = 0; k < columns; k++) {
      const g = [0, 1, 2].map((d) => gradient[d * columns + k]);
      const expected = [2 * g[0] + g[1], g[0] + 3 * g[1], 4 * g[2], 0.5 * gradient[dim * columns + k]];
      for (const [d, value] of expected.entries()) expect(preconditioned![d * columns + k]).toBeCloseTo(value, 3);
    }
    await objective.dispose();
  });
});

describe('tiny losses', () => {
  // Every row is right by a margin of 25: each loss is log(1 + e^-25), about 1.4e-11, far below float32's 6e-8 beside 1.
  const x = { rows: 2, columns: 1, values: Float32Array.of(1, -1) };
  it.each([
    { link: 'sigmoid', columns: 1, point: [25, 0] },
    { link: 'softmax', columns: 2, point: [-12.5, 12.5, 0, 0] },
  ] as const)('keep their relative precision: $link', async ({ link, columns, point }) => {
    const problem: LogisticProblem = { link, columns, features: x, labels: Int32Array.of(1, 0) };
    const objective = await openObjective(problem, cpu);
    const start = Float64Array.from(point);
    const penalty = 0.5 * start.slice(0, columns).reduce((sum, w) => sum + w * w, 0);
    const { value, gradient } = await objective.evaluate(start, 1e12);
    expect((value - penalty) / (2e12 * Math.exp(-25))).toBeCloseTo(1, 4);
    const pull = gradient[columns - 1] - point[columns - 1]; // of the data, without the penalty
    expect(pull / (-2e12 * Math.exp(-25))).toBeCloseTo(1, 4);
    await objective.dispose();
  });
});

describe('probabilities', () => {
  it('do not overflow, and softmax rows sum to one', () => {
    expect([...probabilities('softmax', { rows: 1, columns: 2, values: Float64Array.of(2000, 0) }).values]).toEqual([
      1, 0,
    ]);
    expect([...probabilities('sigmoid', { rows: 1, columns: 2, values: Float64Array.of(-2000, 0) }).values]).toEqual([
      0, 0.5,
    ]);
  });
});
