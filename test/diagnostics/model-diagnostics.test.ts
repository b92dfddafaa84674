/** What stands beside a model's score, on tiny checkpoints: the same numbers as the diagnosis of which it is a part, and reasons where there are none. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { fisherBatches } from '../../src/diagnostics/fisher/batches.ts';
import { differentiableModel } from '../../src/diagnostics/fisher/differentiable-model.ts';
import { empiricalFisher } from '../../src/diagnostics/fisher/fisher.ts';
import { measure } from '../../src/diagnostics/model-diagnostics.ts';
import { DISTRIBUTION_SHARE } from '../../src/diagnostics/predictions/evaluation-masking.ts';
import { askedPredictions, askTokens } from '../../src/diagnostics/predictions/predictions.ts';
import { overBatches, tokenReader } from '../../src/diagnostics/predictions/token-batches.ts';
import { diagnostics } from '../../src/index.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';

const compute = { device: 'cpu', threads: 1 } as const;
const folder = (name: string) => fileURLToPath(new URL(`../models/goldens/architectures/${name}`, import.meta.url));
const random = createRandom('sequences');
const letters = (length: number) => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
const sequences = Array.from({ length: 40 }, (_, i) => letters(12 + (i % 9)));

describe('measures of a model', () => {
  it('are those of its diagnosis', async () => {
    const model = await loadModelFolder(folder('bert'));
    const found = await measure(model, sequences, { compute, seed: 3 });
    const asked = await askedPredictions(tokenReader(model), sequences, {
      ...{ compute, seed: 3, share: DISTRIBUTION_SHARE },
    });
    const fisher = await empiricalFisher(
      differentiableModel(model),
      fisherBatches(sequences.slice(0, 32), model, { seed: 3 }),
      { ...compute, form: 'batch-mean' },
    );
    const embeddings = fisher.sections.find(({ section }) => section === 'embeddings');
    expect(found).toEqual({
      sequences: 40,
      tokens: asked.rows,
      entropyBits: asked.perNucleotide?.entropyBits,
      klModelToUniformBits: asked.klModelToUniformBits,
      nllBits: asked.perNucleotide?.nllBits,
      fisher: {
        sequences: 32,
        embeddings: embeddings?.share,
        embeddingParameters: embeddings?.parameterShare,
      },
    });
  });

  it.each(['bert-token-classes', 'bert-token-classes-causal'])('of %s are of ordinary tokens alone', async (name) => {
    const model = await loadModelFolder(folder(name));
    const even = sequences.map((sequence) => sequence.slice(0, sequence.length - (sequence.length % 2)));
    const withUnknown = even.map((sequence, i) => (i % 2 === 0 ? `NN${sequence.slice(2)}` : sequence));
    const found = await measure(model, withUnknown, { compute, seed: 0 });
    expect(found).toMatchObject({ sequences: 40, fisher: { sequences: 32 } });
    // 16 classes of two letters each: log2(16) bits are the most.
    const { entropyBits = 0, klModelToUniformBits = 0 } = found as {
      entropyBits?: number;
      klModelToUniformBits?: number;
    };
    expect(2 * entropyBits + klModelToUniformBits).toBeCloseTo(Math.log2(16), 6);
    await overBatches(tokenReader(model), withUnknown, compute, async (batch) => {
      const { rows, targets } = askTokens(batch, model, { seed: 0, share: 1 });
      const shift = model.reads === 'causal' ? 1 : 0;
      expect([...targets]).toEqual([...rows].map((row) => Number(batch.ids[Number(row) + shift]) - 2));
      expect(Math.min(...targets)).toBeGreaterThanOrEqual(0);
    });
    for await (const batch of fisherBatches(withUnknown, model, { seed: 0 }))
      expect([...batch.targets].every((target) => target >= 0 && target < 16)).toBe(true);
  });

  it('are open to plugins', async () => {
    const { measure: open } = await diagnostics();
    const model = await loadModelFolder(folder('bert'));
    expect(await open(model, sequences.slice(0, 8), { compute, seed: 3 })).toMatchObject({ sequences: 8 });
  });

  it('say why there are none', async () => {
    const { classes: _, ...model } = await loadModelFolder(folder('bert'));
    const bare = {
      ...model,
      build: (...given: Parameters<typeof model.build>) => ({ ...model.build(...given), logits: undefined }),
    };
    expect(await measure(bare, sequences, { compute, seed: 0 })).toEqual({
      missing: 'the weights have no head that predicts tokens of the vocabulary',
    });
    const huge = { ...model, parameterCount: 1e13 };
    expect(await measure(huge, sequences, { compute, seed: 0 })).toMatchObject({
      entropyBits: expect.any(Number),
      missing: expect.stringContaining('Fisher information would need about 111758.'),
    });
    const [short] = sequences.map((sequence) => sequence.slice(0, 2));
    const found = await measure(model, [short], { compute, seed: 1 });
    expect(found).toEqual({ missing: expect.stringContaining('none of 1 windows has a chosen token') });
  });
});
