/**
 * MosaicBERT (Portes et al. 2023) as DNABERT-2 and DNABERT-S have it: post-norm BERT without position embeddings, symmetric ALiBi biases, one projection for
 * query, key and value, and GELU-gated feed-forward layers. The authors drop padding before each layer and put zeros back in its place; here its vectors are
 * computed and mean nothing, and nothing real ever reads them. Their flash kernel computes attention in float16; this is their PyTorch path in float32.
 */

import type { Graph, Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, layerNorm } from '../../onnx/layers/layers.ts';
import { alibiBias } from '../../onnx/layers/positions/alibi.ts';
import * as op from '../../onnx/operators/functions.ts';
import type {
  Architecture,
  ArchitectureInputs,
  ConfiguredArchitecture,
  ParameterSource,
  RawConfig,
} from './architecture.ts';
import { type BertConfig, bertLogits, OUTPUT_MATRIX, wordEmbeddings } from './bert-graph.ts';
import { classNames, count, flag, headCount, number, oneOf } from './config-fields.ts';
import { GATED, gatedDense, packedDense, packedSource, QUERY_KEY_VALUE } from './packed.ts';

const PREFIX = 'bert.';
/** The head's layer norm has this whatever the config says. */
const HEAD_EPSILON = 1e-12;

export const mosaicBert: Architecture = {
  id: 'mosaic-bert',
  title: 'MosaicBERT (ALiBi, GLU)',
  models: ['zhihan1996/DNABERT-2-117M', 'zhihan1996/DNABERT-S'],
  source:
    "Portes et al. 2023 (arXiv 2312.17482), Zhou et al. 2024 (DNABERT-2, arXiv 2306.15006); checked against the authors' bert_layers.py, PyTorch path",
  // The hub's config of DNABERT-2 names no model_type: its custom code or this field tells.
  matches: (config) =>
    'alibi_starting_size' in config || classNames(config).some((name) => /\bbert_layers\./.test(name)),
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  oneOf(config, 'hidden_act', where, ['gelu'], 'gelu');
  const width = count(config, 'hidden_size', where);
  const sizes: BertConfig = {
    vocab_size: count(config, 'vocab_size', where),
    hidden_size: width,
    num_hidden_layers: count(config, 'num_hidden_layers', where),
    num_attention_heads: headCount(config, where),
    intermediate_size: count(config, 'intermediate_size', where),
    max_position_embeddings: count(config, 'max_position_embeddings', where, 512),
    type_vocab_size: count(config, 'type_vocab_size', where, 2),
    layer_norm_eps: number(config, 'layer_norm_eps', where, 1e-12),
    initializer_range: number(config, 'initializer_range', where, 0.02),
    hidden_dropout_prob: number(config, 'hidden_dropout_prob', where, 0.1),
    attention_probs_dropout_prob: number(config, 'attention_probs_dropout_prob', where, 0),
  };
  const tied = flag(config, 'tie_word_embeddings', where, true);
  return {
    label: `MosaicBERT (${sizes.num_hidden_layers} x ${width})`,
    dimension: width,
    layers: sizes.num_hidden_layers,
    heads: sizes.num_attention_heads,
    vocabularySize: sizes.vocab_size,
    reads: 'masked',
    wordTable: `${PREFIX}embeddings.word_embeddings.weight`,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied },
    build: (graph, inputs, mode) => ({
      hiddenStates: hiddenStates(graph, inputs, sizes, mode),
      logits: (vectors) => bertLogits(vectors, { ...sizes, layer_norm_eps: HEAD_EPSILON }, tied),
    }),
    sources: (parameter) => sources(parameter, sizes),
  };
}

/** Embeddings, then each block: ids, mask [b, t] -> [b, t, d] each. */
function hiddenStates(graph: Graph, { ids, mask }: ArchitectureInputs, config: BertConfig, mode: Mode): Tensor[] {
  const width = config.hidden_size;
  const heads = config.num_attention_heads;
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  const epsilon = { epsilon: config.layer_norm_eps };
  const drop = (x: Tensor) => dropout(x, config.hidden_dropout_prob, mode);

  const types = graph.parameter(
    `${PREFIX}embeddings.token_type_embeddings.weight`,
    [config.type_vocab_size, width],
    initial.weight,
  );
  const words = wordEmbeddings(ids, config, PREFIX); // [b, t, d]
  const typed = op.add(words, op.slice(types, 0, 0, 1)); // token type 0 throughout
  let x = drop(layerNorm(typed, `${PREFIX}embeddings.LayerNorm`, epsilon));
  const bias = op.add(alibiBias(ids, heads), paddingBias(mask)); // [b, h, t, t]
  const hidden = [x];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const name = `${PREFIX}encoder.layer.${i}`;
    const [q, k, v] = packedDense(x, `${name}.attention.self.Wqkv`, QUERY_KEY_VALUE, width, initial); // [b, t, d] each
    const mixed = attention(q, k, v, mode, { heads, bias, dropoutRate: config.attention_probs_dropout_prob });
    const attended = drop(dense(mixed, `${name}.attention.output.dense`, width, initial));
    x = layerNorm(op.add(attended, x), `${name}.attention.output.LayerNorm`, epsilon);
    const unbiased = { ...initial, bias: false };
    const inner = drop(gatedDense(x, `${name}.mlp.gated_layers`, config.intermediate_size, op.gelu, unbiased)); // [b, t, f]
    x = layerNorm(op.add(dense(inner, `${name}.mlp.wo`, width, initial), x), `${name}.mlp.layernorm`, epsilon);
    hidden.push(x);
  }
  return hidden;
}

/** A bare `BertModel` has no prefix; the head's bias belongs to the decoder. */
function sources(
  parameter: string,
  { hidden_size: width, intermediate_size: inner }: BertConfig,
): ParameterSource | undefined {
  if (parameter === 'cls.predictions.bias') return { names: ['cls.predictions.decoder.bias', parameter] };
  if (!parameter.startsWith(PREFIX)) return undefined;
  const { names, ...part } = packedSource(parameter, {
    '.Wqkv': { parts: QUERY_KEY_VALUE, rows: width },
    '.gated_layers': { parts: GATED, rows: inner },
  }) ?? { names: [parameter] };
  return { names: names.flatMap((name) => [name, name.slice(PREFIX.length)]), ...part };
}
