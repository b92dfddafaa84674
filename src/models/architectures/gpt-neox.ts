/**
 * GPT-NeoX (Black et al. 2022): a causal decoder with rotary positions on part of each head, attention and feed-forward part side by side or one
 * after the other, and one projection for queries, keys and values, laid out head by head. Hidden state `layers` is the normalised one that the head
 * reads, as in the reference.
 */

import type { Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, embedding, layerNorm } from '../../onnx/layers/layers.ts';
import { causalBias } from '../../onnx/layers/positions/causal.ts';
import { rotary, rotaryTables } from '../../onnx/layers/positions/rotary.ts';
import * as op from '../../onnx/operators/functions.ts';
import { activation } from './activations.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { count, flag, headCount, number } from './config-fields.ts';
import { rotaryFields } from './rotary-fields.ts';
import { type VocabularyHead, vocabularyLogits } from './vocabulary-head.ts';

const PREFIX = 'gpt_neox.';
const WORDS = `${PREFIX}embed_in`;

interface NeoxSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly activation: (x: Tensor) => Tensor;
  /** Radians per token of the planes that are turned. */
  readonly frequencies: readonly number[];
  readonly parallel: boolean;
  readonly attentionBias: boolean;
  readonly epsilon: number;
  readonly deviation: number;
  readonly attentionDropout: number;
  readonly hiddenDropout: number;
}

/** Parameter of an output matrix that is not the word table. */
const OUTPUT_MATRIX = 'embed_out.weight';

export const gptNeox: Architecture = {
  id: 'gpt-neox',
  title: 'GPT-NeoX',
  models: ['checkpoints saved by GPTNeoXForCausalLM'],
  source: "Black et al. 2022 (arXiv 2204.06745); checked against transformers' GPTNeoXForCausalLM",
  matches: (config) => config.model_type === 'gpt_neox',
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  const [width, heads] = [count(config, 'hidden_size', where), headCount(config, where)];
  const sizes: NeoxSizes = {
    vocabulary: count(config, 'vocab_size', where),
    width,
    layers: count(config, 'num_hidden_layers', where),
    heads,
    feedForward: count(config, 'intermediate_size', where),
    activation: activation(config, 'hidden_act', where, 'gelu'),
    frequencies: rotaryFields(config, where, {
      head: width / heads,
      theta: 'rotary_emb_base',
      share: 'rotary_pct',
      defaultShare: 0.25,
    }),
    parallel: flag(config, 'use_parallel_residual', where, true),
    attentionBias: flag(config, 'attention_bias', where, true),
    epsilon: number(config, 'layer_norm_eps', where, 1e-5),
    deviation: number(config, 'initializer_range', where, 0.02),
    attentionDropout: number(config, 'attention_dropout', where, 0),
    hiddenDropout: number(config, 'hidden_dropout', where, 0),
  };
  const tied = flag(config, 'tie_word_embeddings', where, false);
  const head: VocabularyHead = {
    words: `${WORDS}.weight`,
    own: tied ? undefined : OUTPUT_MATRIX,
    vocabulary: sizes.vocabulary,
    deviation: sizes.deviation,
  };
  return {
    label: `GPT-NeoX (${sizes.layers} x ${width})`,
    dimension: width,
    layers: sizes.layers,
    heads,
    vocabularySize: sizes.vocabulary,
    maxTokens: count(config, 'max_position_embeddings', where, 2048),
    reads: 'causal',
    wordTable: head.words,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied },
    build: (_graph, inputs, mode) => ({
      hiddenStates: decoder(inputs, sizes, mode),
      logits: (vectors) => vocabularyLogits(vectors, head),
    }),
    sources,
  };
}

/** A bare `GPTNeoXModel` has no prefix; the head is `embed_out` in files, `lm_head` in the classes of transformers 5. */
function sources(parameter: string) {
  return { names: [parameter, parameter.startsWith(PREFIX) ? parameter.slice(PREFIX.length) : 'lm_head.weight'] };
}

function decoder({ ids, mask }: ArchitectureInputs, sizes: NeoxSizes, mode: Mode): Tensor[] {
  const { width, layers, epsilon } = sizes;
  const initial = { weight: normal(sizes.deviation), biasInitialiser: zeros };
  const drop = (x: Tensor) => dropout(x, sizes.hiddenDropout, mode);
  const tables = rotaryTables(ids, sizes.frequencies);
  const bias = op.add(causalBias(ids), paddingBias(mask)); // [b, 1, t, t]

  const attend = (x: Tensor, name: string) => {
    const [q, k, v] = queriesKeysValues(x, `${name}.query_key_value`, sizes);
    const mixed = attention(q, k, v, mode, {
      heads: sizes.heads,
      bias,
      dropoutRate: sizes.attentionDropout,
      rotate: (head) => rotary(head, tables),
    });
    return drop(dense(mixed, `${name}.dense`, width, { ...initial, bias: sizes.attentionBias }));
  };
  const feed = (x: Tensor, name: string) => {
    const inner = sizes.activation(dense(x, `${name}.dense_h_to_4h`, sizes.feedForward, initial));
    return drop(dense(inner, `${name}.dense_4h_to_h`, width, initial));
  };

  let x = drop(embedding(ids, WORDS, sizes.vocabulary, width, initial)); // [b, t, d]
  const hiddenStates = [x];
  for (let layer = 0; layer < layers; layer++) {
    const name = `${PREFIX}layers.${layer}`;
    const attended = op.add(attend(layerNorm(x, `${name}.input_layernorm`, { epsilon }), `${name}.attention`), x);
    const seen = sizes.parallel ? x : attended;
    const fed = feed(layerNorm(seen, `${name}.post_attention_layernorm`, { epsilon }), `${name}.mlp`);
    x = op.add(fed, attended);
    hiddenStates.push(layer === layers - 1 ? layerNorm(x, `${PREFIX}final_layer_norm`, { epsilon }) : x);
  }
  return hiddenStates;
}

/** One projection whose outputs are, head by head, query, key, value. x [b, t, d] -> three [b, t, d]. */
function queriesKeysValues(x: Tensor, name: string, { width, heads, deviation, attentionBias }: NeoxSizes): Tensor[] {
  const [rows, tokens] = x.shape;
  const head = width / heads;
  const options = { weight: normal(deviation), biasInitialiser: zeros, bias: attentionBias };
  const fused = op.reshape(dense(x, name, 3 * width, options), [rows, tokens, heads, 3 * head]);
  return op.split(fused, 3, [head, head, head]).map((part) => op.reshape(part, [rows, tokens, width]));
}
