import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ForestOptions, growForest } from '../../baselines/features/histogram-forest.ts';
import { growForest as growLibraryForest } from '../../baselines/features/library-forest.ts';
import type { Matrix, Predictions } from '../../src/index.ts';

interface Golden {
  readonly first: readonly number[];
  readonly scores: readonly number[];
}
const golden: Record<'binary' | 'multiclass' | 'regression', Golden> & { readonly tree: readonly number[] } =
  JSON.parse(readFileSync(new URL('goldens/forest.json', import.meta.url), 'utf8'));

const ROWS = 400;
const COLUMNS = 12;

/** The rows of goldens/forest.py: Park and Miller's generator from state 1. */
function madeUpRows() {
  let state = 1;
  const draw = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const x = Float32Array.from({ length: 2 * ROWS * COLUMNS }, () => Math.floor(draw() * 10));
  const noise = Array.from({ length: 2 * ROWS }, draw);
  const total = noise.map((value, r) => {
    const [first, second, third] = x.subarray(r * COLUMNS);
    return first + (third > 4 ? second : 0) + 4 * value;
  });
  const matrix = (start: number): Matrix => ({
    rows: ROWS,
    columns: COLUMNS,
    values: x.slice(start * COLUMNS, (start + ROWS) * COLUMNS),
  });
  return {
    train: matrix(0),
    test: matrix(ROWS),
    answers: {
      binary: total.map((value) => Number(value > 9)),
      multiclass: total.map((value) => [4, 7, 10, 13].filter((edge) => value >= edge).length),
      regression: total.map((value) => 100 + value),
    },
  };
}
const { train, test, answers } = madeUpRows();

const OPTIONS = {
  binary: { classify: true, outputs: 2 },
  multiclass: { classify: true, outputs: 5 },
  regression: { classify: false, outputs: 1 },
} as const;
type Kind = keyof typeof OPTIONS;
const KINDS = Object.keys(OPTIONS) as Kind[];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Accuracy on the test rows, or Pearson correlation. */
function scoreOf(kind: Kind, { columns, values }: Predictions): number {
  const right = answers[kind].slice(ROWS);
  if (kind !== 'regression')
    return mean(
      right.map((answer, r) => {
        const row = Array.from(values.subarray(r * columns, (r + 1) * columns));
        return Number(row.indexOf(Math.max(...row)) === answer);
      }),
    );
  const centred = (numbers: readonly number[]) => numbers.map((value) => value - mean(numbers));
  const [a, b] = [centred(Array.from(values)), centred(right)];
  const dot = (u: readonly number[], v: readonly number[]) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const grow = (kind: Kind, options: Partial<ForestOptions> = {}) =>
  growForest(train, answers[kind].slice(0, ROWS), {
    ...OPTIONS[kind],
    trees: 100,
    featuresPerSplit: 4,
    seed: 1,
    ...options,
  });

describe('beside the random forest of scikit-learn', () => {
  it.each(KINDS)('the made-up %s rows are those of the golden', (kind) => {
    const first = answers[kind].slice(0, 5);
    expect(first.map((value) => value.toFixed(9))).toEqual(golden[kind].first.map((value) => value.toFixed(9)));
  });

  // The band is four standard errors of the difference of two means (5 seeds here, 10 there), from
  // the standard deviation over scikit-learn's seeds.
  it.each([
    ['binary', 0.015],
    ['multiclass', 0.035],
    ['regression', 0.005],
  ] as const)('the mean %s score of five seeds differs by at most %d', async (kind, band) => {
    const scores: number[] = [];
    for (const seed of [1, 2, 3, 4, 5]) scores.push(scoreOf(kind, (await grow(kind, { seed })).predict(test)));
    expect(Math.abs(mean(scores) - mean(golden[kind].scores))).toBeLessThan(band);
  });

  it('one regression tree on all rows and features predicts the same numbers', async () => {
    const tree = await grow('regression', { trees: 1, bootstrap: false, featuresPerSplit: COLUMNS, leastLeafRows: 20 });
    const predicted = tree.predict(test).values;
    golden.tree.forEach((value, r) => {
      expect(predicted[r]).toBeCloseTo(value, 6);
    });
  });
});

describe('beside ml-random-forest', () => {
  it.each(KINDS)('the %s score is at most .02 lower', async (kind) => {
    const reference = await growLibraryForest(train, answers[kind].slice(0, ROWS), {
      ...OPTIONS[kind],
      trees: 20,
      treesPerGroup: 10,
      featuresPerTree: 8,
      seed: 1,
      threads: 1,
      progress: () => {},
    });
    const forest = await grow(kind, { trees: 50 });
    expect(scoreOf(kind, forest.predict(test))).toBeGreaterThan(scoreOf(kind, reference.predict(test)) - 0.02);
  });
});

describe('a forest', () => {
  it('is the same for one seed, and another for another seed', async () => {
    const [one, again, other] = await Promise.all([1, 1, 2].map((seed) => grow('binary', { trees: 5, seed })));
    expect(again.predict(test).values).toEqual(one.predict(test).values);
    expect(other.predict(test).values).not.toEqual(one.predict(test).values);
  });

  it('of fewer trees begins with the same trees', async () => {
    const [two, one] = await Promise.all([2, 1].map((trees) => grow('regression', { trees })));
    const second = two.predict(test).values.map((value, r) => 2 * value - one.predict(test).values[r]);
    expect(second.every((value) => value > 99 && value < 130)).toBe(true);
  });

  it.each(KINDS)('of one leaf predicts the %s training mean', async (kind) => {
    const forest = await grow(kind, { trees: 3, bootstrap: false, leastLeafRows: ROWS });
    const target = answers[kind].slice(0, ROWS);
    const expected =
      kind === 'regression'
        ? [mean(target)]
        : Array.from({ length: OPTIONS[kind].outputs }, (_, k) => mean(target.map((value) => Number(value === k))));
    const { values } = forest.predict({ ...test, rows: 1 });
    expected.forEach((value, k) => {
      expect(values[k]).toBeCloseTo(value, 10);
    });
  });

  it('of one class gives it probability 1 without rounding error', async () => {
    const forest = await growForest(train, new Array(ROWS).fill(2), {
      classify: true,
      outputs: 4,
      trees: 100,
      featuresPerSplit: 4,
      seed: 1,
    });
    const { values } = forest.predict({ ...test, rows: 1 });
    expect(Array.from(values)).toEqual([0, 0, 1, 0]);
  });

  it('of constant features is one leaf', async () => {
    const constant = { ...train, values: new Float32Array(ROWS * COLUMNS).fill(3) };
    const forest = await growForest(constant, answers.binary.slice(0, ROWS), {
      ...OPTIONS.binary,
      trees: 2,
      featuresPerSplit: 4,
      bootstrap: false,
      seed: 1,
    });
    expect(forest.predict({ ...test, rows: 1 }).values[1]).toBeCloseTo(mean(answers.binary.slice(0, ROWS)), 12);
  });

  it('splits more than 256 distinct values of a feature', async () => {
    const values = Float32Array.from({ length: 2000 }, (_, r) => (r * 0.61803) % 1);
    const steps = Array.from(values, (value) => Number(value > 0.5));
    const features = { rows: 2000, columns: 1, values };
    const forest = await growForest(features, steps, { ...OPTIONS.binary, trees: 5, featuresPerSplit: 1, seed: 1 });
    const predicted = forest.predict(features).values;
    const wrong = steps.filter((step, r) => Number(predicted[2 * r + 1] > 0.5) !== step);
    expect(wrong.length).toBeLessThanOrEqual(8); // rows of one bin
  });
});

describe('refused', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('a feature of %d, with its row and column', async (bad) => {
    const values = train.values.slice();
    values[3 * COLUMNS + 5] = bad;
    const grown = growForest({ ...train, values }, answers.binary.slice(0, ROWS), {
      ...OPTIONS.binary,
      trees: 1,
      featuresPerSplit: 4,
      seed: 1,
    });
    await expect(grown).rejects.toThrow('row 3 of feature 5');
    const forest = await grow('binary', { trees: 1 });
    expect(() => forest.predict({ ...train, values })).toThrow('row 3 of feature 5');
  });

  it.each([
    ['regression', Number.NaN, 'row 7'],
    ['multiclass', Number.NaN, 'row 7'],
    ['multiclass', 5, 'row 7'],
    ['multiclass', 0.5, 'row 7'],
  ] as const)('a %s answer of %d', async (kind, bad, message) => {
    const target = answers[kind].slice(0, ROWS);
    target[7] = bad;
    const grown = growForest(train, target, { ...OPTIONS[kind], trees: 1, featuresPerSplit: 4, seed: 1 });
    await expect(grown).rejects.toThrow(message);
  });

  it('answers of another number of rows, and features of another number of columns', async () => {
    await expect(
      growForest(train, [0, 1], { ...OPTIONS.binary, trees: 1, featuresPerSplit: 4, seed: 1 }),
    ).rejects.toThrow('400 rows of features and 2 answers');
    const forest = await grow('binary', { trees: 1 });
    expect(() => forest.predict({ rows: 1, columns: 3, values: new Float32Array(3) })).toThrow('12 features, not 3');
  });
});
