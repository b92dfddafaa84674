import { afterEach, describe, expect, it } from 'vitest';
import kmerForest, { fitKmerForest } from '../../baselines/kmer-forest.ts';
import kmerForestReference, {
  fitReferenceForest,
  mostRows,
  sampleRows,
} from '../../baselines/kmer-forest-reference.ts';
import kmerLogistic from '../../baselines/kmer-logistic.ts';
import lengthGc from '../../baselines/length-gc.ts';
import majority from '../../baselines/majority.ts';
import oneHotLogistic from '../../baselines/one-hot-logistic.ts';
import type { BaselineDefinition, FittedBaseline, TaskKind } from '../../src/index.ts';
import { contextOf, isSound, type MotifTask, motifTask, score } from './support.ts';

const open: FittedBaseline[] = [];
async function fitted(baseline: BaselineDefinition, task: MotifTask, seed = 1): Promise<FittedBaseline> {
  const model = await baseline.fit(task, contextOf(task, seed));
  open.push(model);
  return model;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((model) => model.dispose?.()));
});

const baselines: BaselineDefinition[] = [
  majority,
  lengthGc,
  kmerLogistic,
  kmerForest,
  kmerForestReference,
  oneHotLogistic,
];

describe('every baseline without a network', () => {
  const cases = baselines.flatMap((baseline) =>
    baseline.kinds.map((kind: TaskKind) => ({ id: baseline.id, kind, baseline })),
  );
  it.each(cases)('$id fits a $kind task and predicts sequences of any length', async ({ baseline, kind }) => {
    const task = motifTask(kind, { train: 40, valid: 20, test: 0 }, 30);
    const model = await fitted(baseline, task);
    const sequences = ['A', 'ACGTN'.repeat(20), 'NNNN', ...task.valid.sequences];
    expect(isSound(task, await model.predict(sequences), sequences.length)).toBe(true);
    expect(Number.isFinite(model.validationScore)).toBe(true);
  });
});

describe('majority', () => {
  it('predicts the class frequencies of the training rows', async () => {
    const task = motifTask('multiclass', { train: 50, valid: 20, test: 0 });
    const counts = [0, 0, 0];
    for (const value of task.train.targets.values) counts[value] += 1;
    const { values } = await (await fitted(majority, task)).predict(['ACGT']);
    expect(Array.from(values, (value) => Math.round(value * 50))).toEqual(counts);
  });

  it('predicts the mean, and scores chance where a correlation with it is undefined', async () => {
    const task = motifTask('regression', { train: 50, valid: 20, test: 0 });
    const correlated = { ...task, definition: { ...task.definition, metric: 'pearson' as const } };
    const model = await fitted(majority, correlated);
    const mean = task.train.targets.values.reduce((sum, value) => sum + value, 0) / 50;
    expect((await model.predict(['ACGT'])).values[0]).toBeCloseTo(mean, 10);
    expect(model.validationScore).toBe(0);
  });
});

describe('composition', () => {
  it('length-gc tells GC-rich from AT-rich, and long from short', async () => {
    const task = motifTask('binary', { train: 40, valid: 20, test: 0 });
    const split = (rows: number) => ({
      ids: Array.from({ length: rows }, (_, r) => `${r}`),
      sequences: Array.from({ length: rows }, (_, r) => (r % 2 ? 'GCGCGAC' : 'ATGATAT').repeat(5)),
      targets: { rows, columns: 1, values: Float64Array.from({ length: rows }, (_, r) => r % 2) },
      groups: Array.from({ length: rows }, (_, r) => `${r % 2}`),
    });
    const model = await fitted(lengthGc, { ...task, train: split(40), valid: split(20) });
    const { values } = await model.predict(['GGGGGGAT', 'ATATATGC']);
    expect(values[1]).toBeGreaterThan(0.5);
    expect(values[3]).toBeLessThan(0.5);
  });

  it('k-mers find a motif wherever it lies; the k is chosen on validation rows and recorded', async () => {
    const task = motifTask('binary', { train: 150, valid: 60, test: 100 });
    const model = await fitted(kmerLogistic, task);
    expect(score(task, task.test.targets, await model.predict(task.test.sequences))).toBeGreaterThan(0.7);
    const { tried, features, leftOut } = model.details as {
      tried: { features: string; validScore: number }[];
      features: string;
      leftOut: string[];
    };
    expect(tried).toHaveLength(10);
    expect(leftOut).toEqual([]);
    const chosen = tried.find((item) => item.features === features);
    expect(chosen?.validScore).toBe(Math.max(...tried.map(({ validScore }) => validScore)));
    expect(model.validationScore).toBe(chosen?.validScore);
  });

  it('one-hot, linear finds letters at fixed positions', async () => {
    const task = motifTask('binary', { train: 200, valid: 60, test: 0 });
    const fixed = (split: MotifTask['train']) => ({
      ...split,
      targets: {
        ...split.targets,
        values: Float64Array.from(split.sequences, (sequence) => Number('AC'.includes(sequence[3]))),
      },
    });
    const model = await fitted(oneHotLogistic, { ...task, train: fixed(task.train), valid: fixed(task.valid) });
    expect(model.validationScore).toBeGreaterThan(0.99);
  });
});

describe('kmer-forest', () => {
  const options = { k: 2, trees: 6, featuresPerSplit: { classes: 4, numbers: 5 } };

  it('is grown on every row, and is the same for any number of threads', async () => {
    const task = motifTask('regression', { train: 900, valid: 20, test: 0 }, 20);
    const one = await fitKmerForest(options, task, contextOf(task));
    const three = await fitKmerForest(options, task, { ...contextOf(task), threads: 3 });
    expect(one.details).toMatchObject({ rowsUsed: 900, trees: 6, featuresPerSplit: 5 });
    expect((await three.predict(task.valid.sequences)).values).toEqual(
      (await one.predict(task.valid.sequences)).values,
    );
    const half = await fitKmerForest(options, task, { ...contextOf(task), effort: 0.5 });
    expect(half.details).toMatchObject({ trees: 3 });
  });

  it('refuses more than one number per row', async () => {
    const task = motifTask('multilabel', { train: 20, valid: 20, test: 0 });
    await expect(fitKmerForest(options, task, contextOf(task))).rejects.toThrow('has 2 targets');
  });
});

describe('kmer-forest-reference', () => {
  const options = { k: 2, trees: 6, treesPerGroup: 2, featuresPerTree: 8, rows: { classes: 50, numbers: 40 } };

  it('states on how many of the rows it was grown, and is the same for any number of threads', async () => {
    const task = motifTask('regression', { train: 60, valid: 20, test: 0 }, 20);
    const one = await fitReferenceForest(options, task, contextOf(task));
    const three = await fitReferenceForest(options, task, { ...contextOf(task), threads: 3 });
    expect(one.details).toMatchObject({ rowsUsed: 40, rowsGiven: 60, capped: true, trees: 6 });
    expect((await three.predict(task.valid.sequences)).values).toEqual(
      (await one.predict(task.valid.sequences)).values,
    );
    const half = await fitReferenceForest(options, task, { ...contextOf(task), effort: 0.5 });
    expect(half.details).toMatchObject({ trees: 4 });
  });

  it('takes fewer rows of more classes', () => {
    expect(
      [1, 2, 10, 104].map((classes) => mostRows({ ...options, rows: { classes: 800, numbers: 400 } }, classes)),
    ).toEqual([400, 800, 620, 260]);
  });

  it('samples rows with the classes in proportion, and keeps each class', () => {
    const values = Float64Array.from({ length: 1000 }, (_, r) => (r === 7 ? 2 : r < 250 ? 1 : 0));
    const rows = sampleRows({ rows: 1000, columns: 1, values }, 100, true, 1);
    expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
    expect(rows.filter((row) => values[row] === 1)).toHaveLength(25);
    expect(rows).toContain(7);
    expect(sampleRows({ rows: 1000, columns: 1, values }, 1000, true, 1)).toHaveLength(1000);
  });
});
