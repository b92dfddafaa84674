import { describe, expect, it } from 'vitest';
import { createDisagreement } from '../../../src/diagnostics/predictions/disagreement.ts';
import { golden, memberLogits, vocabulary } from './predictions-golden.ts';

describe('disagreement of the golden members', () => {
  const disagreement = createDisagreement(3, vocabulary);
  const logits = [0, 1, 2].map(memberLogits);
  const cut = 7 * vocabulary;
  disagreement.add(logits.map((block) => block.slice(0, cut)));
  disagreement.add(logits.map((block) => block.slice(cut)));
  const summary = disagreement.summary();

  it.each(golden.disagreement.levels)(
    "is SciPy's Jensen-Shannon distance, and the paper's, at p = $p",
    ({ p, scipy, paper }) => {
      const at = summary.nucleus.find((level) => level.p === p);
      expect(at?.jensenShannonDistancePaper.mean).toBeCloseTo(paper, 9);
      summary.pairs.forEach(({ nucleus }, pair) => {
        expect(nucleus.find((level) => level.p === p)?.jensenShannonDistance).toBeCloseTo(scipy[pair], 7);
      });
    },
  );

  it('has the share of equal favourites, and the mutual information of prediction and member', () => {
    expect(summary.pairs.map((pair) => pair.top1Agreement)).toEqual(
      golden.disagreement.top1Agreement.map((share) => expect.closeTo(share, 12)),
    );
    expect(summary.mutualInformationBits).toBeCloseTo(golden.disagreement.mutualInformationBits, 9);
  });
});

describe('disagreement', () => {
  it('of a model with itself is exactly 0', () => {
    const disagreement = createDisagreement(2, vocabulary);
    disagreement.add([memberLogits(1), memberLogits(1)]);
    const { nucleus, top1Agreement, mutualInformationBits } = disagreement.summary();
    expect(nucleus.map((level) => level.jensenShannonDistance.mean)).toEqual(nucleus.map(() => 0));
    expect(top1Agreement.mean).toBe(1);
    expect(mutualInformationBits).toBeCloseTo(0, 12);
  });

  it('of two that share no token is 1, whatever the level, and one bit', () => {
    const disagreement = createDisagreement(2, 3);
    const none = Number.NEGATIVE_INFINITY;
    disagreement.add([Float32Array.of(0, 0, none), Float32Array.of(none, none, 0)]);
    const { nucleus, mutualInformationBits } = disagreement.summary();
    for (const level of nucleus) expect(level.jensenShannonDistance.mean).toBeCloseTo(1, 12);
    expect(mutualInformationBits).toBeCloseTo(1, 12);
  });

  it('of two members squared is their mutual information', () => {
    const disagreement = createDisagreement(2, 3, [1]);
    disagreement.add([Float32Array.of(0.3, -1, 2), Float32Array.of(1, 1.5, 0)]);
    const { nucleus, mutualInformationBits } = disagreement.summary();
    expect(nucleus[0].jensenShannonDistance.mean ** 2).toBeCloseTo(mutualInformationBits, 12);
  });

  it('cuts nuclei at whole tokens, the favourite always kept', () => {
    // Shares 0.5, 0.3, 0.2 and 0.5, 0.2, 0.3.
    const logs = (...shares: number[]) => Float64Array.from(shares, Math.log);
    const disagreement = createDisagreement(2, 3, [0.4, 0.75, 0.81]);
    disagreement.add([logs(0.5, 0.3, 0.2), logs(0.5, 0.2, 0.3)]);
    const [favourite, stillOne, two] = disagreement.summary().nucleus;
    expect(favourite.jensenShannonDistance.mean).toBe(0);
    expect(stillOne.jensenShannonDistance.mean).toBe(0);
    // {a: 5/8, b: 3/8} against {a: 5/8, c: 3/8}: the shares that are not common.
    expect(two.jensenShannonDistance.mean).toBeCloseTo(Math.sqrt(3 / 8), 12);
  });

  it.each([
    ['one member', () => createDisagreement(1, 4), /at least 2/],
    ['a level above 1', () => createDisagreement(2, 4, [1.5]), /p = 1.5/],
    ['other numbers of members', () => createDisagreement(3, 4).add([new Float32Array(4)]), /1 members; expected 3/],
    [
      'other numbers of rows',
      () => createDisagreement(2, 4).add([new Float32Array(4), new Float32Array(8)]),
      /member 1 has 2 rows of logits, member 0 1/,
    ],
    ['no positions', () => createDisagreement(2, 4).summary(), /no positions/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});
