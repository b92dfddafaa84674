/**
 * Llama (Touvron et al. 2023): a causal decoder with rotary positions, root-mean-square
 * normalisation before each part of a block, a SiLU-gated feed-forward part, and fewer heads of
 * keys and values than of queries if the config has them (Ainslie et al. 2023). Hidden state
 * `layers` is the normalised one that the head reads, as in the reference. Scaled rotary positions
 * and sliding windows are not supported.
 */

import type { Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, embedding, rmsNorm } from '../../onnx/layers/layers.ts';
import { causalBias } from '../../onnx/layers/positions/causal.ts';
import { rotary, rotaryTables } from '../../onnx/layers/positions/rotary.ts';
import * as op from '../../onnx/operators/functions.ts';
import { activation } from './activations.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { count, flag, number } from './config-fields.ts';
import { rotaryFields } from './rotary-fields.ts';
import { type VocabularyHead, vocabularyLogits } from './vocabulary-head.ts';

const PREFIX = 'model.';
const WORDS = `${PREFIX}embed_tokens`;

interface LlamaSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Heads of keys and values, each shared by heads / keyHeads heads of queries. */
  readonly keyHeads: number;
  readonly head: number;
  readonly feedForward: number;
  readonly activation: (x: Tensor) => Tensor;
  readonly frequencies: readonly number[];
  readonly attentionBias: boolean;
  readonly feedForwardBias: boolean;
  readonly epsilon: number;
  readonly deviation: number;
  readonly attentionDropout: number;
}

/** Parameter of an output matrix that is not the word table. */
const OUTPUT_MATRIX = 'lm_head.weight';

export const llama: Architecture = {
  id: 'llama',
  title: 'Llama',
  models: ['GenerTeam/GENERator-eukaryote-1.2b-base'],
  source: "Touvron et al. 2023 (arXiv 2302.13971); checked against transformers' LlamaForCausalLM",
  matches: (config) => config.model_type === 'llama',
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  const width = count(config, 'hidden_size', where);
  const heads = count(config, 'num_attention_heads', where);
  const keyHeads = count(config, 'num_key_value_heads', where, heads);
  if (heads % keyHeads !== 0)
    throw new Error(`${where}: num_attention_heads ${heads} does not divide into num_key_value_heads ${keyHeads}`);
  const head = count(config, 'head_dim', where, width % heads === 0 ? width / heads : undefined);
  const sizes: LlamaSizes = {
    vocabulary: count(config, 'vocab_size', where),
    width,
    layers: count(config, 'num_hidden_layers', where),
    heads,
    keyHeads,
    head,
    feedForward: count(config, 'intermediate_size', where),
    activation: activation(config, 'hidden_act', where, 'silu'),
    frequencies: rotaryFields(config, where, {
      head,
      theta: 'rope_theta',
      share: 'partial_rotary_factor',
      defaultShare: 1,
    }),
    attentionBias: flag(config, 'attention_bias', where, false),
    feedForwardBias: flag(config, 'mlp_bias', where, false),
    epsilon: number(config, 'rms_norm_eps', where, 1e-6),
    deviation: number(config, 'initializer_range', where, 0.02),
    attentionDropout: number(config, 'attention_dropout', where, 0),
  };
  const tied = flag(config, 'tie_word_embeddings', where, false);
  const vocabularyHead: VocabularyHead = {
    words: `${WORDS}.weight`,
    own: tied ? undefined : OUTPUT_MATRIX,
    vocabulary: sizes.vocabulary,
    deviation: sizes.deviation,
  };
  return {
    label: `Llama (${sizes.layers} x ${width})`,
    dimension: width,
    layers: sizes.layers,
    heads,
    vocabularySize: sizes.vocabulary,
    maxTokens: count(config, 'max_position_embeddings', where, 2048),
    reads: 'causal',
    wordTable: vocabularyHead.words,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied },
    build: (_graph, inputs, mode) => ({
      hiddenStates: decoder(inputs, sizes, mode),
      logits: (vectors) => vocabularyLogits(vectors, vocabularyHead),
    }),
    sources: (parameter) =>
      parameter.startsWith(PREFIX) ? { names: [parameter, parameter.slice(PREFIX.length)] } : undefined,
  };
}

function decoder({ ids, mask }: ArchitectureInputs, sizes: LlamaSizes, mode: Mode): Tensor[] {
  const { width, layers, heads, keyHeads, head, epsilon } = sizes;
  const initial = { weight: normal(sizes.deviation), biasInitialiser: zeros };
  const tables = rotaryTables(ids, sizes.frequencies);
  const bias = op.add(causalBias(ids), paddingBias(mask)); // [b, 1, t, t]

  const attend = (x: Tensor, name: string) => {
    const options = { ...initial, bias: sizes.attentionBias };
    const project = (which: string, count: number) => dense(x, `${name}.${which}_proj`, count * head, options);
    const [k, v] = ['k', 'v'].map((which) => repeatHeads(project(which, keyHeads), sizes));
    const mixed = attention(project('q', heads), k, v, mode, {
      heads,
      bias,
      dropoutRate: sizes.attentionDropout,
      rotate: (part) => rotary(part, tables),
    }); // [b, t, h head]
    return dense(mixed, `${name}.o_proj`, width, options);
  };
  const feed = (x: Tensor, name: string) => {
    const options = { ...initial, bias: sizes.feedForwardBias };
    const gate = sizes.activation(dense(x, `${name}.gate_proj`, sizes.feedForward, options));
    return dense(
      op.multiply(gate, dense(x, `${name}.up_proj`, sizes.feedForward, options)),
      `${name}.down_proj`,
      width,
      options,
    );
  };

  let x = embedding(ids, WORDS, sizes.vocabulary, width, initial); // [b, t, d]
  const hiddenStates = [x];
  for (let layer = 0; layer < layers; layer++) {
    const name = `${PREFIX}layers.${layer}`;
    x = op.add(x, attend(rmsNorm(x, `${name}.input_layernorm`, { epsilon }), `${name}.self_attn`));
    x = op.add(x, feed(rmsNorm(x, `${name}.post_attention_layernorm`, { epsilon }), `${name}.mlp`));
    hiddenStates.push(layer === layers - 1 ? rmsNorm(x, `${PREFIX}norm`, { epsilon }) : x);
  }
  return hiddenStates;
}

/**
 * Repeats each head of keys or values for every head of queries that shares it. [b, t, keyHeads
 * head] -> [b, t, heads head]
 */
function repeatHeads(x: Tensor, { heads, keyHeads, head }: LlamaSizes): Tensor {
  if (heads === keyHeads) return x;
  const [rows, tokens] = x.shape;
  const apart = op.reshape(x, [rows, tokens, keyHeads, 1, head]);
  const repeated = op.expand(apart, [1, 1, 1, heads / keyHeads, 1]); // [b, t, keyHeads, heads / keyHeads, head]
  return op.reshape(repeated, [rows, tokens, heads * head]);
}
