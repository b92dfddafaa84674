/**
 * ESM (Rives et al. 2021; Lin et al. 2023) as the Nucleotide Transformer has it: blocks that normalise before attention and feed-forward, a last
 * normalisation after them, learned or rotary positions, and ESM's token dropout, whose rescaling stays at inference. The feed-forward part is
 * GELU between biased layers (version 1), or gated (version 2, `nucleotide-transformer-v2.ts`). Folding, contact maps and decoders are not built.
 */

import type { Graph, Initialiser, Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, embedding, layerNorm, linear, silu } from '../../onnx/layers/layers.ts';
import { tokenPositions } from '../../onnx/layers/positions/learned.ts';
import { rotary, rotaryFrequencies, rotaryTables } from '../../onnx/layers/positions/rotary.ts';
import * as op from '../../onnx/operators/functions.ts';
import type {
  Architecture,
  ArchitectureInputs,
  ConfiguredArchitecture,
  ParameterSource,
  RawConfig,
} from './architecture.ts';
import { count, flag, headCount, number, oneOf } from './config-fields.ts';
import { GATED, gatedDense, packedSource } from './packed.ts';

/** Share of tokens that ESM's training hid: what token dropout rescales to (0.8 of 15% became the mask token). */
const MASKED_IN_TRAINING = 0.15 * 0.8;
const WORDS = 'esm.embeddings.word_embeddings';
/** Parameter of an output matrix that is not the word table. */
const OUTPUT_MATRIX = 'lm_head.decoder.weight';

/** What decides the graph. */
interface EsmSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly positions: number;
  readonly positionType: 'absolute' | 'rotary';
  readonly theta: number;
  readonly epsilon: number;
  readonly deviation: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  /** Normalise the embeddings before the first block. */
  readonly normaliseFirst: boolean;
  /** Rescale for hidden tokens; `maskId` are their ids. */
  readonly tokenDropout: boolean;
  readonly maskId: number;
  readonly paddingId: number;
  /** Logits are made with the word table rather than a matrix of their own. */
  readonly tied: boolean;
  /** SiLU(first half) * second half of a projection twice as wide, in place of GELU. */
  readonly gated: boolean;
  readonly feedForwardBias: boolean;
}

export const esm: Architecture = {
  id: 'esm',
  title: 'ESM',
  models: [
    'InstaDeepAI/nucleotide-transformer-500m-human-ref, -500m-1000g',
    'InstaDeepAI/nucleotide-transformer-2.5b-1000g, -2.5b-multi-species',
    'InstaDeepAI/agro-nucleotide-transformer-1b',
  ],
  source: "Dalla-Torre et al. 2025, Nucleotide Transformer; checked against transformers' EsmForMaskedLM",
  matches: (config) => config.model_type === 'esm' && !('add_bias_fnn' in config) && config.is_folding_model !== true,
  configure: (config, where) => configureEsm(config, where, { gated: false, label: 'ESM' }),
};

export function configureEsm(
  config: RawConfig,
  where: string,
  { gated, label }: { gated: boolean; label: string },
): ConfiguredArchitecture {
  if (config.is_decoder === true) throw new Error(`${where}: is_decoder is not supported; an ESM reads both sides`);
  // Without a word on the activation it is GELU: the reference's config class has no such field.
  oneOf(config, 'hidden_act', where, ['gelu'], 'gelu');
  const sizes: EsmSizes = {
    vocabulary: count(config, 'vocab_size', where),
    width: count(config, 'hidden_size', where),
    layers: count(config, 'num_hidden_layers', where),
    heads: headCount(config, where),
    feedForward: count(config, 'intermediate_size', where),
    positions: count(config, 'max_position_embeddings', where),
    positionType: oneOf(config, 'position_embedding_type', where, ['absolute', 'rotary'], 'absolute'),
    theta: number(config, 'rope_theta', where, 10000),
    epsilon: number(config, 'layer_norm_eps', where, 1e-12),
    deviation: number(config, 'initializer_range', where, 0.02),
    hiddenDropout: number(config, 'hidden_dropout_prob', where, 0.1),
    attentionDropout: number(config, 'attention_probs_dropout_prob', where, 0.1),
    normaliseFirst: (config.emb_layer_norm_before ?? false) === true,
    tokenDropout: flag(config, 'token_dropout', where, false),
    maskId: number(config, 'mask_token_id', where),
    paddingId: number(config, 'pad_token_id', where),
    tied: flag(config, 'tie_word_embeddings', where, true),
    gated,
    feedForwardBias: !gated || flag(config, 'add_bias_fnn', where, true),
  };
  return {
    label: `${label} (${sizes.layers} x ${sizes.width})`,
    dimension: sizes.width,
    layers: sizes.layers,
    heads: sizes.heads,
    vocabularySize: sizes.vocabulary,
    // Learned positions begin after the padding's; rotary ones end where training did.
    maxTokens: sizes.positions - sizes.paddingId - 1,
    reads: 'masked',
    wordTable: `${WORDS}.weight`,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied: sizes.tied },
    build: (graph, inputs, mode) => ({
      hiddenStates: hiddenStates(graph, inputs, sizes, mode),
      logits: (vectors) => logits(vectors, sizes),
    }),
    sources: (parameter) => sources(parameter, sizes),
  };
}

/** A bare `EsmModel` has no prefix. */
function sources(parameter: string, { gated, feedForward: rows }: EsmSizes): ParameterSource {
  const packed = gated ? packedSource(parameter, { '.intermediate.dense': { parts: GATED, rows } }) : undefined;
  const { names, ...part } = packed ?? { names: [parameter] };
  return {
    names: names.flatMap((name) => (name.startsWith('esm.') ? [name, name.slice('esm.'.length)] : [name])),
    ...part,
  };
}

function hiddenStates(graph: Graph, { ids, mask }: ArchitectureInputs, sizes: EsmSizes, mode: Mode): Tensor[] {
  const initial = { weight: normal(sizes.deviation), biasInitialiser: zeros };
  const { width, heads } = sizes;
  const norm = (x: Tensor, name: string) => layerNorm(x, name, { epsilon: sizes.epsilon });
  const drop = (x: Tensor) => dropout(x, sizes.hiddenDropout, mode);
  const turn =
    sizes.positionType === 'rotary' ? rotaryTables(ids, rotaryFrequencies(width / heads, sizes.theta)) : undefined;
  const bias = paddingBias(mask); // [b, 1, 1, t]

  let x = embeddings(graph, ids, mask, sizes); // [b, t, d]
  const hidden = [x];
  for (let i = 0; i < sizes.layers; i++) {
    const name = `esm.encoder.layer.${i}`;
    const normed = norm(x, `${name}.attention.LayerNorm`);
    const part = (which: string) => dense(normed, `${name}.attention.self.${which}`, width, initial);
    const mixed = attention(part('query'), part('key'), part('value'), mode, {
      heads,
      bias,
      dropoutRate: sizes.attentionDropout,
      rotate: turn && ((head) => rotary(head, turn)),
    });
    x = op.add(drop(dense(mixed, `${name}.attention.output.dense`, width, initial)), x);
    const inner = feedForward(norm(x, `${name}.LayerNorm`), `${name}.intermediate.dense`, sizes); // [b, t, f]
    const out = dense(inner, `${name}.output.dense`, width, { ...initial, bias: sizes.feedForwardBias });
    x = op.add(drop(out), x);
    hidden.push(x);
  }
  // The reference gives the last hidden state normalised, and only that one.
  hidden[sizes.layers] = norm(x, 'esm.encoder.emb_layer_norm_after');
  return hidden;
}

/** [b, t, d] -> [b, t, f] */
function feedForward(x: Tensor, name: string, { feedForward: inner, gated, feedForwardBias, deviation }: EsmSizes) {
  const options = { weight: normal(deviation), biasInitialiser: zeros, bias: feedForwardBias };
  return gated ? gatedDense(x, name, inner, silu, options) : op.gelu(dense(x, name, inner, options));
}

/** Word embeddings, rescaled for hidden tokens, with learned positions where there are such. -> [b, t, d] */
function embeddings(graph: Graph, ids: Tensor, mask: Tensor, sizes: EsmSizes): Tensor {
  const table = zeroRow(normal(sizes.deviation), sizes.paddingId);
  let x = embedding(ids, WORDS, sizes.vocabulary, sizes.width, { weight: table });
  if (sizes.tokenDropout) {
    // Embeddings of hidden tokens are zero, and the row is scaled by (1 - share hidden in training) / (1 - share hidden here).
    const isHidden = op.equal(ids, graph.scalar(sizes.maskId, 'int64')); // [b, t]
    const real = op.cast(mask, 'float32');
    const hiddenCount = op.reduceSum(op.multiply(op.cast(isHidden, 'float32'), real), [1], true); // [b, 1]
    const seen = op.subtract(1, op.divide(hiddenCount, op.reduceSum(real, [1], true))); // [b, 1]
    x = op.where(op.unsqueeze(isHidden, [2]), 0, x);
    x = op.multiply(x, op.unsqueeze(op.divide(1 - MASKED_IN_TRAINING, seen), [2]));
  }
  if (sizes.positionType === 'absolute') {
    const name = 'esm.embeddings.position_embeddings.weight';
    const positions = graph.parameter(name, [sizes.positions, sizes.width], table);
    x = op.add(x, op.gather(positions, op.add(tokenPositions(ids), sizes.paddingId + 1)));
  }
  return sizes.normaliseFirst ? layerNorm(x, 'esm.embeddings.layer_norm', { epsilon: sizes.epsilon }) : x;
}

/** Vectors [m, d] -> [m, vocabulary]. */
function logits(vectors: Tensor, sizes: EsmSizes): Tensor {
  const graph = vectors.graph;
  const initial = { weight: normal(sizes.deviation), biasInitialiser: zeros };
  const transformed = op.gelu(dense(vectors, 'lm_head.dense', sizes.width, initial));
  const normed = layerNorm(transformed, 'lm_head.layer_norm', { epsilon: sizes.epsilon });
  const words = graph.parameters.get(`${WORDS}.weight`);
  if (!words) throw new Error('ESM logits need the hidden states built before them in the same graph');
  const decoder = sizes.tied
    ? words.tensor
    : graph.parameter(OUTPUT_MATRIX, [sizes.vocabulary, sizes.width], initial.weight);
  return linear(normed, decoder, graph.parameter('lm_head.bias', [sizes.vocabulary], zeros));
}

/** The scheme of a table whose padding row is zero. */
function zeroRow(initialiser: Initialiser, row: number): Initialiser {
  return (random, shape) => {
    const values = initialiser(random, shape);
    return values.fill(0, row * shape[1], (row + 1) * shape[1]);
  };
}
