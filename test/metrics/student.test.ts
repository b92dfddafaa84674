/** Student's t against SciPy (`scipy.stats.t.ppf`, `.cdf`). */
import { describe, expect, it } from 'vitest';
import { studentProbability, studentQuantile } from '../../src/metrics/student.ts';

describe("Student's t", () => {
  it.each([
    [0.975, 1, 12.706204736174694],
    [0.975, 2, 4.302652729749462],
    [0.975, 4, 2.7764451051977934],
    [0.975, 2.5, 3.5746548420036817],
    [0.9, 37.2, 1.304726812669238],
    [0.05, 3, -2.353363434801824],
    [0.975, 1e4, 1.960201239890626],
    [0.5, 2, 0],
    [0.999, 7, 4.785289628638333],
  ])('has the quantile %f of %f degrees of freedom of SciPy', (p, degrees, expected) => {
    expect(studentQuantile(p, degrees)).toBeCloseTo(expected, 9);
  });

  it.each([
    [1.3, 4, 0.868274201764388],
    [-2, 2.2, 0.08589393450164283],
    [0.01, 9, 0.5038802772318374],
  ])('has the probability below %f, %f degrees of freedom, of SciPy', (t, degrees, expected) => {
    expect(studentProbability(t, degrees)).toBeCloseTo(expected, 12);
  });

  it('refuses what has no quantile', () => {
    expect(() => studentQuantile(1, 3)).toThrow(/0 < p < 1/);
    expect(() => studentQuantile(0.9, 0)).toThrow(/degrees of freedom/);
  });
});
