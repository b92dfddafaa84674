import { describe, expect, it } from 'vitest';
import alignmentNn, { fitAlignment } from '../../baselines/alignment-nn.ts';
import type { SplitData, TaskKind } from '../../src/index.ts';
import { contextOf, isSound, type MotifTask, motifTask, score } from './support.ts';

const options = { candidates: 4, seed: '1101011', bothStrands: false };

/** The motif task, its labels those of three founders of which every sequence is a copy with some letters changed. */
function familyTask(): MotifTask {
  const task = motifTask('multiclass', { train: 30, valid: 12, test: 12 });
  const founders = task.train.sequences.slice(0, 3);
  const relatives = (split: SplitData, shift: number): SplitData => ({
    ...split,
    sequences: split.sequences.map((_, r) => {
      const founder = founders[r % 3].slice(shift);
      return [...founder].map((letter, i) => ((i * 7 + r) % 11 === 0 ? 'A' : letter)).join('');
    }),
    targets: { ...split.targets, values: split.targets.values.map((_, r) => r % 3) },
  });
  return { ...task, train: relatives(task.train, 0), valid: relatives(task.valid, 8), test: relatives(task.test, 15) };
}

describe('the alignment nearest neighbour', () => {
  it.each(alignmentNn.kinds)('predicts sequences of any length in a %s task', async (kind: TaskKind) => {
    const task = motifTask(kind, { train: 40, valid: 20, test: 0 }, 30);
    const fitted = await alignmentNn.fit(task, contextOf(task));
    const sequences = ['', 'A', 'ACGTN'.repeat(20), 'NNNN', ...task.valid.sequences];
    expect(isSound(task, await fitted.predict(sequences), sequences.length)).toBe(true);
  });

  it('gives a training sequence its own label, and a relative that begins elsewhere that of its family', async () => {
    const task = familyTask();
    const fitted = await fitAlignment(options, task, contextOf(task));
    expect(fitted.validationScore).toBe(1);
    for (const split of [task.train, task.test])
      expect(score(task, split.targets, await fitted.predict(split.sequences))).toBe(1);
  });

  it('aligns fewer candidates at a smaller effort, and says how many', async () => {
    const task = familyTask();
    const half = await fitAlignment(options, task, { ...contextOf(task), effort: 0.5 });
    expect(half.details).toMatchObject({ candidates: 2, scores: { match: 1, mismatch: -1, gap: -2 } });
  });
});
