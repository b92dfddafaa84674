/** Stock BERT against transformers' BertForMaskedLM and BertForTokenClassification (goldens/architectures/bert*.py), and what is said of configs that are another graph's. */
import { describe, expect, it } from 'vitest';
import { bert } from '../../../src/models/architectures/bert.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('bert', bert);
parityTests('bert-token-classes', bert);
parityTests('bert-token-classes-causal', bert);

describe('a BERT config', () => {
  const { config } = readGoldenFolder('bert');

  it('of a decoder is read causally', () => {
    expect(bert.configure({ ...config, is_decoder: true }, 'config.json').reads).toBe('causal');
    expect(bert.configure(config, 'config.json').reads).toBe('masked');
  });

  it('of custom code with another graph is not stock BERT', () => {
    const custom = { AutoModelForMaskedLM: 'zhihan1996/DNABERT-2-117M--bert_layers.BertForMaskedLM' };
    expect(bert.matches({ ...config, auto_map: custom })).toBe(false);
    expect(bert.matches({ ...config, model_type: 'roberta' })).toBe(false);
  });

  it.each([
    [{ hidden_act: 'relu' }, "here/config.json: hidden_act 'relu' is not supported; known: gelu"],
    [{ position_embedding_type: 'relative_key' }, "position_embedding_type 'relative_key' is not supported"],
    [{ num_hidden_layers: '2' }, "here/config.json: the number 'num_hidden_layers' is missing"],
    [{ hidden_size: 0 }, 'here/config.json: hidden_size = 0; a whole number from 1 to 16777216 is needed'],
    [{ num_attention_heads: 3 }, 'here/config.json: hidden_size 16 does not divide into num_attention_heads 3'],
  ])('that says %o is refused', (change, message) => {
    expect(() => bert.configure({ ...config, ...change }, 'here/config.json')).toThrow(message);
  });

  it('finds its tensors with or without the prefix, and under the names of the first TensorFlow ports', () => {
    const { sources } = bert.configure(config, 'config.json');
    expect(sources?.('bert.embeddings.LayerNorm.weight')?.names).toEqual([
      'bert.embeddings.LayerNorm.weight',
      'bert.embeddings.LayerNorm.gamma',
      'embeddings.LayerNorm.weight',
      'embeddings.LayerNorm.gamma',
    ]);
  });
});
