/** Saliency of input tokens, against PyTorch's autograd (goldens/fisher.py), and spread over letters. */
import { describe, expect, it } from 'vitest';
import {
  consecutiveSpans,
  openSaliency,
  type SaliencyObjective,
  spreadOverLetters,
  type TokenSaliency,
} from '../../../src/diagnostics/attribution/saliency.ts';
import type { FisherBatch } from '../../../src/diagnostics/fisher/batches.ts';
import { differentiableOnnx } from '../../../src/diagnostics/fisher/differentiable-onnx.ts';
import { relativeError } from '../../onnx/helpers.ts';
import { askedBatch, exportedBert, goldenModel, goldens } from '../fisher/fisher-goldens.ts';

const compute = { device: 'cpu', threads: 1 } as const;
const TOLERANCE = 1e-4;

async function measure(model: ReturnType<typeof goldenModel>, objective: SaliencyObjective, batch: FisherBatch) {
  const saliency = await openSaliency(model, { objective, ...compute });
  try {
    return await saliency.run(batch);
  } finally {
    await saliency.dispose();
  }
}

function expectGolden(found: TokenSaliency, name: string, objective: SaliencyObjective): void {
  const { gradientTimesInput, gradientNorm } = goldens[name].saliency[objective];
  expect([found.rows, found.tokens]).toEqual([gradientNorm.length, gradientNorm[0].length]);
  expect(relativeError(found.gradientTimesInput, gradientTimesInput.flat())).toBeLessThan(TOLERANCE);
  expect(relativeError(found.gradientNorm, gradientNorm.flat())).toBeLessThan(TOLERANCE);
}

describe('openSaliency', () => {
  it.each([
    ['bert', 'loss'],
    ['bert', 'logit'],
    ['gpt2', 'loss'],
    ['llama', 'logit'],
  ] as const)('equals PyTorch: %s, %s', async (name, objective) => {
    const batch = askedBatch(goldens[name].batches[0]);
    expectGolden(await measure(goldenModel(name), objective, batch), name, objective);
  });

  it('equals PyTorch for a model in an .onnx file', async () => {
    const model = differentiableOnnx({ label: 'exported', bytes: exportedBert() });
    const batch = askedBatch(goldens.bert.batches[0], { ids: 'input_ids', mask: 'attention_mask' });
    expectGolden(await measure(model, 'loss', batch), 'bert', 'loss');
  });

  it('gives nothing to padding, nor to tokens after the last one asked of a causal model', async () => {
    const [golden] = goldens.gpt2.batches;
    const batch = askedBatch({ ...golden, places: [2, 13], targets: [5, 6] });
    const { gradientNorm, tokens } = await measure(goldenModel('gpt2'), 'loss', batch);
    const reached = [...gradientNorm.keys()].filter((i) => gradientNorm[i] > 1e-6);
    expect(reached).toEqual([0, 1, 2, tokens, tokens + 1, tokens + 2]);
  });

  it('refuses a batch that asks nothing', async () => {
    const batch = askedBatch({ ...goldens.bert.batches[0], places: [], targets: [] });
    await expect(measure(goldenModel('bert'), 'loss', batch)).rejects.toThrow(/no token was chosen/);
  });
});

describe('spreadOverLetters', () => {
  it('spreads each token over its own letters and keeps the sum', () => {
    const spans = consecutiveSpans([0, 3, 1, 2, 0]);
    expect(spans).toEqual([undefined, { start: 0, end: 3 }, { start: 3, end: 4 }, { start: 4, end: 6 }, undefined]);
    const { letters, elsewhere } = spreadOverLetters([10, 6, -5, 1, 20], spans, 6);
    expect([...letters]).toEqual([2, 2, 2, -5, 0.5, 0.5]);
    expect(elsewhere).toBe(30);
  });

  it('adds up where tokens overlap', () => {
    const spans = [
      { start: 0, end: 3 },
      { start: 1, end: 4 },
    ];
    expect([...spreadOverLetters([3, 6], spans, 4).letters]).toEqual([1, 3, 3, 2]);
  });

  it('refuses spans outside the window, and fewer values than spans', () => {
    expect(() => spreadOverLetters([1], [{ start: 2, end: 5 }], 4)).toThrow(/token 1 spans letters 2 to 5 of 4/);
    expect(() => spreadOverLetters([], [undefined], 4)).toThrow(/0 values for 1 spans/);
  });
});
