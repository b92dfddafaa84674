import { describe, expect, it } from 'vitest';
import { barcodeCnn, chipCnn, genomicBenchmarksCnn, repCnn, resNet } from '../../baselines/networks/architectures.ts';
import { fitNetwork } from '../../baselines/networks/fit.ts';
import { canonicalStrands, copyRow, encodeLetters } from '../../baselines/networks/letters.ts';
import { effortOf, RECIPE, type Recipe } from '../../baselines/networks/recipe.ts';
import { reverseComplement, type TaskKind } from '../../src/index.ts';
import { contextOf, isSound, motifTask, score } from './support.ts';

const KINDS: TaskKind[] = ['binary', 'multiclass', 'multilabel', 'regression'];
const quick: Recipe = { ...RECIPE, translations: [0], batchSize: 32, rowsShown: 100, epochs: { least: 2, most: 2 } };
const small = {
  chip: chipCnn([4, 4, 4], 8),
  resNet: resNet([4, 4], [4, 4]),
  barcode: barcodeCnn([3, 3, 3], 8),
  genomicBenchmarks: genomicBenchmarksCnn([4, 4, 4], 4, 8),
  mpra: repCnn(4, [4, 4], [8, 8]),
};

describe('a one-hot CNN', () => {
  it('learns a motif from 300 rows, and keeps the candidate and the epoch of the best validation score', async () => {
    const task = motifTask('binary', { train: 300, valid: 100, test: 200 });
    const recipe: Recipe = { ...RECIPE, batchSize: 32, rowsShown: 300 * 25, translations: [0, 4] };
    const narrow = chipCnn([24, 24, 24], 32);
    const fitted = await fitNetwork('chip', narrow, recipe, task, contextOf(task));
    expect(score(task, task.test.targets, await fitted.predict(task.test.sequences))).toBeGreaterThan(0.9);
    const { details, validationScore } = fitted;
    expect(details).toMatchObject({ learningRate: 0.01, length: 60, epochs: 25, cutByBudget: false });
    const { candidates, history, bestEpoch } = details as {
      candidates: { validScore: number }[];
      history: { epoch: number; validScore: number }[];
      bestEpoch: number;
    };
    expect(Math.max(...candidates.map(({ validScore }) => validScore))).toBe(validationScore);
    expect(history[bestEpoch - 1].validScore).toBe(validationScore);
    await fitted.dispose?.();
  });

  it.each(Object.entries(small).flatMap(([name, architecture]) => KINDS.map((kind) => ({ name, kind, architecture }))))(
    '$name fits a $kind task, sequences longer and shorter than any seen in training included',
    async ({ architecture, kind }) => {
      const task = motifTask(kind, { train: 50, valid: 20, test: 0 }, 30);
      const fitted = await fitNetwork('small', architecture, quick, task, contextOf(task));
      const sequences = ['A', 'ACGTN'.repeat(20), 'NNNN', ...task.valid.sequences];
      expect(isSound(task, await fitted.predict(sequences), sequences.length)).toBe(true);
      await fitted.dispose?.();
    },
  );

  it('is the same for the same seed, and another for another', async () => {
    const task = motifTask('binary', { train: 50, valid: 20, test: 0 }, 30);
    const recipe: Recipe = { ...quick, reverseComplement: 'augment', translations: [3] };
    const predictions = [];
    for (const seed of [1, 1, 2]) {
      const fitted = await fitNetwork('chip', small.chip, recipe, task, contextOf(task, seed));
      predictions.push((await fitted.predict(task.valid.sequences)).values);
      await fitted.dispose?.();
    }
    expect(predictions[1]).toEqual(predictions[0]);
    expect(predictions[2]).not.toEqual(predictions[0]);
  });

  it('un-standardises the numbers that it predicts', async () => {
    const task = motifTask('regression', { train: 100, valid: 40, test: 0 });
    const fitted = await fitNetwork('chip', small.chip, quick, task, contextOf(task));
    const { values } = await fitted.predict(task.valid.sequences);
    const mean = Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeGreaterThan(80); // targets lie around 105
    await fitted.dispose?.();
  });
});

describe('averaging over strands', () => {
  it.each([30, 33])(
    'gives a sequence and its reverse complement the same bits, longer than the network or not',
    async (longestTest) => {
      const task = motifTask('binary', { train: 60, valid: 20, test: 0 }, 30);
      const recipe: Recipe = { ...quick, reverseComplement: 'average' };
      const fitted = await fitNetwork('chip', small.chip, recipe, task, contextOf(task));
      const sequences = motifTask('binary', { train: 50, valid: 0, test: 0 }, longestTest).train.sequences;
      const mates = sequences.map(reverseComplement);
      const [forward, backward] = [await fitted.predict(sequences), await fitted.predict(mates)];
      expect(backward.values).toEqual(forward.values);
      const alternating = await fitted.predict(sequences.flatMap((sequence, i) => [sequence, mates[i]]));
      for (let i = 0; i < sequences.length; i++) expect(alternating.values[4 * i]).toBe(alternating.values[4 * i + 2]);
      await fitted.dispose?.();
    },
  );

  it('starts from the same strand for both', () => {
    expect(canonicalStrands(['TTG', 'CAA', 'ACGT'])).toEqual(['CAA', 'CAA', 'ACGT']);
  });
});

describe('letters', () => {
  const placed = (sequence: string, length: number, placement: { reverse: boolean; shift: number }) => {
    const target = new Uint8Array(length);
    copyRow(encodeLetters([sequence], length), 0, placement, target, 0);
    return [...target].map((code) => 'ACGT-'[code]).join('');
  };

  it('are left-aligned, and lose as many at either end when too long', () => {
    expect(placed('ACG', 5, { reverse: false, shift: 0 })).toBe('ACG--');
    expect(placed('AACGTT', 4, { reverse: false, shift: 0 })).toBe('ACGT');
  });

  it('are reverse-complemented within their own length', () => {
    expect(placed('AACG', 6, { reverse: true, shift: 0 })).toBe(`${reverseComplement('AACG')}--`);
    expect(placed('ANG', 3, { reverse: true, shift: 0 })).toBe('C-T');
  });

  it('are shifted into the padding, and over the ends', () => {
    expect(placed('ACG', 5, { reverse: false, shift: 1 })).toBe('-ACG-');
    expect(placed('ACG', 3, { reverse: false, shift: -1 })).toBe('CG-');
    expect(placed('AACG', 4, { reverse: true, shift: 2 })).toBe('--CG');
  });
});

describe('the effort of a fit', () => {
  const recipe: Recipe = {
    ...RECIPE,
    translations: [0, 6],
    batchSize: 100,
    rowsShown: 10_000,
    epochs: { least: 2, most: 20 },
  };
  const unlimited: Recipe = { ...recipe, budget: Number.POSITIVE_INFINITY };

  it('is many epochs of small sets and few of large ones', () => {
    expect(effortOf(unlimited, 200, 1, 1)).toMatchObject({ epochs: 20, steps: 40 });
    expect(effortOf(unlimited, 1000, 1, 1)).toMatchObject({ epochs: 10, steps: 100 });
    expect(effortOf(unlimited, 50_000, 1, 1)).toMatchObject({ epochs: 2, steps: 1000 });
  });

  it('is cut where the candidates together would exceed the budget', () => {
    // 3 passes x 2 candidates x 100 rows x 1000 multiplications a step
    expect(effortOf({ ...recipe, budget: 3e7 }, 1000, 1000, 1)).toEqual({ epochs: 5, steps: 50, cutByBudget: true });
  });

  it('is scaled as asked, down to one step', () => {
    expect(effortOf(unlimited, 1000, 1, 0.25)).toMatchObject({ epochs: 3, steps: 25, cutByBudget: false });
    expect(effortOf({ ...recipe, budget: 3e7 }, 1000, 1000, 0.5)).toMatchObject({ steps: 25, cutByBudget: true });
    expect(effortOf(unlimited, 1000, 1, 1e-9)).toMatchObject({ epochs: 1, steps: 1 });
  });
});
