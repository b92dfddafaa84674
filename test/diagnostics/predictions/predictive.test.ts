import { describe, expect, it } from 'vitest';
import { createPredictive } from '../../../src/diagnostics/predictions/predictive.ts';
import { golden, memberLogits, vocabulary } from './predictions-golden.ts';

describe.each([0, 1, 2])('predictive summary of golden member %i', (member) => {
  const expected = golden.predictive[member];
  const logits = memberLogits(member);
  const predictive = createPredictive(vocabulary);
  // Two blocks, as a model hands them over batch by batch.
  const cut = 10;
  for (const [from, to] of [
    [0, cut],
    [cut, golden.targets.length],
  ])
    predictive.add({
      logits: logits.slice(from * vocabulary, to * vocabulary),
      targets: golden.targets.slice(from, to),
      nucleotides: golden.spans.slice(from, to),
    });
  const summary = predictive.summary();

  it('has the entropies and divergences of SciPy', () => {
    expect(summary.rows).toBe(golden.targets.length);
    expect(summary.entropyNats).toBeCloseTo(expected.entropyNats, 9);
    expect(summary.entropyBits).toBeCloseTo(expected.entropyBits, 9);
    expect(summary.normalisedEntropy).toBeCloseTo(expected.entropyBits / Math.log2(vocabulary), 9);
    expect(summary.klModelToUniformBits).toBeCloseTo(expected.klModelToUniformBits, 9);
    expect(summary.klUniformToModelBits).toBeCloseTo(expected.klUniformToModelBits, 9);
  });

  it("has the paper's, epsilons and clamps included", () => {
    expect(summary.paper.entropyBits).toBeCloseTo(expected.paper.entropyBits, 9);
    expect(summary.paper.klModelToUniformBits).toBeCloseTo(expected.paper.klModelToUniformBits, 9);
    expect(summary.paper.klUniformToModelBits).toBeCloseTo(expected.paper.klUniformToModelBits, 9);
  });

  it('has likelihood, accuracy and calibration of SciPy, PyTorch and scikit-learn', () => {
    expect(summary.accuracy?.nllNats).toBeCloseTo(expected.nllNats, 9);
    expect(summary.accuracy?.perplexity).toBeCloseTo(expected.perplexity, 7);
    expect(summary.accuracy?.top1).toBeCloseTo(expected.top1, 12);
    expect(summary.accuracy?.calibrationError).toBeCloseTo(expected.calibrationError, 9);
    expect(summary.accuracy?.reliability.map((bin) => bin.rows)).toEqual(expected.binRows);
  });

  it('divides sums of bits by sums of nucleotides', () => {
    expect(summary.perNucleotide?.entropyBits).toBeCloseTo(expected.entropyBitsPerNucleotide, 9);
    expect(summary.perNucleotide?.nllBits).toBeCloseTo(expected.nllBitsPerNucleotide, 9);
  });

  it('has the mean distribution by rank', () => {
    expected.rankedDistribution.forEach((value, rank) => {
      expect(summary.rankedDistribution[rank]).toBeCloseTo(value, 9);
    });
  });
});

describe('predictive summary', () => {
  it('of equal logits is uniform: entropy log2 V, both divergences 0, two bits a nucleotide for 4^k tokens of k letters', () => {
    const predictive = createPredictive(64);
    predictive.add({ logits: new Float32Array(2 * 64).fill(3), nucleotides: [3, 3] });
    const summary = predictive.summary();
    expect(summary.entropyBits).toBeCloseTo(6, 12);
    expect(summary.klModelToUniformBits).toBeCloseTo(0, 12);
    expect(summary.klUniformToModelBits).toBeCloseTo(0, 12);
    expect(summary.perNucleotide).toEqual({
      nucleotides: 6,
      entropyBits: expect.closeTo(2, 12),
      klModelToUniformBits: expect.closeTo(0, 12),
    });
    expect(summary.accuracy).toBeUndefined();
  });

  it('of a model that excludes a token is infinitely far from uniform one way, and clamped in the paper', () => {
    const predictive = createPredictive(2);
    predictive.add({ logits: Float32Array.of(0, Number.NEGATIVE_INFINITY) });
    const summary = predictive.summary();
    expect(summary.entropyBits).toBe(0);
    expect(summary.klModelToUniformBits).toBeCloseTo(1, 12);
    expect(summary.klUniformToModelBits).toBe(Number.POSITIVE_INFINITY);
    expect(summary.paper.klUniformToModelBits).toBeCloseTo((0 - Math.log2(1e-10)) / 2 - 1, 9);
  });

  it.each([
    ['a NaN', { logits: Float32Array.of(0, Number.NaN) }, /row 0, token 1 is NaN/],
    ['half a row', { logits: new Float32Array(3) }, /3 numbers are not a whole number of rows of a vocabulary of 2/],
    ['targets that are no tokens', { logits: new Float32Array(2), targets: [-100] }, /target of row 0 is -100/],
    ['fewer targets than rows', { logits: new Float32Array(4), targets: [1] }, /1 targets for 2 rows/],
  ])('refuses %s', (_, rows, message) => {
    expect(() => createPredictive(2).add(rows)).toThrow(message);
  });

  it('refuses rows with targets after rows without, and to sum up nothing', () => {
    const predictive = createPredictive(2);
    expect(() => predictive.summary()).toThrow(/no rows/);
    predictive.add({ logits: new Float32Array(2) });
    expect(() => predictive.add({ logits: new Float32Array(2), targets: [0] })).toThrow(/must be alike/);
  });
});
