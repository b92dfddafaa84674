/** MosaicBERT against the authors' bert_layers.py (goldens/architectures/mosaic-bert.py), and how its configs and names are read. */
import { describe, expect, it } from 'vitest';
import { mosaicBert } from '../../../src/models/architectures/mosaic-bert.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('mosaic-bert', mosaicBert);

describe('a MosaicBERT config', () => {
  const { config } = readGoldenFolder('mosaic-bert');
  const without = (...fields: string[]) =>
    Object.fromEntries(Object.entries(config).filter(([field]) => !fields.includes(field)));

  it('is told by its ALiBi field or by its custom code, also where another repository holds that code', () => {
    expect(mosaicBert.matches(without('auto_map'))).toBe(true);
    expect(mosaicBert.matches(without('alibi_starting_size'))).toBe(true);
    const borrowed = { AutoModel: 'zhihan1996/DNABERT-2-117M--bert_layers.BertModel' };
    expect(mosaicBert.matches({ model_type: 'bert', auto_map: borrowed })).toBe(true);
    expect(mosaicBert.matches({ ...without('alibi_starting_size', 'auto_map'), model_type: 'bert' })).toBe(false);
  });

  it('sets no limit to the length', () => {
    expect(mosaicBert.configure(config, 'c').maxTokens).toBeUndefined();
  });

  it.each([
    [{ hidden_act: 'relu' }, "here/config.json: hidden_act 'relu' is not supported; known: gelu"],
    [{ num_attention_heads: 5 }, 'here/config.json: hidden_size 24 does not divide into num_attention_heads 5'],
    [{ intermediate_size: undefined }, "here/config.json: the number 'intermediate_size' is missing"],
  ])('that says %o is refused', (change, message) => {
    expect(() => mosaicBert.configure({ ...config, ...change }, 'here/config.json')).toThrow(message);
  });

  it('finds its tensors with or without the prefix, and the bias of the head in the decoder', () => {
    const { sources } = mosaicBert.configure(config, 'c');
    expect(sources?.('bert.embeddings.LayerNorm.bias')?.names).toEqual([
      'bert.embeddings.LayerNorm.bias',
      'embeddings.LayerNorm.bias',
    ]);
    expect(sources?.('cls.predictions.bias')?.names[0]).toBe('cls.predictions.decoder.bias');
  });
});
