/**
 * HyenaDNA (Nguyen et al. 2023): a causal decoder without attention. Each block mixes tokens by a Hyena operator of order 2 (Poli et al. 2023): a short depthwise
 * convolution, then a gate, a convolution as long as the input, and another gate. The long filter is not stored but computed from the places by a
 * small network with sine activations, under an exponential window. Names and config are those of the authors' port for the hub (`-hf`); their first
 * checkpoints (`.ckpt`, settings under `layer`) are not read.
 *
 * The long convolution is exact up to `max_seq_len` (`../../onnx/layers/long-convolution.ts`). Hidden state `layers` is the normalised one that the head reads, as in GPT-2;
 * the reference lists the last block's output before it as one state more.
 */

import type { Initialiser, Tensor } from '../../onnx/graph.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { constant, normal, torchBias, torchUniform, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, embedding, layerNorm } from '../../onnx/layers/layers.ts';
import { longConvolution, longConvolutionBlock } from '../../onnx/layers/long-convolution.ts';
import { tokenPositions } from '../../onnx/layers/positions/learned.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { Architecture, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { count, flag, number, oneOf } from './config-fields.ts';
import { type VocabularyHead, vocabularyLogits } from './vocabulary-head.ts';

const PREFIX = 'hyena.';
const BACKBONE = `${PREFIX}backbone.`;
const WORDS = `${BACKBONE}embeddings.word_embeddings`;

/** Taps of the short convolution. */
const SHORT = 3;
/** The exponential windows fall to TARGET of their start within these shares of the longest input, from the first channel to the last. */
const TARGET = 1e-2;
const SLOWEST = 1.5;
const FASTEST = 0.3;
/** What a window keeps however far it reaches. */
const SHIFT = 0.05;

interface HyenaSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly feedForward: number;
  /** Longest input: what the filter's places are measured against. */
  readonly longest: number;
  /** Entries that describe a place: its share of the longest input, and cosines and sines of it. */
  readonly placeWidth: number;
  readonly filterWidth: number;
  /** Layers of the filter's network between the first and the last. */
  readonly innerLayers: number;
  /** Of the sine activations, at the start. */
  readonly frequency: number;
  readonly trainFrequency: boolean;
  readonly epsilon: number;
  readonly deviation: number;
  readonly embeddingDropout: number;
  readonly mixerDropout: number;
}

/** Parameter of an output matrix that is not the word table. */
const OUTPUT_MATRIX = 'lm_head.weight';

export const hyenaDna: Architecture = {
  id: 'hyena-dna',
  title: 'HyenaDNA',
  models: [
    'LongSafari/hyenadna-tiny-1k-seqlen-hf, -tiny-1k-seqlen-d256-hf',
    'LongSafari/hyenadna-small-32k-seqlen-hf, -medium-160k-seqlen-hf, -medium-450k-seqlen-hf, -large-1m-seqlen-hf',
  ],
  source: "Nguyen et al. 2023 (arXiv 2306.15794); checked against the authors' standalone_hyenadna.py",
  matches: (config) => config.model_type === 'hyenadna',
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  oneOf(config, 'hyena_order', where, [2], 2);
  oneOf(config, 'short_filter_order', where, [SHORT], SHORT);
  const width = count(config, 'd_model', where);
  const multiple = count(config, 'pad_vocab_size_multiple', where, 8);
  const sizes: HyenaSizes = {
    // The table is filled up to a multiple; no token has the ids added.
    vocabulary: Math.ceil(count(config, 'vocab_size', where) / multiple) * multiple,
    width,
    layers: count(config, 'n_layer', where),
    feedForward: count(config, 'd_inner', where, 4 * width),
    longest: count(config, 'max_seq_len', where),
    placeWidth: count(config, 'emb_dim', where, 3),
    filterWidth: count(config, 'filter_order', where, 64),
    innerLayers: count(config, 'num_inner_mlps', where, 2),
    frequency: number(config, 'activation_freq', where, 1),
    trainFrequency: flag(config, 'train_freq', where, true),
    epsilon: number(config, 'layer_norm_epsilon', where, 1e-5),
    deviation: number(config, 'initializer_range', where, 0.02),
    embeddingDropout: number(config, 'embed_dropout', where, 0.1),
    mixerDropout: number(config, 'hyena_dropout', where, 0),
  };
  if (sizes.placeWidth < 3 || sizes.placeWidth % 2 === 0)
    throw new Error(`${where}: emb_dim = ${sizes.placeWidth}; an odd number of at least 3 is needed`);
  if (sizes.longest < 2) throw new Error(`${where}: max_seq_len = ${sizes.longest}; at least 2 is needed`);
  const tied = flag(config, 'tie_word_embeddings', where, false);
  const head: VocabularyHead = {
    words: `${WORDS}.weight`,
    own: tied ? undefined : OUTPUT_MATRIX,
    vocabulary: sizes.vocabulary,
    deviation: sizes.deviation,
  };
  return {
    label: `HyenaDNA (${sizes.layers} x ${width})`,
    dimension: width,
    layers: sizes.layers,
    vocabularySize: sizes.vocabulary,
    maxTokens: sizes.longest,
    reads: 'causal',
    wordTable: head.words,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied },
    // Padding stands after what is read, and nothing here looks ahead: the mask has no part.
    build: (_graph, { ids }, mode) => ({
      hiddenStates: decoder(ids, sizes, mode),
      logits: (vectors) => vocabularyLogits(vectors, head),
    }),
    sources,
  };
}

/** A bare `HyenaDNAModel` has no prefix. The sine layers of one filter share their frequencies, which a file may keep under any of them. */
function sources(parameter: string) {
  const shared = /^(.*\.implicit_filter\.)1(\.freq)$/.exec(parameter);
  const names = shared ? [1, 3, 5].map((layer) => `${shared[1]}${layer}${shared[2]}`) : [parameter];
  const bare = names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  return { names: [...names, ...bare] };
}

function decoder(ids: Tensor, sizes: HyenaSizes, mode: Mode): Tensor[] {
  const { width, layers, epsilon } = sizes;
  const initial = { weight: normal(sizes.deviation), biasInitialiser: zeros };
  // What is added to the residual stream starts smaller the more layers add to it.
  const residual = { ...initial, weight: normal(sizes.deviation / Math.sqrt(2 * layers)) };

  let x = embedding(ids, WORDS, sizes.vocabulary, width, initial); // [b, t, d]
  const hiddenStates = [x];
  x = dropout(x, sizes.embeddingDropout, mode);
  for (let layer = 0; layer < layers; layer++) {
    const name = `${BACKBONE}layers.${layer}`;
    const projected = dense(layerNorm(x, `${name}.norm1`, { epsilon }), `${name}.mixer.in_proj`, 3 * width, initial);
    const mixed = hyena(projected, `${name}.mixer`, sizes, mode);
    x = op.add(x, dense(mixed, `${name}.mixer.out_proj`, width, residual));
    const inner = dense(layerNorm(x, `${name}.norm2`, { epsilon }), `${name}.mlp.fc1`, sizes.feedForward, initial);
    x = op.add(x, dense(op.gelu(inner, 'tanh'), `${name}.mlp.fc2`, width, residual));
    hiddenStates.push(layer === layers - 1 ? layerNorm(x, `${BACKBONE}ln_f`, { epsilon }) : x);
  }
  return hiddenStates;
}

/** Gate, long convolution with a share of its input, gate. x [b, t, 3d]: both gates and what they let through -> [b, t, d] */
function hyena(x: Tensor, name: string, sizes: HyenaSizes, mode: Mode): Tensor {
  const { width, longest } = sizes;
  const channels = shortConvolution(op.transpose(x, [0, 2, 1]), `${name}.short_filter`); // [b, 3d, t]
  const [outer, inner, value] = op.split(channels, 1, [width, width, width]); // [b, d, t] each
  const gated = dropout(op.multiply(value, inner), sizes.mixerDropout, mode);
  const filter = implicitFilter(x, `${name}.filter_fn`, sizes); // [d, t]
  const share = x.graph.parameter(`${name}.filter_fn.bias`, [width], normal(1));
  const reached = longConvolution(gated, filter, longConvolutionBlock(longest));
  const mixed = op.add(reached, op.multiply(gated, op.unsqueeze(share, [1])));
  return op.transpose(op.multiply(mixed, outer), [0, 2, 1]);
}

/** Each channel's last SHORT tokens, weighed. x [b, c, t] -> [b, c, t]; `name.weight` [c, 1, SHORT]. */
function shortConvolution(x: Tensor, name: string): Tensor {
  const channels = Number(x.shape[1]);
  const weight = x.graph.parameter(`${name}.weight`, [channels, 1, SHORT], torchUniform);
  const bias = x.graph.parameter(`${name}.bias`, [channels], torchBias(SHORT));
  const window = { kernel_shape: [SHORT], strides: [1], dilations: [1], pads: [SHORT - 1, 0], group: channels };
  return x.graph.node('Conv', [x, weight, bias], window)[0];
}

/** The long filter over the places 0..t-1 of x [b, t, ...]: a network with sine activations, under each channel's window. -> [d, t] */
function implicitFilter(x: Tensor, name: string, sizes: HyenaSizes): Tensor {
  const { width, longest, placeWidth, filterWidth, innerLayers } = sizes;
  const graph = x.graph;
  const initial = { weight: normal(sizes.deviation), biasInitialiser: zeros };
  const layer = (index: number) => `${name}.implicit_filter.${2 * index}`;
  const frequency = sizes.trainFrequency
    ? graph.parameter(`${name}.implicit_filter.1.freq`, [1, filterWidth], constant(sizes.frequency))
    : graph.scalar(sizes.frequency);
  const table = graph.parameter(`${name}.pos_emb.z`, [1, longest, placeWidth], placeCodes);

  const positions = tokenPositions(x); // [t]
  let y = op.gather(op.reshape(table, [longest, placeWidth]), positions); // [t, placeWidth]
  for (let index = 0; index <= innerLayers; index++)
    y = op.sin(op.multiply(dense(y, layer(index), filterWidth, initial), frequency)); // [t, filterWidth]
  const raw = dense(y, layer(innerLayers + 1), width, { ...initial, bias: false }); // [t, d]
  const share = op.divide(op.cast(op.unsqueeze(positions, [1]), 'float32'), longest - 1); // [t, 1]
  const rates = graph.constant(decayRates(width), [1, width]);
  const window = op.add(op.exp(op.negate(op.multiply(share, rates))), SHIFT); // [t, d]
  return op.transpose(op.multiply(raw, window), [1, 0]);
}

/** How fast each channel's window falls over the longest input: evenly from the slowest to the fastest. */
function decayRates(width: number): Float32Array {
  const [least, most] = [-Math.log(TARGET) / SLOWEST, -Math.log(TARGET) / FASTEST];
  return Float32Array.from({ length: width }, (_, c) => least + ((most - least) * c) / Math.max(1, width - 1));
}

/** What places start from, [1, longest, 1 + 2 bands]: the share of the longest input, then cosines and sines of `bands` frequencies. */
const placeCodes: Initialiser = (_random, [, longest, placeWidth]) => {
  const bands = (placeWidth - 1) / 2;
  const codes = new Float32Array(longest * placeWidth);
  for (let t = 0; t < longest; t++) {
    const row = t * placeWidth;
    codes[row] = t / (longest - 1);
    for (let band = 0; band < bands; band++) {
      const cycles = band === 0 ? 1e-4 : 1e-4 + ((bands - 1 - 1e-4) * band) / (bands - 1);
      const angle = (2 * Math.PI * t * cycles) / longest;
      codes[row + 1 + band] = Math.cos(angle);
      codes[row + 1 + bands + band] = -Math.sin(angle);
    }
  }
  return codes;
};
