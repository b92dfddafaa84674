import { describe, expect, it } from 'vitest';
import { type Evaluation, minimise } from '../../../src/probes/linear/lbfgs.ts';

const rosenbrock = async (x: Float64Array): Promise<Evaluation> => {
  let value = 0;
  const gradient = new Float64Array(x.length);
  for (let i = 0; i + 1 < x.length; i++) {
    const a = 1 - x[i];
    const b = x[i + 1] - x[i] ** 2;
    value += a * a + 100 * b * b;
    gradient[i] += -2 * a - 400 * x[i] * b;
    gradient[i + 1] += 200 * b;
  }
  return { value, gradient };
};

/** 0.5 sum_i h_i (x_i - 1)^2 + 1, curvatures from 1 to 1e3. */
const curvatures = Float64Array.from({ length: 50 }, (_, i) => 10 ** ((3 * i) / 49));
const quadratic = (preconditioned: boolean, round = (x: number) => x) => {
  return async (x: Float64Array): Promise<Evaluation> => {
    const gradient = x.map((xi, i) => round(curvatures[i] * (xi - 1)));
    const value = round(1 + x.reduce((sum, xi, i) => sum + 0.5 * curvatures[i] * (xi - 1) ** 2, 0));
    return { value, gradient, preconditioned: preconditioned ? gradient.map((g, i) => g / curvatures[i]) : undefined };
  };
};

describe('minimise (L-BFGS)', () => {
  it('finds the minimum of the extended Rosenbrock function', async () => {
    const result = await minimise(
      rosenbrock,
      Float64Array.from({ length: 10 }, (_, i) => (i % 2 ? 1 : -1.2)),
      {
        tolerance: 1e-12,
        valueNoise: 0,
      },
    );
    for (const x of result.point) expect(x).toBeCloseTo(1, 5);
    expect(result.evaluations).toBeLessThan(250);
  });

  it('solves a preconditioned quadratic in one iteration whatever its conditioning', async () => {
    const plain = await minimise(quadratic(false), new Float64Array(50), { tolerance: 1e-12 });
    const preconditioned = await minimise(quadratic(true), new Float64Array(50), { tolerance: 1e-12 });
    expect(plain.value).toBeCloseTo(1, 8);
    expect(preconditioned.value).toBeCloseTo(1, 12);
    expect(preconditioned.iterations).toBe(1);
    expect(plain.iterations).toBeGreaterThan(20);
  });

  it('comes to rest under float32 noise instead of wandering', async () => {
    const result = await minimise(quadratic(false, Math.fround), new Float64Array(50), { tolerance: 0 });
    expect(result.value).toBeCloseTo(1, 6);
    expect(result.iterations).toBeLessThan(1000);
  });

  it('backs off from steps where the objective overflows', async () => {
    const barrier = async ([x]: Float64Array): Promise<Evaluation> => ({
      value: x > 0 ? x - Math.log(x) : Number.POSITIVE_INFINITY,
      gradient: Float64Array.of(x > 0 ? 1 - 1 / x : Number.NaN),
    });
    for (const start of [1e-3, 40]) {
      const { point } = await minimise(barrier, Float64Array.of(start), { tolerance: 1e-12 });
      expect(point[0]).toBeCloseTo(1, 4);
    }
  });

  it('stays where it is at a minimum, stops at the limit, and refuses a start that is not finite', async () => {
    const atMinimum = await minimise(quadratic(false), new Float64Array(50).fill(1));
    expect([atMinimum.iterations, atMinimum.stopped]).toEqual([0, 'converged']);
    const limited = await minimise(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 3 });
    expect([limited.iterations, limited.stopped]).toEqual([3, 'iterations']);
    const nowhere = async () => ({ value: Number.NaN, gradient: new Float64Array(1) });
    await expect(minimise(nowhere, new Float64Array(1))).rejects.toThrow('The objective is NaN');
  });
});
