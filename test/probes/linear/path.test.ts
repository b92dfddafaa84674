import { describe, expect, it } from 'vitest';
import { choosePath } from '../../../src/probes/linear/path.ts';
import { accuracy, context } from '../support.ts';

const choose = (scores: readonly number[], patience = 2) =>
  choosePath({
    settings: scores.map((_, i) => i),
    patience,
    context: context('binary', 2, accuracy),
    describe: (setting) => `setting ${setting}`,
    evaluate: async (setting) => ({ score: scores[setting], fitted: `fit ${setting}`, record: { setting } }),
  });

describe('choosing along a path', () => {
  it('keeps the first of the best', async () => {
    expect(await choose([0.1, 0.5, 0.5, 0.3])).toMatchObject({
      setting: 1,
      score: 0.5,
      fitted: 'fit 1',
      stoppedEarly: false,
    });
  });

  it('ends after `patience` scores below the best, but walks on over a plateau', async () => {
    expect(await choose([0.5, 0.4, 0.3, 0.9])).toMatchObject({ setting: 0, stoppedEarly: true });
    expect(await choose([0, 0, 0, 0, 0.9])).toMatchObject({ setting: 4, stoppedEarly: false });
  });

  it('passes over undefined scores, stores them as null, and refuses when there are no others', async () => {
    const chosen = await choose([Number.NaN, 0.2, Number.NaN]);
    expect(chosen).toMatchObject({ setting: 1, path: [{ validationScore: null }, { validationScore: 0.2 }, {}] });
    await expect(choose([Number.NaN, Number.NaN])).rejects.toThrow(
      'undefined on the validation rows for all of setting 0',
    );
  });
});
