/** Empirical Fisher information, against PyTorch's autograd (goldens/fisher.py). */
import { describe, expect, it } from 'vitest';
import { differentiableModel } from '../../../src/diagnostics/fisher/differentiable-model.ts';
import { differentiableOnnx } from '../../../src/diagnostics/fisher/differentiable-onnx.ts';
import { empiricalFisher, type FisherForm, type FisherSummary } from '../../../src/diagnostics/fisher/fisher.ts';
import { askedBatch, exportedBert, goldenFisher, goldenModel, goldens } from './fisher-goldens.ts';

const compute = { device: 'cpu', threads: 1 } as const;
const TOLERANCE = 1e-4;
const FORMS: readonly (readonly [FisherForm, 'batchMean' | 'perToken'])[] = [
  ['batch-mean', 'batchMean'],
  ['per-token', 'perToken'],
];

/** A share of the total that is nothing but rounding: the gradient of a key's bias is 0. */
const NOTHING = 1e-9;

function expectTensors(summary: FisherSummary, expected: Readonly<Record<string, number>>): void {
  const { 'input role': input, 'output role': output, ...tensors } = expected;
  const total = Object.values(tensors).reduce((sum, value) => sum + value, 0);
  const names = summary.tensors.map(({ name }) => name);
  expect([...names].sort()).toEqual(Object.keys(tensors).sort());
  const near = (actual: number, wanted: number, what: string) =>
    expect(Math.abs(actual - wanted), what).toBeLessThan(TOLERANCE * wanted + NOTHING * total);
  for (const { name, fisher } of summary.tensors) near(fisher, tensors[name], name);
  near(summary.total, total, 'total');
  const tied = summary.tensors.find(({ roles }) => roles)?.roles;
  expect(tied !== undefined).toBe(input !== undefined);
  if (tied) {
    near(tied.input, input, 'look-up');
    near(tied.output, output, 'output matrix');
  }
}

describe.each(FORMS)('the %s form', (form, key) => {
  it.each(['bert', 'gpt2', 'llama'])('equals PyTorch tensor by tensor: %s', async (name) => {
    const golden = goldens[name];
    const summary = await goldenFisher(name, form);
    expectTensors(summary, golden[key]);
    expect(summary).toMatchObject({ form, tokens: golden.tokens, windows: 6, batches: 2, batchSize: 3, unused: [] });
    expect(summary.loss).toBeCloseTo(golden.loss, 5);
  });
});

describe('a model in an .onnx file', () => {
  const names = { ids: 'input_ids', mask: 'attention_mask' };
  const golden = goldens.bert;
  const batches = golden.batches.map((batch) => askedBatch(batch, names));

  it.each(FORMS)('the %s form equals PyTorch by parts, whatever the export calls its weights', async (form, key) => {
    const exported = differentiableOnnx({ label: 'exported', bytes: exportedBert() });
    const summary = await empiricalFisher(exported, batches, { form, ...compute });
    const ours = await goldenFisher('bert', form);
    const near = (actual: number | undefined, wanted: number, what: string) =>
      expect(Math.abs((actual ?? Number.NaN) / wanted - 1), what).toBeLessThan(TOLERANCE);
    expect(summary.groups).toHaveLength(ours.groups.length);
    for (const { group, parameters, fisher } of ours.groups) {
      // The export adds token types to positions beforehand: what is left is another weight.
      if (group === 'other embeddings') continue;
      const found = summary.groups.find((other) => other.group === group);
      expect(found?.parameters, group).toBe(parameters);
      near(found?.fisher, fisher, group);
    }
    expect(summary.parts).toHaveLength(ours.parts.length);
    for (const { group, part, fisher } of ours.parts)
      near(
        summary.parts.find((other) => other.group === group && other.part === part)?.fisher,
        fisher,
        `${group} ${part}`,
      );
    const roles = summary.tensors.find((tensor) => tensor.roles)?.roles;
    near(roles?.input, golden[key]['input role'], 'look-up');
    near(roles?.output, golden[key]['output role'], 'output matrix');
  });

  it('is refused, with the names there are, where it has no such input or output', async () => {
    const exported = differentiableOnnx({ label: 'exported', bytes: exportedBert(), logits: 'scores' });
    await expect(empiricalFisher(exported, batches, { form: 'batch-mean', ...compute })).rejects.toThrow(
      /exported: no input 'input_ids' or no output 'scores'.*outputs logits/,
    );
  });
});

describe('a summary', () => {
  const batches = goldens.bert.batches.map((batch) => askedBatch(batch));

  it('has shares that add up to 1 in every view, densities as the ratio of shares, means per parameter', async () => {
    const summary = await goldenFisher('bert', 'per-token');
    const { byRole } = summary;
    expect(byRole).toBeDefined();
    for (const view of byRole ? [summary, byRole] : []) {
      for (const parts of [view.groups, view.sections]) {
        expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
        expect(parts.reduce((sum, { parameterShare }) => sum + parameterShare, 0)).toBeCloseTo(1, 12);
      }
      for (const { parameters, fisher, mean, share, parameterShare, density } of [...view.groups, ...view.parts]) {
        expect(mean).toBeCloseTo(fisher / parameters, 12);
        expect(density).toBeCloseTo(share / parameterShare, 12);
      }
      const blocks = view.sections.find(({ section }) => section === 'blocks')?.fisher ?? 0;
      expect(view.blockParts.reduce((sum, { fisher }) => sum + fisher, 0)).toBeCloseTo(blocks, 10);
    }
  });

  it("has the sorts of the paper's code as sections: what is called embeddings, what is called cls, and the encoder", async () => {
    const { sections, total } = await goldenFisher('bert', 'batch-mean');
    const { 'input role': _input, 'output role': _output, ...tensors } = goldens.bert.batchMean;
    const sort = (name: string) =>
      name.includes('embeddings') ? 'embeddings' : name.includes('cls') ? 'head' : 'blocks';
    for (const { section, fisher, share } of sections) {
      const expected = Object.entries(tensors).reduce(
        (sum, [name, value]) => sum + (sort(name) === section ? value : 0),
        0,
      );
      expect(Math.abs(fisher / expected - 1), section).toBeLessThan(TOLERANCE);
      expect(share).toBeCloseTo(fisher / total, 12);
    }
    expect(sections.map(({ section }) => section)).toEqual(['embeddings', 'blocks', 'head']);
  });

  it('splits a tied table: squares of both roles and twice their product make up the square of the sum', async () => {
    const { tensors, groups, byRole } = await goldenFisher('bert', 'batch-mean');
    const table = tensors.find(({ roles }) => roles);
    const { input = 0, output = 0, cross = 0 } = table?.roles ?? {};
    expect(input + output + cross).toBeCloseTo(table?.fisher ?? 0, 12);
    expect(groups.find(({ group }) => group === 'word embeddings')?.fisher).toBe(table?.fisher);
    const byName = new Map(byRole?.groups.map(({ group, fisher }) => [group, fisher]));
    expect(byName.get('word embeddings')).toBe(input);
    expect(byName.get('output embeddings')).toBe(output);
  });

  it('of a model with two tables has one view alone', async () => {
    const summary = await goldenFisher('llama', 'batch-mean');
    expect(summary.byRole).toBeUndefined();
    expect(summary.groups.map(({ group }) => group)).toContain('head');
  });

  it('of one batch per token is that of the batches of one token', async () => {
    const single = batches.flatMap((batch) =>
      [...batch.places].map((place, i) => ({
        ...batch,
        places: Uint32Array.of(place),
        targets: batch.targets.subarray(i, i + 1),
      })),
    );
    const mean = await empiricalFisher(goldenModel('bert'), single, { form: 'batch-mean', ...compute });
    const { total, tokens } = await goldenFisher('bert', 'per-token');
    expect(mean.tokens).toBe(tokens);
    expect(Math.abs(mean.total / total - 1)).toBeLessThan(TOLERANCE);
  });
});

describe('a sample of tokens', () => {
  const batches = goldens.gpt2.batches.map((batch) => askedBatch(batch));
  const measure = (share: number, seed: number) =>
    empiricalFisher(goldenModel('gpt2'), batches, { form: 'per-token', sample: { share, seed }, ...compute });

  it('is drawn from its seed, so many as asked for', async () => {
    const [one, again, other] = [await measure(0.4, 1), await measure(0.4, 1), await measure(0.4, 2)];
    const all = await goldenFisher('gpt2', 'per-token');
    expect(again).toEqual(one);
    expect(other.total).not.toBe(one.total);
    expect(one.tokens).toBeLessThan(all.tokens);
    expect(Math.abs(one.tokens / all.tokens - 0.4)).toBeLessThan(3 * Math.sqrt(0.24 / all.tokens));
  });

  it('is refused out of range, and where there are no single tokens', async () => {
    await expect(measure(0, 1)).rejects.toThrow(/sample.share is 0/);
    const sample = { share: 0.5, seed: 1 };
    await expect(
      empiricalFisher(goldenModel('gpt2'), batches, { form: 'batch-mean', sample, ...compute }),
    ).rejects.toThrow(/batch-mean/);
  });
});

describe('a run', () => {
  it('reports after every batch', async () => {
    const seen: number[] = [];
    const batches = goldens.bert.batches.map((batch) => askedBatch(batch));
    await empiricalFisher(goldenModel('bert'), batches, {
      form: 'batch-mean',
      ...compute,
      progress: ({ windows }) => seen.push(windows),
    });
    expect(seen).toEqual([3, 6]);
  });

  it('is refused without asked tokens, and without a head', async () => {
    const nothing = askedBatch({ ...goldens.bert.batches[0], places: [], targets: [] });
    await expect(empiricalFisher(goldenModel('bert'), [nothing], { form: 'per-token', ...compute })).rejects.toThrow(
      /no predicted tokens/,
    );
    const headless = differentiableModel({
      label: 'headless',
      values: new Map(),
      build(graph) {
        const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
        return { hiddenStates: [], attentionMask: ids };
      },
    });
    await expect(empiricalFisher(headless, [nothing], { form: 'per-token', ...compute })).rejects.toThrow(/no head/);
  });
});
