/**
 * GENA-LM's BERT (Fishman et al. 2025): BERT with the layer norms before attention and feed-forward layers (Xiong et al. 2020), the embeddings normed all the
 * same, and, unless the config says otherwise, one more layer norm at the end. Not the sparse (DeepSpeed) attention of its long models.
 */

import type { Graph, Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, layerNorm } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { type BertConfig, bertLogits, firstRows, OUTPUT_MATRIX, positionTable, wordEmbeddings } from './bert-graph.ts';
import { count, flag, headCount, number, oneOf } from './config-fields.ts';

const PREFIX = 'bert.';

export const genaBert: Architecture = {
  id: 'gena-bert',
  title: 'GENA-LM (pre-norm BERT)',
  models: [
    'AIRI-Institute/gena-lm-bert-base',
    'AIRI-Institute/gena-lm-bert-base-t2t',
    'AIRI-Institute/gena-lm-bert-base-lastln-t2t',
    'AIRI-Institute/gena-lm-bert-base-t2t-multi',
    'AIRI-Institute/gena-lm-bert-base-{fly,yeast,athaliana}',
    'AIRI-Institute/gena-lm-bert-large-t2t',
  ],
  source: "Fishman et al. 2025 (doi 10.1093/nar/gkae1310); checked against the authors' modeling_bert.py",
  matches: (config) =>
    config.model_type === 'bert' && config.pre_layer_norm === true && !('alibi_starting_size' in config),
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  oneOf(config, 'hidden_act', where, ['gelu'], 'gelu');
  oneOf(config, 'position_embedding_type', where, ['absolute'], 'absolute');
  oneOf(config, 'is_decoder', where, [false], false);
  if (config.sparse_config_cls)
    throw new Error(
      `${where}: sparse_config_cls '${String(config.sparse_config_cls)}' is DeepSpeed's sparse attention, which is not supported; take a GENA-LM without it (gena-lm-bert-*), or bring precomputed embeddings`,
    );
  const sizes: BertConfig = {
    vocab_size: count(config, 'vocab_size', where),
    hidden_size: count(config, 'hidden_size', where),
    num_hidden_layers: count(config, 'num_hidden_layers', where),
    num_attention_heads: headCount(config, where),
    intermediate_size: count(config, 'intermediate_size', where),
    max_position_embeddings: count(config, 'max_position_embeddings', where),
    type_vocab_size: count(config, 'type_vocab_size', where, 2),
    layer_norm_eps: number(config, 'layer_norm_eps', where, 1e-12),
    initializer_range: number(config, 'initializer_range', where, 0.02),
    hidden_dropout_prob: number(config, 'hidden_dropout_prob', where, 0.1),
    attention_probs_dropout_prob: number(config, 'attention_probs_dropout_prob', where, 0.1),
  };
  const tied = flag(config, 'tie_word_embeddings', where, true);
  const lastNorm = flag(config, 'last_layer_norm', where, true);
  return {
    label: `GENA-LM BERT (${sizes.num_hidden_layers} x ${sizes.hidden_size})`,
    dimension: sizes.hidden_size,
    layers: sizes.num_hidden_layers,
    heads: sizes.num_attention_heads,
    vocabularySize: sizes.vocab_size,
    maxTokens: sizes.max_position_embeddings,
    reads: 'masked',
    wordTable: `${PREFIX}embeddings.word_embeddings.weight`,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied },
    build: (graph, inputs, mode) => ({
      hiddenStates: hiddenStates(graph, inputs, sizes, lastNorm, mode),
      logits: (vectors) => bertLogits(vectors, sizes, tied),
    }),
    sources: (parameter) =>
      parameter === 'cls.predictions.bias'
        ? { names: ['cls.predictions.decoder.bias', parameter] }
        : parameter.startsWith(PREFIX)
          ? { names: [parameter, parameter.slice(PREFIX.length)] }
          : undefined,
  };
}

/** Embeddings, then each block's output; the last is normed where the model norms it. ids, mask [b, t] -> [b, t, d] each. */
function hiddenStates(
  graph: Graph,
  { ids, mask }: ArchitectureInputs,
  config: BertConfig,
  lastNorm: boolean,
  mode: Mode,
): Tensor[] {
  const width = config.hidden_size;
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  const epsilon = { epsilon: config.layer_norm_eps };
  const drop = (x: Tensor) => dropout(x, config.hidden_dropout_prob, mode);

  const words = wordEmbeddings(ids, config, PREFIX); // [b, t, d]
  const types = graph.parameter(
    `${PREFIX}embeddings.token_type_embeddings.weight`,
    [config.type_vocab_size, width],
    initial.weight,
  );
  const positions = firstRows(positionTable(graph, config, PREFIX), ids); // [t, d]
  const place = op.add(positions, op.slice(types, 0, 0, 1)); // token type 0 throughout
  let x = drop(layerNorm(op.add(words, place), `${PREFIX}embeddings.LayerNorm`, epsilon));
  const bias = paddingBias(mask); // [b, 1, 1, t]
  const hidden = [x];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const name = `${PREFIX}encoder.layer.${i}`;
    const normed = layerNorm(x, `${name}.pre_attention_ln`, epsilon);
    const part = (which: string) => dense(normed, `${name}.attention.self.${which}`, width, initial);
    const mixed = attention(part('query'), part('key'), part('value'), mode, {
      heads: config.num_attention_heads,
      bias,
      dropoutRate: config.attention_probs_dropout_prob,
    });
    x = op.add(x, drop(dense(mixed, `${name}.attention.output.dense`, width, initial)));
    const ready = layerNorm(x, `${name}.post_attention_ln`, epsilon);
    const inner = op.gelu(dense(ready, `${name}.intermediate.dense`, config.intermediate_size, initial)); // [b, t, f]
    x = op.add(x, drop(dense(inner, `${name}.output.dense`, width, initial)));
    hidden.push(x);
  }
  if (lastNorm) hidden[hidden.length - 1] = layerNorm(x, `${PREFIX}encoder.last_layer_ln`, epsilon);
  return hidden;
}
