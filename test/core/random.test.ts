import { describe, expect, it } from 'vitest';
import { createRandom, xoshiro128 } from '../../src/core/random.ts';
import golden from '../sequences/goldens/encodings.json' with { type: 'json' };

describe('createRandom', () => {
  it('is xoshiro128**, word for word', () => {
    const bits = xoshiro128(Uint32Array.from(golden.xoshiro128.state));
    expect(golden.xoshiro128.words.map(() => bits())).toEqual(golden.xoshiro128.words);
  });

  it('repeats with the seed and differs between seeds', () => {
    const draws = (seed: number | string) => {
      const random = createRandom(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draws(1)).toEqual(draws(1));
    expect(draws(1)).toEqual(draws('1'));
    expect(draws(1)).not.toEqual(draws(2));
  });

  it('is uniform and normal in its first moments', () => {
    const random = createRandom('moments');
    const n = 40000;
    const mean = (draw: () => number) => Array.from({ length: n }, draw).reduce((sum, value) => sum + value, 0) / n;
    expect(Math.abs(mean(() => random.next()) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(mean(() => random.integer(7)) - 3)).toBeLessThan(0.05);
    expect(Math.abs(mean(() => random.normal()))).toBeLessThan(0.02);
    expect(Math.abs(mean(() => random.normal() ** 2) - 1)).toBeLessThan(0.04);
  });

  it('shuffles in place, keeping every element', () => {
    const array = Array.from({ length: 100 }, (_, i) => i);
    const shuffled = createRandom(0).shuffle(array);
    expect(shuffled).toBe(array);
    expect(shuffled).not.toEqual([...shuffled].sort((a, b) => a - b));
    expect([...shuffled].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('refuses seeds and bounds that mean nothing', () => {
    expect(() => createRandom(Number.NaN)).toThrow(/seed NaN/);
    expect(() => createRandom(0).integer(0)).toThrow(/below 0/);
  });
});
