import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  digamma,
  priorDegrees,
  type SeedSample,
  seedMoments,
  seedVariances,
  trigamma,
  trigammaInverse,
} from '../../src/metrics/seed-variance.ts';
import { studentQuantile } from '../../src/metrics/student.ts';

const golden = JSON.parse(readFileSync(new URL('./goldens/seed-variance.golden.json', import.meta.url), 'utf8')) as {
  digamma: [number, number][];
  trigamma: [number, number][];
  trigammaInverse: [number, number][];
  prior: { ratios: number[]; degrees: number[]; prior: number | null }[];
  student: [number, number, number][];
};

/** Deviations of `seeds` seeds: a shared part and a part of each seed's own. */
function deviations(seeds: number, shared: number, own: number): Float64Array[] {
  return Array.from({ length: seeds }, (_, s) => {
    const values = new Float64Array(1 + seeds);
    values[0] = Math.sqrt(shared);
    values[1 + s] = Math.sqrt(own);
    return values;
  });
}

const sample = (scores: number[], shared = 1, own = 0.5, rest: Partial<SeedSample> = {}): SeedSample => ({
  kind: 'cnn',
  stochastic: true,
  rows: 100,
  scores,
  deviations: deviations(scores.length, shared, own),
  ...rest,
});

describe('special functions', () => {
  it.each(['digamma', 'trigamma', 'trigammaInverse'] as const)('%s equals SciPy', (name) => {
    const own = { digamma, trigamma, trigammaInverse }[name];
    for (const [x, y] of golden[name]) expect(Math.abs(own(x) / y - 1)).toBeLessThan(1e-10);
  });

  it('quantiles of Student t equal SciPy far into the tail', () => {
    for (const [p, df, t] of golden.student) expect(Math.abs(studentQuantile(p, df) / t - 1)).toBeLessThan(1e-6);
  });
});

describe('the variance over seeds', () => {
  it('separates what seeds do not share over rows: s2 = sigma2 + interaction', () => {
    const { s2, interaction, ofRows } = seedMoments(sample([1, 3]));
    expect(s2).toBe(2);
    expect(interaction).toBeCloseTo(0.5, 12);
    expect(ofRows).toBeCloseTo(1.5, 12);
  });

  it('has the prior degrees of freedom of Smyth 2004', () => {
    for (const { ratios, degrees, prior } of golden.prior) {
      const own = priorDegrees(ratios, degrees);
      if (prior === null) expect(own).toBe(Number.POSITIVE_INFINITY);
      else expect(own).toBeCloseTo(prior, 6);
    }
  });

  it('pools contenders of one kind, and never has more degrees of freedom than the pool', () => {
    const found = seedVariances([sample([0, 2]), sample([0, 4])]);
    // s2 of the two are 2 and 8, pooled 5 with 6 degrees of freedom; 0.5 is interaction with rows
    expect(found[0]!.sigma2).toBeCloseTo((6 * 5 + 2) / 7 - 0.5, 9);
    expect(found[1]!.sigma2).toBeCloseTo((6 * 5 + 8) / 7 - 0.5, 9);
    expect(found[0]!.degrees).toBe(2);
  });

  it('pools a kind alone when it has enough seeds, and with the other kinds when it has few', () => {
    const cnns = Array.from({ length: 8 }, () => sample([0, 2]));
    const probe = sample([0, 2.4], 1, 0.5, { kind: 'probe' });
    const found = seedVariances([...cnns, probe]);
    expect(found[0]!.sigma2).toBeCloseTo(1.5, 9);
    expect(found[0]!.degrees).toBe(7); // the prior counts as 6
    expect(found[8]!.degrees).toBe(7);
    expect(found[8]!.sigma2).toBeCloseTo((6 * ((8 * 2 + 2.88) / 9) + 2.88) / 7 - 0.5, 9);
  });

  it('of a contender with one seed is that of its kind, or unknown', () => {
    const [one] = seedVariances([sample([1]), sample([0, 2]), sample([0, 2])]);
    expect(one!.sigma2).toBeCloseTo(1.5, 9);
    expect(one!.degrees).toBe(2);
    expect(seedVariances([sample([1]), sample([0, 2])])[0]).toBeUndefined();
    expect(seedVariances([sample([1])])[0]).toBeUndefined();
  });

  it('of a deterministic contender is 0', () => {
    const [one] = seedVariances([sample([1], 1, 0.5, { stochastic: false })]);
    expect(one).toEqual({ sigma2: 0, interaction: 0, degrees: Number.POSITIVE_INFINITY });
  });
});
