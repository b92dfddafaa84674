/** Ways to run a model, as words behind its name. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isEncoder } from '../../src/embeddings/extract.ts';
import { nucleotideLimit, windowRemedy } from '../../src/embeddings/limits.ts';
import { splitVariant, variantOf, variantSuffix } from '../../src/embeddings/variant.ts';
import type { Encoder, FrozenModel, ModelContext, ModelDefinition } from '../../src/models/model.ts';
import { loadModelFolder, randomModel } from '../../src/models/model-folder.ts';

const windows = (window: number, stride = window) => ({ windows: { window, stride } });

describe('suffixes of a name', () => {
  it.each([
    ['bert+rc', { strands: 'average' }],
    ['bert+w512', windows(512)],
    ['./a+b/bert+w510s255', windows(510, 255)],
    ['bert+rc+w12', { ...windows(12), strands: 'average' }],
    ['bert+w12+rc', { ...windows(12), strands: 'average' }],
    ['bert+float16', { precision: 'float16' }],
    ['bert+rc+float16+w12', { ...windows(12), strands: 'average', precision: 'float16' }],
    ['@lab/models#x+rc', { strands: 'average' }],
    ['bert+random', { weights: 'random' }],
    ['bert+rc+random', { strands: 'average', weights: 'random' }],
  ])('%s', (spec, variant) => {
    const split = splitVariant(spec);
    expect(split.variant).toEqual(variant);
    expect(spec.startsWith(`${split.base}+`)).toBe(true);
  });

  it.each([
    'bert',
    'bert+rcx',
    'bert+w',
    'bert+w0',
    'bert+w12s0',
    'bert+rc+rc',
    'bert+w5+w6',
    '+rc',
    'bert+w5s',
    'rc',
    'a+random+random',
    '+random',
  ])('%s has none', (spec) => expect(splitVariant(spec)).toEqual({ base: spec }));

  it('have one spelling', () => {
    const suffix = (spec: string) => variantSuffix(splitVariant(spec).variant ?? {});
    expect(suffix('x+rc+w510s510')).toBe('+w510+rc');
    expect(suffix('x+float16+w510s255+rc')).toBe('+w510s255+rc+float16');
    expect(suffix('x+rc+random+w12')).toBe('+random+w12+rc');
    expect(suffix('x')).toBe('');
  });
});

const folder = fileURLToPath(new URL('../models/goldens/tiny-bert', import.meta.url));
const contexts: ModelContext[] = [];
const definition: ModelDefinition = {
  id: 'tiny',
  title: 'Tiny',
  kind: 'model',
  citation: 'none',
  licence: 'none',
  version: '1',
  stochastic: false,
  options: { k: 2 },
  maxLength: 40,
  load: (context) => {
    contexts.push(context);
    return loadModelFolder(folder);
  },
};
const context: ModelContext = {
  seed: 0,
  device: 'cpu',
  threads: 1,
  effort: 1,
  cacheFolder: '',
  unlabelled: [],
  unlabelledHash: '',
  codeHash: '',
  longestSequence: 300,
  progress: () => {},
};

describe('a variant of a model', () => {
  it('differs from the model in id, title and options, and has no longest sequence in windows', () => {
    const variant = variantOf(definition, { ...windows(20, 10), strands: 'average' });
    expect(variant).toMatchObject({
      id: 'tiny+w20s10+rc',
      title: 'Tiny, windows of 20 nt begun every 10, both strands',
      options: { k: 2, variant: { windows: { window: 20, stride: 10 }, strands: 'average' } },
      version: '1',
    });
    expect(variant.maxLength).toBeUndefined();
    expect(variantOf(definition, { precision: 'float16' })).toMatchObject({
      id: 'tiny+float16',
      title: 'Tiny, float16',
    });
    expect(variantOf(definition, { strands: 'average' })).toMatchObject({ id: 'tiny+rc', maxLength: 40 });
  });

  it('gives vectors of long sequences, allocates for one window only, and changes fingerprint and card', async () => {
    const plain = await loadModelFolder(folder);
    const fingerprints = new Set([plain.fingerprint]);
    for (const variant of [
      windows(20),
      windows(20, 10),
      { strands: 'average' as const },
      { ...windows(20), strands: 'average' as const },
    ]) {
      const encoder = (await variantOf(definition, variant).load(context)) as Encoder;
      expect(isEncoder(encoder)).toBe(true);
      fingerprints.add(encoder.fingerprint);
      expect(contexts.at(-1)?.longestSequence).toBe('windows' in variant ? 20 : 300);
      const [{ rows, columns }] = await encoder.embed(
        ['ACGTT', 'windows' in variant ? 'ACGTTGCA'.repeat(20) : 'AC'],
        [{ layer: 1, pooling: 'mean' }],
      );
      expect([rows, columns]).toEqual([2, 16]);
      await encoder.dispose();
    }
    expect(fingerprints.size).toBe(5);
  });

  it('with random weights is a control, different for each seed, and can still be fine-tuned', async () => {
    const withControl = { ...definition, control: ({ seed }: ModelContext) => randomModel(folder, seed) };
    const control = variantOf(withControl, { weights: 'random' });
    expect(control).toMatchObject({
      id: 'tiny+random',
      title: 'Tiny, random weights',
      kind: 'control',
      stochastic: true,
    });
    expect(control.options).toEqual({ k: 2, variant: { weights: 'random' }, controlOf: 'tiny' });
    const load = async (seed: number) => (await control.load({ ...context, seed })) as FrozenModel;
    const [one, again, two, pretrained] = [await load(1), await load(1), await load(2), await loadModelFolder(folder)];
    expect(isEncoder(one)).toBe(false);
    expect(one.values).toEqual(again.values);
    expect(new Set([one.fingerprint, two.fingerprint, pretrained.fingerprint]).size).toBe(3);
    const both = variantOf(withControl, { weights: 'random', strands: 'average' });
    expect(both).toMatchObject({ id: 'tiny+random+rc', title: 'Tiny, random weights, both strands', kind: 'control' });
    expect(both.options.controlOf).toBe('tiny+rc');
    expect(isEncoder(await both.load(context))).toBe(true);
  });

  it('has random weights only for a known architecture', () => {
    expect(() => variantOf(definition, { weights: 'random' })).toThrow('+random needs a model of a known architecture');
  });

  it('is refused in float16 on the CPU', async () => {
    await expect(variantOf(definition, { precision: 'float16' }).load(context)).rejects.toThrow(
      'float16 is for GPUs (--device cuda or webgpu)',
    );
  });

  it('is refused when windows would skip letters or do not fit the model', async () => {
    expect(() => variantOf(definition, windows(10, 12))).toThrow('that start every 12 would skip letters');
    await expect(variantOf(definition, windows(21)).load(context)).rejects.toThrow(
      'a window of 21 nucleotides cuts tokens of 2',
    );
    await expect(variantOf(definition, windows(50)).load(context)).rejects.toThrow(
      'reads at most 40; use +w40 or less',
    );
  });
});

describe('the limit of a model in nucleotides', () => {
  it.each([
    [{ maxNucleotides: 512, nucleotidesPerToken: 6 }, 510],
    [{ maxTokens: 1002, nucleotidesPerToken: 6 }, 6000],
    [{ maxTokens: 512 }, 2040],
    [{ nucleotidesPerToken: 1 }, undefined],
  ])('%o is %s', (card, limit) => {
    expect(nucleotideLimit(card)).toBe(limit);
    expect(windowRemedy(card)).toBe(
      limit === undefined ? '' : `; or embed long sequences in windows: append +w${limit} to the model's name`,
    );
  });
});
