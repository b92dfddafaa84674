/** GENA-LM's BERT against the authors' modeling_bert.py (goldens/architectures/gena-bert.py), and the configs of its relatives. */
import { describe, expect, it } from 'vitest';
import { genaBert } from '../../../src/models/architectures/gena-bert.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('gena-bert', genaBert);

describe('a GENA-LM config', () => {
  const { config } = readGoldenFolder('gena-bert');

  it('is one of BERT with the norms first', () => {
    expect(genaBert.matches({ ...config, pre_layer_norm: false })).toBe(false);
    expect(genaBert.matches({ ...config, model_type: 'big_bird' })).toBe(false);
    expect(genaBert.matches({ ...config, alibi_starting_size: 512 })).toBe(false);
  });

  it('has a norm at the end unless it says otherwise', () => {
    const norms = (change: object) => {
      const graph = new Graph();
      const shape = ['rows', 'tokens'];
      const inputs = { ids: graph.input('ids', 'int64', shape), mask: graph.input('mask', 'int64', shape) };
      genaBert.configure({ ...config, ...change }, 'c').build(graph, inputs, INFERENCE);
      return [...graph.parameters.keys()].filter((name) => name.includes('last_layer_ln'));
    };
    expect(norms({})).toEqual(['bert.encoder.last_layer_ln.weight', 'bert.encoder.last_layer_ln.bias']);
    expect(norms({ last_layer_norm: true })).toHaveLength(2);
    expect(norms({ last_layer_norm: false })).toEqual([]);
  });

  it.each([
    [
      { sparse_config_cls: 'deepspeed.ops.sparse_attention:BigBirdSparsityConfig' },
      "here/config.json: sparse_config_cls 'deepspeed.ops.sparse_attention:BigBirdSparsityConfig' is DeepSpeed's sparse attention, which is not supported",
    ],
    [{ position_embedding_type: 'rotary' }, "position_embedding_type 'rotary' is not supported; known: absolute"],
    [{ hidden_act: 'gelu_new' }, "hidden_act 'gelu_new' is not supported; known: gelu"],
    [{ is_decoder: true }, "is_decoder 'true' is not supported; known: false"],
    [{ max_position_embeddings: undefined }, "here/config.json: the number 'max_position_embeddings' is missing"],
  ])('that says %o is refused', (change, message) => {
    expect(() => genaBert.configure({ ...config, ...change }, 'here/config.json')).toThrow(message);
  });
});
