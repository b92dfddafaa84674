/**
 * BERT (Devlin et al. 2019) as graphs: the encoder with all its hidden states, and the
 * masked-language-model head tied to the word embeddings. Parameter names, layouts and config
 * fields are those of Hugging Face's `BertForMaskedLM`, so checkpoints can be exchanged in both
 * directions.
 */

import type { Graph, Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, embedding, layerNorm, linear } from '../../onnx/layers/layers.ts';
import { softmaxCrossEntropy } from '../../onnx/layers/losses.ts';
import { causalBias } from '../../onnx/layers/positions/causal.ts';
import { tokenPositions } from '../../onnx/layers/positions/learned.ts';
import * as op from '../../onnx/operators/functions.ts';
import { rowsAt } from '../../onnx/row-selection.ts';

/** The fields of Hugging Face's `BertConfig` that determine the graph. */
export interface BertConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
  readonly initializer_range: number;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
}

export interface BertOptions {
  /**
   * Prefix of every parameter name. Default `bert.`, as in `BertForMaskedLM`; a bare `BertModel`
   * has none.
   */
  readonly prefix?: string;
  /** int64 [b, t] rows of the position table. Default 0..t-1. */
  readonly positions?: Tensor;
  /** Tokens attend only to themselves and earlier tokens. */
  readonly causal?: boolean;
}

/**
 * Hidden states 0 (embeddings) .. num_hidden_layers. `input`: int64 ids [b, t], or float vectors
 * [b, t, d] instead of word embeddings; mask int64 [b, t] -> each [b, t, d].
 */
export function bertHiddenStates(
  input: Tensor,
  mask: Tensor | null,
  config: BertConfig,
  mode: Mode,
  options: BertOptions = {},
): Tensor[] {
  const graph = input.graph;
  const { prefix = 'bert.' } = options;
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  const epsilon = { epsilon: config.layer_norm_eps };
  const width = config.hidden_size;
  const drop = (x: Tensor) => dropout(x, config.hidden_dropout_prob, mode);

  const words = input.dtype === 'int64' ? wordEmbeddings(input, config, prefix) : input; // [b, t, d]
  const table = positionTable(graph, config, prefix); // [positions, d]
  const types = graph.parameter(
    `${prefix}embeddings.token_type_embeddings.weight`,
    [config.type_vocab_size, width],
    initial.weight,
  );
  const positions = options.positions ? op.gather(table, options.positions) : firstRows(table, input); // [(b,) t, d]
  const place = op.add(positions, op.slice(types, 0, 0, 1)); // token type 0 throughout
  let x = drop(layerNorm(op.add(words, place), `${prefix}embeddings.LayerNorm`, epsilon));
  const padding = mask ? paddingBias(mask) : null; // [b, 1, 1, t]
  const order = options.causal ? causalBias(input) : null; // [1, 1, t, t]
  const bias = order && padding ? op.add(order, padding) : (order ?? padding);
  const hidden = [x];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const name = `${prefix}encoder.layer.${i}`;
    const part = (which: string) => dense(x, `${name}.attention.self.${which}`, width, initial);
    const mixed = attention(part('query'), part('key'), part('value'), mode, {
      heads: config.num_attention_heads,
      bias,
      dropoutRate: config.attention_probs_dropout_prob,
    });
    const attended = drop(dense(mixed, `${name}.attention.output.dense`, width, initial));
    x = layerNorm(op.add(attended, x), `${name}.attention.output.LayerNorm`, epsilon);
    const inner = op.gelu(dense(x, `${name}.intermediate.dense`, config.intermediate_size, initial));
    x = layerNorm(
      op.add(drop(dense(inner, `${name}.output.dense`, width, initial)), x),
      `${name}.output.LayerNorm`,
      epsilon,
    );
    hidden.push(x);
  }
  return hidden;
}

/** Rows of the word table: ids int64 [b, t] -> [b, t, d]. */
export function wordEmbeddings(ids: Tensor, config: BertConfig, prefix: string): Tensor {
  const initial = { weight: normal(config.initializer_range) };
  return embedding(ids, `${prefix}embeddings.word_embeddings`, config.vocab_size, config.hidden_size, initial);
}

/** The table of position vectors; every call returns the same tensor. [positions, d] */
export function positionTable(graph: Graph, config: BertConfig, prefix: string): Tensor {
  const name = `${prefix}embeddings.position_embeddings.weight`;
  return (
    graph.parameters.get(name)?.tensor ??
    graph.parameter(name, [config.max_position_embeddings, config.hidden_size], normal(config.initializer_range))
  );
}

/** The first t rows of a table, where t is the number of tokens of `input` [b, t, ...]. [t, d] */
export function firstRows(table: Tensor, input: Tensor): Tensor {
  return op.gather(table, tokenPositions(input));
}

/** Parameter of an output matrix that is not the word table. */
export const OUTPUT_MATRIX = 'cls.predictions.decoder.weight';

/**
 * Vocabulary logits of chosen token vectors [m, d] -> [m, vocabulary]. The output matrix is the
 * word table when `tied`, otherwise a separate parameter.
 */
export function bertLogits(hidden: Tensor, config: BertConfig, tied = true): Tensor {
  const graph = hidden.graph;
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  const transformed = op.gelu(dense(hidden, 'cls.predictions.transform.dense', config.hidden_size, initial));
  const normed = layerNorm(transformed, 'cls.predictions.transform.LayerNorm', { epsilon: config.layer_norm_eps });
  const table = graph.parameters.get('bert.embeddings.word_embeddings.weight');
  if (!table) throw new Error('bertLogits needs bertHiddenStates built before it in the same graph');
  const matrix = tied
    ? table.tensor
    : graph.parameter(OUTPUT_MATRIX, [config.vocab_size, config.hidden_size], initial.weight);
  return linear(normed, matrix, graph.parameter('cls.predictions.bias', [config.vocab_size], zeros));
}

/**
 * Logits of ordinary tokens: vectors [m, d] -> [m, classes], as in `BertForTokenClassification`.
 */
export function tokenClassLogits(
  hidden: Tensor,
  name: string,
  classes: number,
  config: BertConfig,
  mode: Mode,
): Tensor {
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  return dense(dropout(hidden, config.hidden_dropout_prob, mode), name, classes, initial);
}

/**
 * Masked-language-model loss. Inputs: `ids`, `mask` int64 [rows, tokens]; `masked` int64 [rows, m]
 * positions of the tokens to predict, `labels` int64 [rows, m], `tokenWeights` [rows, m] (0 for
 * missing ones), `weights` [rows] = their row sums.
 */
export function bertMaskedLanguageModel(graph: Graph, config: BertConfig, mode: Mode): Record<string, Tensor> {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  const positions = graph.input('masked', 'int64', ['rows', 'm']);
  const labels = graph.input('labels', 'int64', ['rows', 'm']);
  const tokenWeights = graph.input('tokenWeights', 'float32', ['rows', 'm']);
  const hidden = bertHiddenStates(ids, mask, config, mode);
  const logits = bertLogits(tokensAt(hidden[hidden.length - 1], positions), config); // [rows m, vocabulary]
  return predictionLoss(logits, labels, tokenWeights, mode);
}

/**
 * Token vectors at chosen positions: hidden [rows, tokens, d], places int64 [rows, m] -> [rows m,
 * d].
 */
export function tokensAt(hidden: Tensor, places: Tensor): Tensor {
  const flat = op.reshape(hidden, ['rows*tokens', hidden.shape[2]]);
  return op.gather(flat, op.reshape(flatPlaces(places, hidden), [-1]));
}

/**
 * Positions within each row converted to positions in the flattened `[rows * tokens]`: places int64
 * [rows, m] -> [rows, m].
 */
export function flatPlaces(places: Tensor, hidden: Tensor): Tensor {
  const graph = hidden.graph;
  const one = op.fullLike(op.slice(places, 1, 0, 1), 1); // [rows, 1]
  const row = op.subtract(graph.node('CumSum', [one, graph.constant(BigInt64Array.of(0n), [])])[0], one);
  // The shape is that of the positions, also in its symbols: dropout masks take their size from
  // them.
  return op.reshapeLike(op.add(op.multiply(row, op.shapeTensor(graph, [hidden.shape[1]])), places), places);
}

/**
 * In training, the mean cross-entropy weighted by token: { loss }. At evaluation, per row: summed
 * negative log-likelihood in nats, summed weight, weight of the tokens predicted correctly: { sums
 * [rows, 3] }. logits [rows m, classes]; labels int64, tokenWeights [rows, m].
 */
export function predictionLoss(
  logits: Tensor,
  labels: Tensor,
  tokenWeights: Tensor,
  mode: Mode,
): Record<string, Tensor> {
  const flatLabels = op.reshape(labels, [-1]);
  const flatWeights = op.reshape(tokenWeights, [-1]);
  if (mode.training) {
    // Positions without weight are only padding of short rows: the values that only their logits
    // need are not computed.
    const asked = op.squeeze(op.nonZero(flatWeights), [0]); // [n]
    const [labelsAsked, weightsAsked] = [op.gather(flatLabels, asked), op.gather(flatWeights, asked)];
    return { loss: softmaxCrossEntropy(rowsAt(logits, asked), labelsAsked, weightsAsked) };
  }
  const picked = op.squeeze(op.gatherElements(op.logSoftmax(logits), op.unsqueeze(flatLabels, [1]), 1), [1]);
  const right = op.cast(op.equal(op.argMax(logits, 1), flatLabels), 'float32');
  const perRowSum = (values: Tensor) =>
    op.reduceSum(op.reshape(op.multiply(values, flatWeights), ['rows', 'm']), [1], true);
  const sums = [perRowSum(op.negate(picked)), op.reduceSum(tokenWeights, [1], true), perRowSum(right)];
  return { sums: op.concat(sums, 1) };
}
