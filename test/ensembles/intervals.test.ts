/** Intervals over members and windows, against closed forms. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { overMembers, overPairs, overSubsets, overWindows, type WindowSums } from '../../src/ensembles/intervals.ts';

describe('over members', () => {
  it('is the t interval of a mean', () => {
    const { mean, standardDeviation, members } = overMembers([1, 2, 6]);
    expect(mean).toBe(3);
    expect(standardDeviation).toBeCloseTo(Math.sqrt(14 / 3), 12);
    const standardError = Math.sqrt(7 / 3); // sample variance 7
    expect(members?.standardError).toBeCloseTo(standardError, 12);
    expect(members?.high).toBeCloseTo(3 + 4.302652729749462 * standardError, 8);
    expect(members?.low).toBeCloseTo(3 - 4.302652729749462 * standardError, 8);
  });

  it('has no interval for one member', () => {
    expect(overMembers([4]).members).toBeUndefined();
  });
});

describe('over pairs', () => {
  it('leaves out a member with all its pairs', () => {
    const { mean, members } = overPairs([
      { first: 0, second: 1, value: 1 },
      { first: 0, second: 2, value: 2 },
      { first: 1, second: 2, value: 6 },
    ]);
    expect(mean).toBe(3);
    // What is left of three members is one pair: 6, 2, 1; 2/3 of the sum of squares about 3.
    expect(members?.standardError).toBeCloseTo(Math.sqrt((2 / 3) * 14), 12);
  });

  it('is that of members where pairs are sums of what their members have', () => {
    const own = [3, 1, 4, 1.5, 9];
    const pairs = own.flatMap((a, first) =>
      own.slice(first + 1).map((b, i) => ({ first, second: first + 1 + i, value: (a + b) / 2 })),
    );
    const [paired, single] = [overPairs(pairs), overMembers(own)];
    expect(paired.mean).toBeCloseTo(single.mean, 12);
    expect(paired.members?.standardError).toBeCloseTo(single.members?.standardError as number, 12);
  });

  it('has no interval for two members, whose only pair shares both', () => {
    expect(overPairs([{ first: 0, second: 1, value: 1 }]).members).toBeUndefined();
  });
});

describe('of subsets', () => {
  it('is about the whole, as wide as the subsets say', () => {
    const { mean, members } = overSubsets(5, [4, 4.5, 5]);
    expect(mean).toBe(5);
    expect(members?.standardError).toBeCloseTo(Math.sqrt((2 / 3) * 0.5), 12);
  });
});

describe('over windows', () => {
  const random = createRandom('sums');
  const windows = Array.from({ length: 400 }, (): WindowSums<'a' | 'none'> => {
    const value = random.normal();
    return { sums: { a: 10 * value, none: 0 }, counts: { a: 10, none: 0 } };
  });

  it('has the standard error of a mean, and no interval for what was counted nowhere', () => {
    const { a, none } = overWindows(windows, ['a', 'none'], 1);
    expect(a?.standardError).toBeGreaterThan(0.9 / 20);
    expect(a?.standardError).toBeLessThan(1.1 / 20);
    expect((a?.high as number) - (a?.low as number)).toBeGreaterThan(3.5 * (a?.standardError as number));
    expect(none).toBeUndefined();
  });

  it('weighs windows by their positions', () => {
    const [one, two] = [1, 2].map((i): WindowSums<'a'> => ({ sums: { a: 3 * i }, counts: { a: i } }));
    const { a } = overWindows([one, two], ['a'], 1);
    expect([a?.low, a?.high]).toEqual([3, 3]);
  });

  it('depends on the seed alone', () => {
    expect(overWindows(windows, ['a'], 1)).toEqual(overWindows(windows, ['a'], 1));
    expect(overWindows(windows, ['a'], 1)).not.toEqual(overWindows(windows, ['a'], 2));
  });
});
