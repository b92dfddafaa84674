/** ModernBERT against transformers' ModernBertForMaskedLM (goldens/architectures/modern-bert.py), and the configs it reads. */
import { describe, expect, it } from 'vitest';
import { modernBert } from '../../../src/models/architectures/modern-bert.ts';
import { readModernBertConfig } from '../../../src/models/architectures/modern-bert-config.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('modern-bert', modernBert);
parityTests('modern-bert-biased', modernBert);

describe('a ModernBERT config', () => {
  const { config } = readGoldenFolder('modern-bert');
  const all = Number.POSITIVE_INFINITY;

  it('says which layers see everything, by a rule or one by one', () => {
    expect(readModernBertConfig({ ...config, num_hidden_layers: 5 }, 'c').layerReaches).toEqual([all, 3, all, 3, all]);
    const listed = { ...config, layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'] };
    expect(readModernBertConfig(listed, 'c').layerReaches).toEqual([3, all, 3]);
    const published = { ...config, num_hidden_layers: 4, global_attn_every_n_layers: null, local_attention: undefined };
    expect(readModernBertConfig(published, 'c').layerReaches).toEqual([all, 64, 64, all]);
  });

  it('gives the thetas of transformers 4 and of 5', () => {
    const thetas = (change: object) => {
      const { globalTheta, localTheta } = readModernBertConfig({ ...config, ...change }, 'c');
      return [globalTheta, localTheta];
    };
    expect(thetas({})).toEqual([160_000, 10_000]);
    expect(thetas({ global_rope_theta: 80_000, local_rope_theta: null })).toEqual([80_000, 80_000]);
    expect(thetas({ rope_parameters: { full_attention: { rope_theta: 7 } } })).toEqual([7, 10_000]);
  });

  it.each([
    [{ hidden_activation: 'silu' }, "here/config.json: hidden_activation 'silu' is not supported; known: gelu"],
    [{ layer_types: ['full_attention'] }, 'here/config.json: layer_types must list all 3 layers (num_hidden_layers)'],
    [
      { layer_types: ['full_attention', 'chunked_attention', 'full_attention'] },
      "layer_types[1] 'chunked_attention' is not supported; known: full_attention, sliding_attention",
    ],
    [{ rope_scaling: { type: 'yarn' } }, "type 'yarn' is not supported; known: default"],
    [
      { rope_parameters: { sliding_attention: { rope_type: 'linear', rope_theta: 10_000 } } },
      "rope_type 'linear' is not supported; known: default",
    ],
    [{ vocab_size: undefined }, "here/config.json: the number 'vocab_size' is missing"],
    [{ norm_bias: 'no' }, 'here/config.json: norm_bias = "no"; true or false is needed'],
  ])('that says %o is refused', (change, message) => {
    expect(() => modernBert.configure({ ...config, ...change }, 'here/config.json')).toThrow(message);
  });

  it('finds its tensors in a bare ModernBertModel too', () => {
    const { sources } = modernBert.configure(config, 'c');
    expect(sources?.('model.layers.0.attn.Wqkv.weight')?.names).toEqual([
      'model.layers.0.attn.Wqkv.weight',
      'layers.0.attn.Wqkv.weight',
    ]);
    expect(sources?.('head.dense.weight')).toBeUndefined();
  });
});
