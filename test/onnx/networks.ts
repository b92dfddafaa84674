/** The networks and blocks of the goldens, built from the engine's layers under the goldens' parameter names. For tests only. */

import type { Tensor } from '../../src/onnx/graph.ts';
import { type AttentionOptions, attention, paddingBias } from '../../src/onnx/layers/attention.ts';
import { INFERENCE, type Mode } from '../../src/onnx/layers/dropout.ts';
import { ones, zeros } from '../../src/onnx/layers/initialisers.ts';
import {
  averagePool1d,
  batchNorm,
  type Conv1dOptions,
  conv1d,
  dense,
  embedding,
  layerNorm,
  linear,
  maxPool1d,
  rmsNorm,
  silu,
} from '../../src/onnx/layers/layers.ts';
import { rotary, rotaryFrequencies, rotaryTables } from '../../src/onnx/layers/positions/rotary.ts';
import * as op from '../../src/onnx/operators/functions.ts';

const join = (prefix: string, name: string) => (prefix ? `${prefix}.${name}` : name);

interface BlockOptions {
  readonly heads: number;
  readonly feedForward: number;
}

/** Projections query, key, value [b, t, d], attention, projection output. */
export function selfAttention(x: Tensor, prefix: string, options: AttentionOptions): Tensor {
  const width = Number(x.shape[2]);
  const [q, k, v] = ['query', 'key', 'value'].map((name) => dense(x, join(prefix, name), width));
  return dense(attention(q, k, v, INFERENCE, options), join(prefix, 'output'), width);
}

/** transformers' BertLayer: post-norm, GELU. */
export function bertLayer(x: Tensor, prefix: string, bias: Tensor, { heads, feedForward }: BlockOptions): Tensor {
  const at = (name: string) => join(prefix, name);
  const width = Number(x.shape[2]);
  const [q, k, v] = ['query', 'key', 'value'].map((name) => dense(x, at(`attention.self.${name}`), width));
  const mixed = dense(attention(q, k, v, INFERENCE, { heads, bias }), at('attention.output.dense'), width);
  const y = layerNorm(op.add(mixed, x), at('attention.output.LayerNorm'), { epsilon: 1e-12 });
  const hidden = op.gelu(dense(y, at('intermediate.dense'), feedForward));
  return layerNorm(op.add(dense(hidden, at('output.dense'), width), y), at('output.LayerNorm'), { epsilon: 1e-12 });
}

/** nn.TransformerEncoderLayer with norm_first; query, key and value in one projection. */
export function preNormBlock(x: Tensor, bias: Tensor, { heads, feedForward }: BlockOptions): Tensor {
  const width = Number(x.shape[2]);
  const normed = layerNorm(x, 'norm1');
  const weight = x.graph.parameter('self_attn.in_proj_weight', [3 * width, width], zeros);
  const shift = x.graph.parameter('self_attn.in_proj_bias', [3 * width], zeros);
  const [q, k, v] = op.split(linear(normed, weight, shift), 2, [width, width, width]);
  const y = op.add(x, dense(attention(q, k, v, INFERENCE, { heads, bias }), 'self_attn.out_proj', width));
  return op.add(y, dense(op.gelu(dense(layerNorm(y, 'norm2'), 'linear1', feedForward)), 'linear2', width));
}

/** RMS norm, rotary positions, SwiGLU. */
export function modernBlock(x: Tensor, bias: Tensor, { heads, feedForward }: BlockOptions): Tensor {
  const width = Number(x.shape[2]);
  const turn = rotaryTables(x, rotaryFrequencies(width / heads));
  const rotate = (states: Tensor) => rotary(states, turn);
  const y = op.add(x, selfAttention(rmsNorm(x, 'attentionNorm'), 'attention', { heads, bias, rotate }));
  const h = rmsNorm(y, 'feedForwardNorm');
  const gate = silu(dense(h, 'gate', feedForward, { bias: false }));
  const hidden = op.multiply(gate, dense(h, 'up', feedForward, { bias: false }));
  return op.add(y, dense(hidden, 'down', width, { bias: false }));
}

export interface NetworkSettings {
  readonly length: number;
  readonly outputs: number;
  readonly widths: readonly number[];
  readonly dense: number | readonly number[];
  readonly embedding: number;
  readonly vocabulary: number;
  readonly letters: number;
  readonly epsilon: number;
  readonly momentum: number;
}

const flattenRows = (x: Tensor) => x.graph.node('Flatten', [x], { axis: 1 })[0];

/** chip_cnn on one-hot input: conv k7, k5, k5 each BN, ReLU, max-pool 4, 4, 2; dense, BN, ReLU; head. x [b, 4, t]. */
export function chipCnn(x: Tensor, mode: Mode, settings: NetworkSettings): Tensor {
  const kernels = [7, 5, 5];
  const pools = [4, 4, 2];
  let y = x;
  settings.widths.forEach((width, i) => {
    const convolved = conv1d(y, `conv${i + 1}`, width, kernels[i]);
    y = maxPool1d(op.relu(batchNorm(convolved, `norm${i + 1}`, mode, settings)), pools[i]);
  });
  const hidden = op.relu(batchNorm(dense(flattenRows(y), 'dense', Number(settings.dense)), 'norm4', mode, settings));
  return dense(hidden, 'head', settings.outputs);
}

/** The one-hot ResNet: conv k19, a block of dilated convolutions, pools, position-wise dense, dense, head. x [b, 4, t]. */
export function resNet(x: Tensor, mode: Mode, settings: NetworkSettings): Tensor {
  const [first, second] = settings.widths;
  const [position, last] = settings.dense as readonly number[];
  const norm = (value: Tensor, name: string) => batchNorm(value, name, mode, settings);
  const stem = silu(norm(conv1d(x, 'conv1', first, 19), 'norm1'));
  let y = stem;
  [1, 1, 2, 4, 8, 16].forEach((dilation, i) => {
    const options: Conv1dOptions = { dilation, bias: false };
    y = norm(conv1d(i === 0 ? y : silu(y), `block.convs.${i}`, first, 3, options), `block.norms.${i}`);
  });
  y = maxPool1d(silu(op.add(stem, y)), 5);
  y = maxPool1d(silu(norm(conv1d(y, 'conv2', second, 7), 'norm2')), 5);
  y = averagePool1d(silu(norm(conv1d(y, 'position', position, 1), 'norm3')), 2);
  return dense(silu(norm(dense(flattenRows(y), 'dense', last), 'norm4')), 'head', settings.outputs);
}

/**
 * BarcodeBERT's CNN, whose kernels are 3 positions by 1 letter: every letter's row goes through the same 1-D convolutions, so letters
 * join the batch. x [b, 1, t, letters].
 */
export function barcodeCnn(x: Tensor, mode: Mode, settings: NetworkSettings): Tensor {
  const { letters, length } = settings;
  const batch = Number(x.shape[0]);
  let y = op.reshape(op.transpose(x, [0, 3, 1, 2]), [batch * letters, 1, length]);
  settings.widths.forEach((width, i) => {
    const convolved = op.relu(conv1d(y, `conv${i + 1}`, width, 3));
    y = maxPool1d(batchNorm(convolved, `bn${i + 1}`, mode, settings), 3);
  });
  const [, channels, steps] = y.shape;
  const back = op.transpose(op.reshape(y, [batch, letters, channels, steps]), [0, 2, 3, 1]); // [b, c, t', letters]
  const normed = batchNorm(flattenRows(back), 'bn4', mode, settings);
  return dense(op.tanh(dense(normed, 'fc1', settings.embedding)), 'fc2', settings.outputs);
}

/** Genomic Benchmarks' CNN: embedded letters, three times conv k8 (valid), BN, ReLU, max-pool 2; two dense layers. tokens [b, t]. */
export function genomicBenchmarksCnn(tokens: Tensor, mode: Mode, settings: NetworkSettings): Tensor {
  let y = op.transpose(embedding(tokens, 'embeddings', settings.vocabulary, settings.embedding), [0, 2, 1]);
  settings.widths.forEach((width, i) => {
    const convolved = conv1d(y, `conv${i + 1}`, width, 8, { padding: 'valid' });
    y = maxPool1d(op.relu(batchNorm(convolved, `norm${i + 1}`, mode, settings)), 2);
  });
  return dense(dense(flattenRows(y), 'lin1', Number(settings.dense)), 'lin2', settings.outputs);
}

export interface BertSettings extends BlockOptions {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly positions: number;
}

/** transformers' BertForMaskedLM with the decoder tied to the word embeddings. Hidden states of every layer, and logits. */
export function bertForMaskedLM(
  tokens: Tensor,
  mask: Tensor,
  settings: BertSettings,
): { hiddenStates: Tensor[]; logits: Tensor } {
  const { graph } = tokens;
  const { width, vocabulary } = settings;
  const count = Number(tokens.shape[1]);
  const table = (name: string, rows: number) => graph.parameter(`bert.embeddings.${name}.weight`, [rows, width], ones);
  const words = table('word_embeddings', vocabulary);
  const positions = op.slice(table('position_embeddings', settings.positions), 0, 0, count); // [t, d]
  const types = op.slice(table('token_type_embeddings', 2), 0, 0, 1); // [1, d]
  const summed = op.add(op.add(op.gather(words, tokens), types), positions);
  const hiddenStates = [layerNorm(summed, 'bert.embeddings.LayerNorm', { epsilon: 1e-12 })];
  const bias = paddingBias(mask);
  for (let layer = 0; layer < settings.layers; layer++)
    hiddenStates.push(bertLayer(hiddenStates[layer], `bert.encoder.layer.${layer}`, bias, settings));
  const last = hiddenStates[settings.layers];
  const head = op.gelu(dense(last, 'cls.predictions.transform.dense', width));
  const normed = layerNorm(head, 'cls.predictions.transform.LayerNorm', { epsilon: 1e-12 });
  const shift = graph.parameter('cls.predictions.bias', [vocabulary], zeros);
  return { hiddenStates, logits: linear(normed, words, shift) };
}
