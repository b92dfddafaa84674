import { describe, expect, it } from 'vitest';
import { controlFor } from '../../../src/report/board/headline.ts';
import type { LeaderboardRow } from '../../../src/report/board/schema.ts';

function row(contender: string, probe = 'logistic', more: object = {}): LeaderboardRow & { controlOf?: string } {
  return {
    ...{ task: 't', taskHash: 'h', contender, title: contender, kind: 'control', family: null, probe, status: 'done' },
    ...{ metric: 'mcc', higherIsBetter: true, score: 0.5, ci: { low: 0.4, high: 0.6 }, testSize: 10, seeds: 1 },
    ...{ seedSpread: null, validationScore: 0.5, scores: {}, isReference: false, vsOneHot: null, device: 'cpu' },
    ...{ seconds: 1, error: null, notes: [], cells: [] },
    ...more,
  } as LeaderboardRow;
}

describe("a model's control", () => {
  const model = row('encoder');

  it('is the one that names it, before one that merely shares its name', () => {
    const controls = [row('encoder-other'), row('untrained', 'logistic', { controlOf: 'encoder' })];
    expect(controlFor(model, controls, false)?.contender).toBe('untrained');
  });

  it('is otherwise the one whose id extends its own, with the same probe where that ran', () => {
    const controls = [row('encoder-random', 'knn'), row('encoder-random'), row('elsewhere-random')];
    expect(controlFor(model, controls, false)).toBe(controls[1]);
    const others = [row('encoder-random', 'knn', { validationScore: 0.2 }), row('encoder-random', 'mlp')];
    expect(controlFor(model, others, false)?.probe).toBe('mlp');
  });

  it("is never guessed: another model's control, one of several, or one without a score does not count", () => {
    expect(controlFor(model, [row('something-random')], false)).toBeUndefined();
    expect(controlFor(model, [row('something-random')], true)?.contender).toBe('something-random');
    expect(controlFor(model, [row('a-random'), row('b-random')], true)).toBeUndefined();
    expect(controlFor(model, [row('encoder-random', 'logistic', { status: 'failed' })], true)).toBeUndefined();
  });
});
