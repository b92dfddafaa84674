import { describe, expect, it } from 'vitest';
import rowZero from '../../baselines/row-zero.ts';
import type { FittedBaseline, SplitData, TaskKind } from '../../src/index.ts';
import { drawSequence, mutate, shuffleDinucleotides } from '../quality/planted-faults.ts';
import { contextOf, isSound, motifTask } from './support.ts';

const ruleOf = ({ details }: FittedBaseline) =>
  (details as { rules: { rule: string }[] }).rules.map(({ rule }) => rule);

function split(rows: readonly { sequence: string; answer: number }[]): SplitData {
  return {
    ids: rows.map((_, r) => `row ${r}`),
    sequences: rows.map(({ sequence }) => sequence),
    targets: { rows: rows.length, columns: 1, values: Float64Array.from(rows, ({ answer }) => answer) },
    groups: rows.map(() => ''),
  };
}

const binary = (train: Parameters<typeof split>[0], valid: Parameters<typeof split>[0]) => ({
  ...motifTask('binary', { train: 4, valid: 4, test: 0 }),
  train: split(train),
  valid: split(valid),
});

describe('row-zero', () => {
  it.each(rowZero.kinds.map((kind: TaskKind) => [kind] as const))(
    'fits a %s task and predicts sequences of any length',
    async (kind) => {
      const task = motifTask(kind, { train: 60, valid: 20, test: 0 }, 30);
      const model = await rowZero.fit(task, contextOf(task, 1));
      const sequences = ['A', 'ACGTN'.repeat(20), 'NNNN', ...task.valid.sequences];
      expect(isSound(task, await model.predict(sequences), sequences.length)).toBe(true);
      expect(Number.isFinite(model.validationScore)).toBe(true);
    },
  );

  it('chooses the twin rule where negatives are dinucleotide shuffles of positives, and answers the other label', async () => {
    const positives = Array.from({ length: 60 }, () => drawSequence(100));
    const pairs = positives.flatMap((sequence) => [
      { sequence, answer: 1 },
      { sequence: shuffleDinucleotides(sequence), answer: 0 },
    ]);
    const asked = positives.slice(0, 20).map((sequence) => ({ sequence: shuffleDinucleotides(sequence), answer: 0 }));
    const known = pairs.filter((_, i) => i >= 40 || i % 2 === 0);
    const task = binary(known, [...asked.slice(10), ...pairs.slice(0, 1)]);
    const model = await rowZero.fit(task, contextOf(task, 1));
    expect(ruleOf(model)).toEqual(['twin']);
    const { values } = await model.predict(asked.map(({ sequence }) => sequence));
    for (let r = 0; r < asked.length; r++) expect(values[r * 2]).toBeGreaterThan(0.9);
  });

  it('chooses the nearest duplicate where rows come in families', async () => {
    const families = Array.from({ length: 30 }, (_, f) => ({ sequence: drawSequence(150), answer: f % 2 }));
    const rows = [0, 1, 2].flatMap((copy) =>
      families.map(({ sequence, answer }) => ({ sequence: mutate(sequence, 50 + copy), answer })),
    );
    const task = binary(
      rows,
      families.map(({ sequence, answer }) => ({ sequence: mutate(sequence, 60), answer })),
    );
    expect(ruleOf(await rowZero.fit(task, contextOf(task, 1)))).toEqual(['nearest-duplicate']);
  });

  it('answers with the class frequencies where no rule is better', async () => {
    const rows = Array.from({ length: 40 }, () => ({ sequence: 'ACGTACGTAC', answer: 0 })).map((row, i) => ({
      ...row,
      answer: i % 4 === 0 ? 1 : 0,
    }));
    const task = binary(rows, rows);
    const model = await rowZero.fit(task, contextOf(task, 1));
    expect(ruleOf(model)).toEqual(['majority']);
    expect((await model.predict(['ACGT'])).values[1]).toBeCloseTo(0.25, 10);
  });
});
