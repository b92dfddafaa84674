/** GPT-2 against transformers' GPT2LMHeadModel (goldens/architectures/gpt2.py), and what its graph lacks. */
import { describe, expect, it } from 'vitest';
import { gpt2 } from '../../../src/models/architectures/gpt2.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('gpt2', gpt2);

describe('a GPT-2 config', () => {
  const { config } = readGoldenFolder('gpt2');

  it('without a tied head has one of its own', () => {
    const graph = new Graph();
    const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
    const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
    const untied = gpt2.configure({ ...config, tie_word_embeddings: false }, 'config.json');
    untied.build(graph, { ids, mask }, INFERENCE).logits?.(graph.input('vectors', 'float32', ['m', 16]));
    expect(graph.parameters.get('lm_head.weight')?.shape).toEqual([20, 16]);
  });

  it('finds the tensors of a bare GPT2Model', () => {
    const { sources } = gpt2.configure(config, 'config.json');
    expect(sources?.('transformer.h.0.attn.c_attn.weight')?.names).toEqual([
      'transformer.h.0.attn.c_attn.weight',
      'h.0.attn.c_attn.weight',
    ]);
  });

  it.each([
    [{ activation_function: 'mish' }, "here: activation_function 'mish' is not supported; known: gelu, gelu_new"],
    [{ scale_attn_by_inverse_layer_idx: true }, "here: scale_attn_by_inverse_layer_idx 'true' is not supported"],
    [{ n_head: 3 }, 'here: n_embd 16 does not divide into n_head 3'],
    [{ n_positions: undefined }, "here: the number 'n_positions' is missing"],
  ])('that says %o is refused', (change, message) => {
    expect(() => gpt2.configure({ ...config, ...change }, 'here')).toThrow(message);
  });
});
