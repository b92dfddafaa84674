/** ESM and its gated variant against transformers (goldens/architectures/{esm,nucleotide_transformer_v2}.py), and what their configs may say. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { esm } from '../../../src/models/architectures/esm.ts';
import { nucleotideTransformerV2 } from '../../../src/models/architectures/nucleotide-transformer-v2.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('esm', esm);
parityTests('esm-rotary-tied', esm);
parityTests('nucleotide-transformer-v2', nucleotideTransformerV2);

describe('an ESM config', () => {
  const { config } = readGoldenFolder('esm');
  const { config: gated } = readGoldenFolder('nucleotide-transformer-v2');

  it('leaves as many tokens as there are positions behind the padding', () => {
    expect(esm.configure({ ...config, max_position_embeddings: 1002 }, 'config.json').maxTokens).toBe(1000);
    expect(nucleotideTransformerV2.configure({ ...gated, max_position_embeddings: 2050 }, '').maxTokens).toBe(2048);
  });

  it('with the field of the gated code is version 2, whether or not it names a model_type', () => {
    for (const model_type of ['esm', undefined]) {
      expect(nucleotideTransformerV2.matches({ ...gated, model_type })).toBe(true);
      expect(esm.matches({ ...gated, model_type })).toBe(false);
    }
    expect(nucleotideTransformerV2.matches(config)).toBe(false);
  });

  it.each([
    [{ is_decoder: true }, 'here/config.json: is_decoder is not supported'],
    [{ position_embedding_type: 'relative_key' }, "position_embedding_type 'relative_key' is not supported"],
    [{ pad_token_id: null }, "here/config.json: the number 'pad_token_id' is missing"],
    [{ token_dropout: 'yes' }, 'here/config.json: token_dropout = "yes"; true or false is needed'],
  ])('that says %o is refused', (change, message) => {
    expect(() => esm.configure({ ...config, ...change }, 'here/config.json')).toThrow(message);
  });

  it('draws a control whose padding row is zero, as the reference leaves it', () => {
    const graph = new Graph();
    const [ids, mask] = ['ids', 'mask'].map((name) => graph.input(name, 'int64', ['rows', 'tokens']));
    esm.configure(config, 'config.json').build(graph, { ids, mask }, INFERENCE);
    const random = createRandom('control');
    const { shape, initialise } = graph.parameters.get('esm.embeddings.word_embeddings.weight')!;
    const table = initialise(() => random.next(), shape);
    expect([...table.subarray(16, 32)]).toEqual(Array(16).fill(0));
    expect([...table.subarray(32, 48)].every((value) => value !== 0)).toBe(true);
  });
});
