/**
 * GPT-2 (Radford et al. 2019): a causal decoder with learned positions and a normalisation before each part of a block. Its matrices are
 * stored [in, out] (`Conv1D`), and are taken as they are. Hidden state `layers` is the normalised one that the head reads, as in the reference.
 * Cross-attention is not built, nor scores scaled by the layer.
 */

import type { Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { embedding, layerNorm } from '../../onnx/layers/layers.ts';
import { causalBias } from '../../onnx/layers/positions/causal.ts';
import { tokenPositions } from '../../onnx/layers/positions/learned.ts';
import * as op from '../../onnx/operators/functions.ts';
import { activation } from './activations.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { count, flag, number, oneOf } from './config-fields.ts';
import { type VocabularyHead, vocabularyLogits } from './vocabulary-head.ts';

const PREFIX = 'transformer.';
const WORDS = `${PREFIX}wte`;

interface Gpt2Sizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly positions: number;
  readonly activation: (x: Tensor) => Tensor;
  readonly epsilon: number;
  readonly deviation: number;
  readonly dropout: { readonly embedding: number; readonly attention: number; readonly residual: number };
}

/** Parameter of an output matrix that is not the word table. */
const OUTPUT_MATRIX = 'lm_head.weight';

export const gpt2: Architecture = {
  id: 'gpt2',
  title: 'GPT-2',
  models: ['zhangtaolab/plant-dnagpt-*', 'vesteinn/gpt2-dna'],
  source: "Radford et al. 2019; checked against transformers' GPT2LMHeadModel",
  matches: (config) => config.model_type === 'gpt2',
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  oneOf(config, 'scale_attn_weights', where, [true], true);
  oneOf(config, 'scale_attn_by_inverse_layer_idx', where, [false], false);
  oneOf(config, 'add_cross_attention', where, [false], false);
  const width = count(config, 'n_embd', where);
  const heads = count(config, 'n_head', where);
  if (width % heads !== 0) throw new Error(`${where}: n_embd ${width} does not divide into n_head ${heads}`);
  const sizes: Gpt2Sizes = {
    vocabulary: count(config, 'vocab_size', where),
    width,
    layers: count(config, 'n_layer', where),
    heads,
    feedForward: count(config, 'n_inner', where, 4 * width),
    positions: count(config, 'n_positions', where),
    activation: activation(config, 'activation_function', where, 'gelu_new'),
    epsilon: number(config, 'layer_norm_epsilon', where, 1e-5),
    deviation: number(config, 'initializer_range', where, 0.02),
    dropout: {
      embedding: number(config, 'embd_pdrop', where, 0.1),
      attention: number(config, 'attn_pdrop', where, 0.1),
      residual: number(config, 'resid_pdrop', where, 0.1),
    },
  };
  const tied = flag(config, 'tie_word_embeddings', where, true);
  const head: VocabularyHead = {
    words: `${WORDS}.weight`,
    own: tied ? undefined : OUTPUT_MATRIX,
    vocabulary: sizes.vocabulary,
    deviation: sizes.deviation,
  };
  return {
    label: `GPT-2 (${sizes.layers} x ${width})`,
    dimension: width,
    layers: sizes.layers,
    heads,
    vocabularySize: sizes.vocabulary,
    maxTokens: sizes.positions,
    reads: 'causal',
    wordTable: head.words,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied },
    build: (_graph, inputs, mode) => ({
      hiddenStates: decoder(inputs, sizes, mode),
      logits: (vectors) => vocabularyLogits(vectors, head),
    }),
    // A bare `GPT2Model`, as OpenAI's own checkpoints are, has no prefix.
    sources: (parameter) =>
      parameter.startsWith(PREFIX) ? { names: [parameter, parameter.slice(PREFIX.length)] } : undefined,
  };
}

function decoder({ ids, mask }: ArchitectureInputs, sizes: Gpt2Sizes, mode: Mode): Tensor[] {
  const { width, layers, heads, deviation, epsilon, feedForward } = sizes;
  const initial = { weight: normal(deviation) };
  const words = embedding(ids, WORDS, sizes.vocabulary, width, initial); // [b, t, d]
  const places = embedding(tokenPositions(ids), `${PREFIX}wpe`, sizes.positions, width, initial); // [t, d]
  const bias = op.add(causalBias(ids), paddingBias(mask)); // [b, 1, t, t]
  // What is added to the residual stream starts smaller the more layers add to it.
  const residualDeviation = deviation / Math.sqrt(2 * layers);

  let x = dropout(op.add(words, places), sizes.dropout.embedding, mode);
  const hiddenStates = [x];
  for (let layer = 0; layer < layers; layer++) {
    const name = `${PREFIX}h.${layer}`;
    const normed = layerNorm(x, `${name}.ln_1`, { epsilon });
    const fused = conv1D(normed, `${name}.attn.c_attn`, 3 * width, deviation); // [b, t, 3d]
    const [q, k, v] = op.split(fused, 2, [width, width, width]);
    const mixed = attention(q, k, v, mode, { heads, bias, dropoutRate: sizes.dropout.attention });
    const attended = conv1D(mixed, `${name}.attn.c_proj`, width, residualDeviation);
    x = op.add(x, dropout(attended, sizes.dropout.residual, mode));
    const inner = conv1D(layerNorm(x, `${name}.ln_2`, { epsilon }), `${name}.mlp.c_fc`, feedForward, deviation);
    const fed = conv1D(sizes.activation(inner), `${name}.mlp.c_proj`, width, residualDeviation);
    x = op.add(x, dropout(fed, sizes.dropout.residual, mode));
    hiddenStates.push(layer === layers - 1 ? layerNorm(x, `${PREFIX}ln_f`, { epsilon }) : x);
  }
  return hiddenStates;
}

/** y = x W + bias with W [in, out], under `name.weight` and `name.bias`. x [b, t, in] -> [b, t, out] */
function conv1D(x: Tensor, name: string, out: number, deviation: number): Tensor {
  const inner = Number(x.shape[2]);
  const weight = x.graph.parameter(`${name}.weight`, [inner, out], normal(deviation));
  const bias = x.graph.parameter(`${name}.bias`, [out], zeros);
  const y = op.gemm(op.reshape(x, [-1, inner]), weight, bias); // [b t, out]
  return op.reshape(y, [x.shape[0], x.shape[1], out]);
}
