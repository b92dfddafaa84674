import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { geometry, neighbourOverlap, rowDistance } from '../../../src/diagnostics/geometry/geometry.ts';
import { linearCka } from '../../../src/diagnostics/geometry/kernel-alignment.ts';
import { golden } from '../predictions/predictions-golden.ts';

const matrix = (rows: number[][]) => ({
  rows: rows.length,
  columns: rows[0].length,
  values: Float64Array.from(rows.flat()),
});

describe.each(golden.geometry.map((cloud) => ({ ...cloud, shape: [cloud.rows.length, cloud.rows[0].length] })))(
  "geometry of a cloud of $shape is the paper's code's",
  (cloud) => {
    const found = geometry(matrix(cloud.rows));

    it('effective rank, but for 1e-9 in a logarithm', () => {
      expect(found.effectiveRank / cloud.effectiveRank).toBeCloseTo(1, 6);
    });

    it.each([
      'participationRatio',
      'uniformity',
      'anisotropy',
      'meanCosine',
      'meanDistance',
      'distanceStandardDeviation',
    ] as const)('%s', (measure) => {
      expect(found[measure]).toBeCloseTo(cloud[measure], 9);
    });
  },
);

describe('two embeddings of the same rows', () => {
  const [tall, other] = [matrix(golden.geometry[0].rows), matrix(golden.pair.rows)];

  it("agree as the paper's code has it", () => {
    expect(neighbourOverlap(tall, other)).toBeCloseTo(golden.pair.neighbourOverlap, 12);
    expect(rowDistance(tall, other)).toBeCloseTo(golden.pair.rowDistance, 12);
    expect(linearCka(tall, other)).toBeCloseTo(golden.pair.linearCka, 9);
  });

  it('that are the same share all neighbours; blocks of rows make no difference', () => {
    const random = createRandom(1);
    const rows = { rows: 150, columns: 3, values: Float64Array.from({ length: 450 }, () => random.normal()) };
    expect(neighbourOverlap(rows, rows, 7)).toBe(1);
    expect(neighbourOverlap(rows, { ...rows, values: rows.values.map((value) => -2 * value) }, 7)).toBe(1);
    expect(geometry(rows).meanCosine).toBeCloseTo(0, 1);
  });

  it('are refused where they differ in rows or there are too few', () => {
    expect(() => neighbourOverlap(tall, matrix(golden.geometry[1].rows))).toThrow(/33 and 12 rows/);
    expect(() => neighbourOverlap(tall, other, 33)).toThrow(/k = 33 of 33 rows/);
    expect(() => geometry(matrix([[1], [2]]))).toThrow(/at least 3/);
  });
});

it('points on a line have effective rank and participation ratio 1', () => {
  const line = matrix(Array.from({ length: 9 }, (_, i) => [i, 2 * i, 1 - i]));
  const { effectiveRank, participationRatio } = geometry(line);
  expect(effectiveRank).toBeCloseTo(1, 9);
  expect(participationRatio).toBeCloseTo(1, 12);
});
