/**
 * GPN (Benegas, Batra and Song 2023): a masked language model over single bases, of dilated convolutions. Its first release (`model_type` ConvNet) and its successor
 * (`GPN`, with the encoders convnet and bytenet). GPN-MSA and GPN-Star read alignments, and the successor's roformer encoder is a transformer: none of
 * them is built. Hidden state `layers` is the one that the head reads, normalised in the successor.
 */

import type { Initialiser, Tensor } from '../../onnx/graph.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';
import { normal } from '../../onnx/layers/initialisers.ts';
import { embedding } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import {
  byteNetBlock,
  convNetBlock,
  type GpnBlock,
  type GpnBlockSizes,
  legacyBlock,
  norm,
  project,
} from './blocks-gpn.ts';
import { count, flag, number, oneOf } from './config-fields.ts';

const PREFIX = 'model.';
const WORDS = `${PREFIX}embeddings.word_embeddings`;

interface GpnSizes extends GpnBlockSizes {
  readonly vocabulary: number;
  readonly layers: number;
  readonly block: GpnBlock;
  /** Before a layer's number. */
  readonly layerName: string;
  /** Tokens enter by a learned table; otherwise as one-hot vectors as wide as the model. */
  readonly learnedWords: boolean;
  /** The normalisation after the last layer; undefined where there is none. */
  readonly lastNorm?: string;
  /** Dense layer and normalisation that the head has before its matrix; undefined where it has none. */
  readonly transform?: { readonly dense: string; readonly norm: string };
  readonly decoder: string;
}

export const gpn: Architecture = {
  id: 'gpn',
  title: 'GPN',
  models: ['songlab/gpn-brassicales', 'songlab/gpn-animal-promoter'],
  source: "Benegas, Batra and Song 2023 (doi 10.1073/pnas.2311219120); checked against the authors' gpn package",
  matches: ({ model_type: type, encoder }) => type === 'ConvNet' || (type === 'GPN' && encoder !== 'roformer'),
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  if (number(config, 'n_aux_features', where, 0) !== 0)
    throw new Error(
      `${where}: n_aux_features ${String(config.n_aux_features)} is not supported; known: 0 (sequence alone)`,
    );
  const sizes = config.model_type === 'ConvNet' ? legacySizes(config, where) : successorSizes(config, where);
  if (sizes.vocabulary > sizes.width)
    throw new Error(`${where}: vocab_size ${sizes.vocabulary} does not fit a hidden_size of ${sizes.width}`);
  return {
    label: `GPN (${sizes.layers} x ${sizes.width})`,
    dimension: sizes.width,
    layers: sizes.layers,
    vocabularySize: sizes.vocabulary,
    reads: 'masked',
    wordTable: sizes.learnedWords ? `${WORDS}.weight` : undefined,
    build: (_graph, inputs, mode) => ({
      hiddenStates: encoder(inputs, sizes, mode),
      logits: (vectors) => logits(vectors, sizes),
    }),
    // A bare model has no prefix.
    sources: (parameter) =>
      parameter.startsWith(PREFIX) ? { names: [parameter, parameter.slice(PREFIX.length)] } : undefined,
  };
}

/** Fields and their defaults as the first release's config class has them. */
function legacySizes(config: RawConfig, where: string): GpnSizes {
  const width = count(config, 'hidden_size', where, 512);
  const layers = count(config, 'n_layers', where, 25);
  const kernel = count(config, 'kernel_size', where, 9);
  return {
    vocabulary: count(config, 'vocab_size', where, 7),
    width,
    layers,
    feedForward: width,
    kernels: [kernel, kernel],
    dilations: dilations(config, where, layers, { longest: 32, cycle: 6 }),
    depthwise: false,
    slim: false,
    bias: true,
    dropout: 0,
    deviation: number(config, 'initializer_range', where, 0.02),
    block: legacyBlock,
    layerName: `${PREFIX}encoder.`,
    learnedWords: false,
    transform: { dense: 'cls.decoder.0', norm: 'cls.decoder.2' },
    decoder: 'cls.decoder.3',
  };
}

/** Fields and their defaults as the successor's config class has them. */
function successorSizes(config: RawConfig, where: string): GpnSizes {
  const layers = count(config, 'num_hidden_layers', where, 25);
  const byteNet = oneOf(config, 'encoder', where, ['convnet', 'bytenet'], 'convnet') === 'bytenet';
  const [slim, depthwise] = [flag(config, 'slim', where, false), flag(config, 'depthwise', where, false)];
  if (byteNet && slim && depthwise)
    throw new Error(`${where}: slim and depthwise are not supported together, nor does the reference run them`);
  oneOf(config, 'tie_word_embeddings', where, [false], false);
  return {
    vocabulary: count(config, 'vocab_size', where, 7),
    width: count(config, 'hidden_size', where, 512),
    layers,
    feedForward: count(config, 'intermediate_size', where, 2048),
    kernels: [count(config, 'first_kernel_size', where, 9), count(config, 'rest_kernel_size', where, 5)],
    dilations: dilations(config, where, layers, { longest: 9999, cycle: 8 }),
    depthwise,
    slim,
    bias: flag(config, 'bias', where, false),
    dropout: number(config, 'hidden_dropout_prob', where, 0),
    deviation: number(config, 'initializer_range', where, 0.02),
    block: byteNet ? byteNetBlock : convNetBlock,
    layerName: `${PREFIX}encoder.layer.`,
    learnedWords: oneOf(config, 'embedding', where, ['one_hot', 'embedding'], 'one_hot') === 'embedding',
    lastNorm: `${PREFIX}ln_f`,
    transform: flag(config, 'mlm_head_transform', where, true)
      ? { dense: 'cls.transform.0', norm: 'cls.transform.2' }
      : undefined,
    decoder: 'cls.decoder',
  };
}

/** Steps between a convolution's taps, layer by layer: powers of a base that start again every cycle. */
function dilations(
  config: RawConfig,
  where: string,
  layers: number,
  defaults: { readonly longest: number; readonly cycle: number },
): number[] {
  const longest = count(config, 'dilation_max', where, defaults.longest);
  const cycle = count(config, 'dilation_cycle', where, defaults.cycle);
  const [base, every] = [count(config, 'dilation_base', where, 2), count(config, 'dilation_double_every', where, 1)];
  return Array.from({ length: layers }, (_, i) => Math.min(longest, base ** Math.floor((i % cycle) / every)));
}

function encoder({ ids, mask }: ArchitectureInputs, sizes: GpnSizes, mode: Mode): Tensor[] {
  const real = op.cast(op.unsqueeze(mask, [2]), 'float32'); // [b, t, 1]
  let x = embed(ids, sizes); // [b, t, d]
  const hiddenStates = [x];
  for (let layer = 0; layer < sizes.layers; layer++) {
    x = sizes.block(x, real, `${sizes.layerName}${layer}`, layer, sizes, mode);
    hiddenStates.push(layer === sizes.layers - 1 && sizes.lastNorm ? norm(x, sizes.lastNorm, sizes) : x);
  }
  return hiddenStates;
}

function embed(ids: Tensor, { vocabulary, width, learnedWords, deviation }: GpnSizes): Tensor {
  if (learnedWords) return embedding(ids, WORDS, vocabulary, width, { weight: withoutPadding(normal(deviation)) });
  const identity = new Float32Array(vocabulary * width);
  for (let id = 0; id < vocabulary; id++) identity[id * width + id] = 1;
  return op.gather(ids.graph.constant(identity, [vocabulary, width]), ids);
}

/** The first row, that of the padding token, starts at zero. */
const withoutPadding =
  (initialise: Initialiser): Initialiser =>
  (random, shape) =>
    initialise(random, shape).fill(0, 0, shape[1]);

/** [m, d] -> [m, vocabulary] */
function logits(vectors: Tensor, sizes: GpnSizes): Tensor {
  const { transform, decoder, vocabulary, width } = sizes;
  const read = transform
    ? norm(op.gelu(project(vectors, transform.dense, width, sizes)), transform.norm, sizes)
    : vectors;
  return project(read, decoder, vocabulary, sizes);
}
