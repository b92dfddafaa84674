/** Set-ups that make no sense are refused by field before anything runs; the presets all pass. */
import { describe, expect, it } from 'vitest';
import { checkPretrainConfig, PRETRAIN_FIELDS, pretrainConfigFrom } from '../../src/pretraining/config.ts';
import { OBJECTIVES } from '../../src/pretraining/masking.ts';
import { PRESETS, type PretrainConfig } from '../../src/pretraining/presets.ts';
import { pretrain } from '../../src/pretraining/pretrain.ts';
import { TINY } from '../models/fixtures.ts';

const MAE: PretrainConfig = { ...TINY, objective: 'mae-v2', decoderLayers: 1 };

it.each(Object.entries(PRESETS))('the preset %s passes', (_name, config) => {
  expect(() => checkPretrainConfig(config)).not.toThrow();
});

const WRONG: readonly (readonly [Partial<Record<keyof PretrainConfig, unknown>>, string])[] = [
  [{ objective: 'mae' }, `objective is "mae" (did you mean "mae-v2" or "mae-v1"?)`],
  [{ schedule: 'onecycle' }, 'schedule is "onecycle" (did you mean "oneCycle"?)'],
  [{ k: 0 }, 'k is 0'],
  [{ k: 13 }, 'k is 13'],
  [{ k: 2.5 }, 'k is 2.5'],
  [{ k: undefined }, 'k is missing'],
  [{ stride: 3 }, 'stride is 3, which skips letters: at most k = 2'],
  [{ length: 1 }, 'length is 1, less than one k-mer of k = 2'],
  [{ hidden: 0 }, 'hidden is 0'],
  [{ heads: 3 }, 'heads is 3, which does not divide hidden (16)'],
  [{ dropout: 1 }, 'dropout is 1'],
  [{ maskRate: 0 }, 'maskRate is 0'],
  [{ maskRate: 1 }, 'maskRate is 1'],
  [{ maskRate: '0.5' }, 'maskRate is "0.5"'],
  [{ maskedShare: 0.8, randomShare: 0.3 }, 'randomShare and maskedShare sum to 1.1'],
  [{ maskedShare: 1.1 }, 'maskedShare is 1.1'],
  [{ maskedWeight: -0.1 }, 'maskedWeight is -0.1'],
  [{ maskedWeight: 1.1 }, 'maskedWeight is 1.1'],
  [{ objective: 'causal', maskedWeight: 0.5 }, "maskedWeight is 0.5, but objective 'causal' masks no tokens"],
  [{ batchSize: 0 }, 'batchSize is 0'],
  [{ learningRate: 0 }, 'learningRate is 0'],
  [{ learningRate: Number.NaN }, 'learningRate is null'],
  [{ weightDecay: -1 }, 'weightDecay is -1'],
  [{ warmUp: 1 }, 'warmUp is 1'],
  [{ maxGradientNorm: 0 }, 'maxGradientNorm is 0'],
  [{ epochs: 0.5 }, 'epochs is 0.5'],
  [{ maxTokens: 0 }, 'maxTokens is 0'],
  [{ decoderLayers: 1 }, "decoderLayers is given, but objective 'masked-lm' has no decoder"],
  [{ objective: 'barcodebert', decoderHidden: 16 }, "decoderHidden is given, but objective 'barcodebert'"],
  [{ objective: 'causal', decoderHeads: 2 }, "decoderHeads is given, but objective 'causal'"],
  [{ objective: 'mae-v2', decoderHeads: 3 }, 'decoderHeads is 3, which does not divide the width of the decoder (16)'],
  [
    { objective: 'mae-v2', decoderHidden: 15 },
    'decoderHeads is 2, which does not divide the width of the decoder (15)',
  ],
  [{ objective: 'mae-v1', decoderHidden: 8 }, 'decoderHidden is 8 and hidden is 16; mae-v1 has no projection'],
];

describe('a set-up', () => {
  it.each(WRONG)('%o is refused by name', (fields, message) => {
    expect(() => checkPretrainConfig({ ...TINY, ...fields } as PretrainConfig)).toThrow(
      `pre-training set-up: ${message}`,
    );
  });

  it('is refused by pretrain() before a sequence is read', async () => {
    const options = { config: { ...TINY, heads: 5 }, seed: 1, device: 'cpu', threads: 1, out: '/dev/null/x' } as const;
    const unread = {
      [Symbol.asyncIterator]: () => {
        throw new Error('was read');
      },
    };
    await expect(pretrain(unread, options)).rejects.toThrow('pre-training set-up: heads is 5');
  });

  it('of a tokenizer.json must not set how k-mers are cut', async () => {
    const strided = { ...TINY, stride: 1 };
    const message = 'pre-training set-up: stride is given, but tokens are those of a tokenizer.json; leave it out';
    expect(() => checkPretrainConfig(strided)).not.toThrow();
    expect(() => checkPretrainConfig(strided, { kmers: false })).toThrow(message);
    expect(() => checkPretrainConfig(TINY, { kmers: false })).not.toThrow();
    const placed = { ...TINY, reference: 'consensus' };
    expect(() => checkPretrainConfig(placed, { kmers: false })).toThrow('reference is given, but tokens are those of');
    const options = {
      config: strided,
      tokenizer: '/dev/null/x',
      seed: 1,
      device: 'cpu',
      threads: 1,
      out: '/dev/null/x',
    };
    await expect(pretrain([], { ...options, device: 'cpu' })).rejects.toThrow(message);
  });

  it('with shares that sum to 1 up to rounding passes', () => {
    expect(() => checkPretrainConfig({ ...TINY, maskedShare: 0.7, randomShare: 0.3 })).not.toThrow();
    expect(() => checkPretrainConfig({ ...TINY, maskedShare: 0.9, randomShare: 0.1 })).not.toThrow();
  });

  it('with a decoder of a different width passes', () => {
    expect(() => checkPretrainConfig({ ...MAE, decoderHidden: 12, decoderHeads: 3 })).not.toThrow();
  });
});

describe('a set-up from user input', () => {
  it('is fields over a preset, by default the first preset', () => {
    expect(pretrainConfigFrom({ hidden: 48 })).toEqual({ ...PRESETS.tiny, hidden: 48 });
    expect(pretrainConfigFrom({ preset: 'barcodemae-small', decoderLayers: 1 })).toEqual({
      ...PRESETS['barcodemae-small'],
      decoderLayers: 1,
    });
  });

  it('may set every field', () => {
    expect(pretrainConfigFrom(MAE)).toEqual(MAE);
    expect(
      Object.keys({ ...MAE, stride: 1, reference: 'consensus', decoderHidden: 16, decoderHeads: 2 }).sort(),
    ).toEqual([...PRETRAIN_FIELDS].sort());
  });

  it.each(OBJECTIVES)('accepts objective %s with any preset, with a decoder if it has one', (objective) => {
    for (const preset of Object.keys(PRESETS)) {
      const config = pretrainConfigFrom({ preset }, objective);
      expect(config.objective).toBe(objective);
      if (!objective.startsWith('mae')) expect(config).not.toHaveProperty('decoderLayers');
    }
  });

  it.each([
    [{ hiden: 5 }, undefined, 'there is no field \'hiden\' (did you mean "hidden"?)'],
    [{ preset: 'tinny' }, undefined, 'preset \'tinny\' is not known (did you mean "tiny"?)'],
    [{ preset: 'constructor' }, undefined, "preset 'constructor' is not known"],
    [{}, 'barcodbert', 'objective \'barcodbert\' is not known (did you mean "barcodebert"?)'],
    [{ maskRate: 1.5 }, undefined, 'maskRate is 1.5'],
    [{ schedule: 'linear' }, undefined, 'schedule is "linear"'],
    [{ decoderLayers: 2 }, 'causal', "decoderLayers is given, but objective 'causal' has no decoder"],
    [{ preset: 'barcodemae-small', decoderLayers: 2 }, 'barcodebert', 'decoderLayers is given'],
    [[1, 2], undefined, 'give a JSON object of fields'],
    ['tiny', undefined, 'give a JSON object of fields'],
    [null, undefined, 'give a JSON object of fields'],
  ])('%o with objective %s is refused', (written, objective, message) => {
    expect(() => pretrainConfigFrom(written, objective)).toThrow(message);
  });
});
