import { describe, expect, it } from 'vitest';
import { principalComponents, project } from '../../src/algebra/pca.ts';
import { createRandom } from '../../src/core/random.ts';
import { matrix } from '../probes/support.ts';
import goldens from './goldens/pca.json' with { type: 'json' };

const threads = 1;

/** Largest difference, as a share of the largest magnitude expected. */
function error(actual: ArrayLike<number>, expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(actual[i] - value))) / scale;
}

describe.each(goldens)("principal components equal scikit-learn's, signs too: $name", (golden) => {
  const { rows, columns, components, points, weights, variances, total, scores } = golden;
  const features = { rows, columns, values: Float64Array.from(points, (value) => value / 1000) };

  it('components and variances', async () => {
    const found = await principalComponents(features, components, { threads });
    expect(error(found.components.values, weights)).toBeLessThan(1e-6);
    for (const [i, variance] of variances.entries()) expect(found.variances[i] / variance).toBeCloseTo(1, 8);
    expect(found.totalVariance / total).toBeCloseTo(1, 9);
  });

  it('scores', async () => {
    const found = await principalComponents(features, components, { threads });
    const projected = await project(features, found, { threads });
    expect([projected.rows, projected.columns]).toEqual([rows, components]);
    for (let c = 0; c < components; c++) {
      const column = (values: ArrayLike<number>) => Array.from({ length: rows }, (_, r) => values[r * components + c]);
      expect(error(column(projected.values), column(scores)), `component ${c}`).toBeLessThan(1e-6);
    }
  });
});

describe('principal components', () => {
  it('of many columns are orthonormal, with the variances of their scores', async () => {
    const random = createRandom(2);
    const [rows, columns, components] = [400, 300, 20];
    const values = Float32Array.from(
      { length: rows * columns },
      (_, i) => random.normal() * ((i % columns) + 1) ** -0.7,
    );
    const found = await principalComponents({ rows, columns, values }, components, { threads });
    const projected = await project({ rows, columns, values }, found, { threads });
    for (let a = 0; a < components; a++) {
      for (let b = 0; b <= a; b++) {
        let product = 0;
        let covariance = 0;
        for (let c = 0; c < columns; c++) {
          product += found.components.values[a * columns + c] * found.components.values[b * columns + c];
        }
        for (let r = 0; r < rows; r++) {
          covariance += projected.values[r * components + a] * projected.values[r * components + b];
        }
        expect(product).toBeCloseTo(a === b ? 1 : 0, 9);
        expect(covariance / (rows - 1)).toBeCloseTo(a === b ? found.variances[a] : 0, 9);
      }
    }
  });

  it('without variance are zeros, and so are their scores', async () => {
    for (const [rows, columns] of [
      [4, 3],
      [3, 4],
    ]) {
      const line = matrix(
        rows,
        columns,
        Array.from({ length: rows * columns }, (_, i) => Math.floor(i / columns)),
      );
      const found = await principalComponents(line, 3, { threads });
      const { values } = await project(line, found, { threads });
      for (let r = 0; r < rows; r++) {
        expect(values[3 * r]).toBeCloseTo((r - (rows - 1) / 2) * Math.sqrt(columns), 9);
        expect([values[3 * r + 1], values[3 * r + 2]].map(Math.abs)).toEqual([0, 0]);
      }
    }
    const constant = await principalComponents(matrix(3, 2, [1, 2, 1, 2, 1, 2]), 2, { threads });
    expect([...constant.variances]).toEqual([0, 0]);
  });

  it('are refused where there are none', async () => {
    const features = matrix(
      3,
      5,
      Array.from({ length: 15 }, (_, i) => (i * i) % 7),
    );
    await expect(principalComponents(features, 4, { threads })).rejects.toThrow('from 1 to 3 are possible');
    await expect(principalComponents(matrix(1, 2, [1, 2]), 1, { threads })).rejects.toThrow('at least two rows');
    await expect(principalComponents(matrix(2, 1, [1, Number.NaN]), 1, { threads })).rejects.toThrow('is NaN');
    const found = await principalComponents(features, 2, { threads });
    await expect(project(matrix(1, 4, [1, 2, 3, 4]), found, { threads })).rejects.toThrow('4 columns, but');
  });
});
