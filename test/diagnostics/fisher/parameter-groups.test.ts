/** The part of a model that a parameter belongs to, over the names of all architectures. */
import { describe, expect, it } from 'vitest';
import { parameterGroup, sectionOf } from '../../../src/diagnostics/fisher/parameter-groups.ts';

const IN_BODY: readonly (readonly [string, string, string?])[] = [
  ['bert.embeddings.position_embeddings.weight', 'other embeddings'],
  ['bert.embeddings.token_type_embeddings.weight', 'other embeddings'],
  ['bert.embeddings.LayerNorm.bias', 'embedding normalisation'],
  ['bert.encoder.layer.0.attention.self.query.weight', 'block 0', 'attention'],
  ['bert.encoder.layer.0.attention.output.dense.bias', 'block 0', 'attention'],
  ['bert.encoder.layer.0.attention.output.LayerNorm.weight', 'block 0', 'normalisation'],
  ['bert.encoder.layer.11.intermediate.dense.weight', 'block 11', 'MLP'],
  ['bert.encoder.layer.11.output.dense.weight', 'block 11', 'MLP'],
  ['bert.encoder.layer.11.output.LayerNorm.weight', 'block 11', 'normalisation'],
  ['bert.encoder.layer.2.pre_attention_ln.weight', 'block 2', 'normalisation'],
  ['bert.encoder.last_layer_ln.weight', 'final normalisation'],
  ['bert.encoder.layer.1.mlp.gated_layers.weight', 'block 1', 'MLP'],
  ['esm.embeddings.layer_norm.weight', 'embedding normalisation'],
  ['esm.encoder.emb_layer_norm_after.weight', 'final normalisation'],
  ['esm.encoder.layer.3.attention.LayerNorm.bias', 'block 3', 'normalisation'],
  ['transformer.wpe.weight', 'other embeddings'],
  ['transformer.h.1.ln_1.weight', 'block 1', 'normalisation'],
  ['transformer.h.1.attn.c_proj.weight', 'block 1', 'attention'],
  ['transformer.h.1.mlp.c_fc.weight', 'block 1', 'MLP'],
  ['transformer.ln_f.weight', 'final normalisation'],
  ['gpt_neox.layers.0.post_attention_layernorm.weight', 'block 0', 'normalisation'],
  ['gpt_neox.layers.0.attention.query_key_value.weight', 'block 0', 'attention'],
  ['gpt_neox.final_layer_norm.weight', 'final normalisation'],
  ['model.layers.7.self_attn.q_proj.weight', 'block 7', 'attention'],
  ['model.layers.7.mlp_norm.weight', 'block 7', 'normalisation'],
  ['model.norm.weight', 'final normalisation'],
  ['model.embeddings.norm.weight', 'embedding normalisation'],
  ['model.final_norm.weight', 'final normalisation'],
  ['caduceus.backbone.layers.0.norm.submodule.weight', 'block 0', 'normalisation'],
  ['caduceus.backbone.layers.0.mixer.submodule.mamba_fwd.A_log', 'block 0', 'mixer'],
  ['caduceus.backbone.norm_f.weight', 'final normalisation'],
  ['hyena.backbone.layers.0.mixer.filter_fn.implicit_filter.0.weight', 'block 0', 'mixer'],
  ['hyena.backbone.layers.0.mlp.fc1.weight', 'block 0', 'MLP'],
  ['hyena.backbone.ln_f.bias', 'final normalisation'],
  ['model.encoder.layer.24.conv.0.weight', 'block 24', 'mixer'],
  ['model.encoder.layer.24.ffn.0.weight', 'block 24', 'MLP'],
  ['model.encoder.layer.3.layer.0.weight', 'block 3', 'other'],
  ['layers.0.enc_self_attn.W_Q.weight', 'block 0', 'attention'],
  ['layers.0.pos_ffn.fc1.weight', 'block 0', 'MLP'],
];

describe('parameterGroup', () => {
  it.each(IN_BODY.map(([name, group, part]) => ({ name, group, part })))('$name', ({ name, group, part }) => {
    expect(parameterGroup(name, 'words', false)).toEqual(part ? { group, part } : { group });
  });

  it('knows the word table and the head by what the graph says', () => {
    expect(parameterGroup('transformer.wte.weight', 'transformer.wte.weight', false)).toEqual({
      group: 'word embeddings',
    });
    expect(parameterGroup('head.norm.weight', 'words', true)).toEqual({ group: 'head' });
  });

  it('goes by names and scopes where a file is all there is', () => {
    expect(parameterGroup('cls.predictions.transform.LayerNorm.weight')).toEqual({ group: 'head' });
    expect(parameterGroup('/lm_head/MatMul_output_0')).toEqual({ group: 'head' });
    expect(parameterGroup('/bert/encoder/layer.3/attention/self/query/MatMul_output_0')).toEqual({
      group: 'block 3',
      part: 'attention',
    });
  });

  it('folds into the sorts of the paper', () => {
    const sections = ['word embeddings', 'other embeddings', 'embedding normalisation', 'block 4', 'head', 'other'];
    expect(sections.map(sectionOf)).toEqual(['embeddings', 'embeddings', 'embeddings', 'blocks', 'head', undefined]);
  });
});
