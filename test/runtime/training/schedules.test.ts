/** Learning rates against PyTorch's OneCycleLR and ReduceLROnPlateau and transformers' cosine schedule (test/onnx/goldens/optimisers.py). */
import { describe, expect, it } from 'vitest';
import { Plateau, rateAt, type Schedule } from '../../../src/runtime/training/schedules.ts';
import { readGolden } from '../../onnx/helpers.ts';

interface Case {
  readonly name: string;
  readonly schedule?: 'cosineWithWarmUp' | 'oneCycle' | 'reduceOnPlateau';
  readonly settings: Readonly<Record<string, number>> & { readonly metrics: readonly number[]; readonly mode: string };
  readonly learningRates: readonly number[];
}

const cases = readGolden<Case[]>('optimisers.golden.json');
const of = (schedule: Case['schedule']) =>
  cases.filter((item) => item.schedule === schedule).map((item) => [item.name, item] as const);

/** The goldens have nine digits. */
function expectRates(rates: readonly number[], expected: readonly number[]) {
  expect(rates).toHaveLength(expected.length);
  rates.forEach((rate, step) => {
    expect(Math.abs(rate - expected[step]), `step ${step}`).toBeLessThanOrEqual(2e-9 * Math.max(...expected));
  });
}
const ratesOf = (schedule: Schedule, base: number, total: number) =>
  Array.from({ length: total }, (_, step) => rateAt(schedule, base, step, total));

describe('a schedule gives the rates of its source', () => {
  it.each(of('cosineWithWarmUp'))('%s', (_name, { settings, learningRates }) => {
    const { learningRate, warmUpSteps, totalSteps } = settings;
    const schedule = { kind: 'cosine', warmUp: warmUpSteps / totalSteps } as const;
    expectRates(ratesOf(schedule, learningRate, totalSteps), learningRates);
  });

  it.each(of('oneCycle'))('%s', (_name, { settings, learningRates }) => {
    const { maximum, totalSteps, startFraction, initialDivisor, finalDivisor } = settings;
    const schedule = {
      kind: 'oneCycle',
      warmUp: startFraction,
      divide: initialDivisor,
      finalDivide: finalDivisor,
    } as const;
    expectRates(ratesOf(schedule, maximum, totalSteps), learningRates);
  });

  it.each(of('reduceOnPlateau'))('%s', (_name, { settings, learningRates }) => {
    const { learningRate, factor, patience, minimum, metrics, mode } = settings;
    const plateau = new Plateau({ kind: 'plateau', factor, patience, minimum }, learningRate);
    const rates = metrics.map((metric) => plateau.observe(mode === 'min' ? -metric : metric));
    expectRates([learningRate, ...rates], learningRates);
  });

  it('was compared at all', () => {
    expect([of('cosineWithWarmUp'), of('oneCycle'), of('reduceOnPlateau')].map((list) => list.length)).toEqual([
      3, 3, 4,
    ]);
  });
});

describe('a schedule', () => {
  it.each([
    [{ kind: 'constant', warmUp: 0.5 }],
    [{ kind: 'cosine', warmUp: 0.5 }],
    [{ kind: 'oneCycle' }],
    [{ kind: 'oneCycle', warmUp: 0.5 }],
    [{ kind: 'oneCycle', warmUp: 0 }],
    [{ kind: 'oneCycle', warmUp: 1 }],
  ] as const)('%o has a finite rate from 0 to the base rate at every step, however few there are', (schedule) => {
    for (const total of [1, 2, 3, 10])
      for (const rate of ratesOf(schedule, 0.1, total)) {
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(0.1 + 1e-12);
      }
  });

  it('may warm up to a constant', () => {
    expect(ratesOf({ kind: 'constant', warmUp: 0.4 }, 1, 5)).toEqual([0, 0.5, 1, 1, 1]);
    expect(ratesOf({ kind: 'constant' }, 1, 3)).toEqual([1, 1, 1]);
  });

  it('that follows a plateau goes on from its state', () => {
    const schedule = { kind: 'plateau', factor: 0.5, patience: 1, minimum: 0.001 } as const;
    const scores = [-3, -2, -2, -2, -2, -2, -1, -1, -1, -1];
    const whole = new Plateau(schedule, 0.1);
    const rates = scores.map((score) => whole.observe(score));
    for (let cut = 0; cut < scores.length; cut++) {
      const before = new Plateau(schedule, 0.1);
      for (const score of scores.slice(0, cut)) before.observe(score);
      const after = new Plateau(schedule, 0.1);
      after.restore(before.state());
      expect(scores.slice(cut).map((score) => after.observe(score))).toEqual(rates.slice(cut));
    }
    expect(new Set(rates).size).toBeGreaterThan(2);
  });
});
