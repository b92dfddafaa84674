/**
 * BERT (Devlin et al. 2019) as graphs: the encoder with all its hidden states, and the masked-language-model head tied to the word
 * embeddings. Parameter names, layouts and the config's fields are those of Hugging Face's `BertForMaskedLM`, so checkpoints move both ways.
 */
import { attention, paddingBias } from '../onnx/attention.ts';
import { dropout, type Mode } from '../onnx/dropout.ts';
import type { Graph, Tensor } from '../onnx/graph.ts';
import { normal, zeros } from '../onnx/initialisers.ts';
import { dense, embedding, layerNorm, linear } from '../onnx/layers.ts';
import { softmaxCrossEntropy } from '../onnx/losses.ts';
import * as op from '../onnx/ops.ts';

/** The fields of Hugging Face's `BertConfig` that decide the graph. */
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

/** Hidden states 0 (embeddings) .. num_hidden_layers. ids and mask int64 [b, t] -> each [b, t, d]. */
export function bertHiddenStates(ids: Tensor, mask: Tensor | null, config: BertConfig, mode: Mode): Tensor[] {
  const graph = ids.graph;
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  const epsilon = { epsilon: config.layer_norm_eps };
  const width = config.hidden_size;
  const drop = (x: Tensor) => dropout(x, config.hidden_dropout_prob, mode);

  const words = embedding(ids, 'bert.embeddings.word_embeddings', config.vocab_size, width, initial); // [b, t, d]
  const positions = graph.parameter(
    'bert.embeddings.position_embeddings.weight',
    [config.max_position_embeddings, width],
    initial.weight,
  );
  const types = graph.parameter(
    'bert.embeddings.token_type_embeddings.weight',
    [config.type_vocab_size, width],
    initial.weight,
  );
  const place = op.add(firstRows(positions, ids), op.slice(types, 0, 0, 1)); // [t, d]: token type 0 throughout
  let x = drop(layerNorm(op.add(words, place), 'bert.embeddings.LayerNorm', epsilon));
  const bias = mask ? paddingBias(mask) : null;
  const hidden = [x];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const name = `bert.encoder.layer.${i}`;
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

/** The first t rows of a position table, t being the tokens of this batch. [t, d] */
function firstRows(table: Tensor, ids: Tensor): Tensor {
  const graph = ids.graph;
  const tokens = ids.shape[1];
  const end = typeof tokens === 'number' ? graph.integers([tokens]) : graph.dimension(tokens);
  const counted = graph.node(
    'Range',
    [graph.constant(BigInt64Array.of(0n), []), op.squeeze(end, [0]), graph.constant(BigInt64Array.of(1n), [])],
    {},
    {
      inferred: [{ dtype: 'int64', shape: [tokens] }],
    },
  )[0];
  return op.gather(table, counted);
}

/** Vocabulary logits of chosen token vectors [m, d] -> [m, vocabulary]; the decoder is the word-embedding table. */
export function bertLogits(hidden: Tensor, config: BertConfig): Tensor {
  const graph = hidden.graph;
  const initial = { weight: normal(config.initializer_range), biasInitialiser: zeros };
  const transformed = op.gelu(dense(hidden, 'cls.predictions.transform.dense', config.hidden_size, initial));
  const normed = layerNorm(transformed, 'cls.predictions.transform.LayerNorm', { epsilon: config.layer_norm_eps });
  const table = graph.parameters.get('bert.embeddings.word_embeddings.weight');
  if (!table) throw new Error('bertLogits needs bertHiddenStates built before it in the same graph');
  return linear(normed, table.tensor, graph.parameter('cls.predictions.bias', [config.vocab_size], zeros));
}

/**
 * Masked-language-model loss. Inputs: `ids`, `mask` int64 [rows, tokens]; `masked` int64 [rows, m] positions of the tokens to predict,
 * `labels` int64 [rows, m], `tokenWeights` [rows, m] (0 where a row has fewer), `weights` [rows] = their row sums.
 */
export function bertMaskedLanguageModel(graph: Graph, config: BertConfig, mode: Mode): Record<string, Tensor> {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  const positions = graph.input('masked', 'int64', ['rows', 'm']);
  const labels = graph.input('labels', 'int64', ['rows', 'm']);
  const tokenWeights = graph.input('tokenWeights', 'float32', ['rows', 'm']);
  const hidden = bertHiddenStates(ids, mask, config, mode);
  const last = op.reshape(hidden[hidden.length - 1], ['rows*tokens', config.hidden_size]); // [b t, d]
  // Row r's token t is row r * tokens + t of the flattened states.
  const perRow = op.fullLike(op.slice(positions, 1, 0, 1), 1); // [rows, 1]
  const rowIndex = op.subtract(graph.node('CumSum', [perRow, graph.constant(BigInt64Array.of(0n), [])])[0], perRow);
  const flat = op.reshape(op.add(op.multiply(rowIndex, graph.dimension('tokens')), positions), [-1]); // [rows m]
  const logits = bertLogits(op.gather(last, flat), config); // [rows m, vocabulary]
  const flatLabels = op.reshape(labels, [-1]);
  const flatWeights = op.reshape(tokenWeights, [-1]);
  if (mode.training) return { loss: softmaxCrossEntropy(logits, flatLabels, flatWeights) };
  // Evaluation, per row: summed negative log-likelihood in nats, number of tokens, number predicted right. [rows, 3]
  const picked = op.squeeze(op.gatherElements(op.logSoftmax(logits), op.unsqueeze(flatLabels, [1]), 1), [1]);
  const right = op.cast(op.equal(op.argMax(logits, 1), flatLabels), 'float32');
  const perRowSum = (values: Tensor) =>
    op.reduceSum(op.reshape(op.multiply(values, flatWeights), ['rows', 'm']), [1], true);
  const sums = [perRowSum(op.negate(picked)), op.reduceSum(tokenWeights, [1], true), perRowSum(right)];
  return { sums: op.concat(sums, 1) };
}
