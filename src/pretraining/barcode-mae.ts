/**
 * Training graphs of the barcode encoders. BarcodeMAE (Safari et al. 2025, arXiv 2502.18405): the
 * encoder never sees a [MASK]; a decoder predicts the removed tokens and is discarded after
 * training. BarcodeBERT (Millan Arias et al. 2023, arXiv 2311.02401): [MASK] passes through the
 * encoder, and a linear head predicts. The causal comparison: the same blocks, but each token
 * attends only to earlier tokens. Parameter names are those of transformers' `BertModel` and
 * `BertForTokenClassification`. The heads have one output per k-mer and none for special tokens.
 *
 * The decoder reads only the [MASK] row of its word table, so the graph has only that row
 * (`decoder.bert.embeddings.mask_token`). In BarcodeBERT the [MASK] row is trained; in the authors'
 * set-up it stays zero, because it is transformers' padding row by default.
 */

import {
  type BertConfig,
  bertHiddenStates,
  firstRows,
  flatPlaces,
  positionTable,
  predictionLoss,
  tokenClassLogits,
  tokensAt,
  wordEmbeddings,
} from '../models/architectures/bert-graph.ts';
import type { Graph, Tensor } from '../onnx/graph.ts';
import type { Mode } from '../onnx/layers/dropout.ts';
import { normal, zeros } from '../onnx/layers/initialisers.ts';
import { dense } from '../onnx/layers/layers.ts';
import * as op from '../onnx/operators/functions.ts';

export const ENCODER_PREFIX = 'encoder.';
const DECODER_PREFIX = 'decoder.bert.';

export interface MaeConfig {
  readonly encoder: BertConfig;
  readonly decoder: BertConfig;
  /** Number of outputs: the number of k-mers. */
  readonly labels: number;
}

/**
 * Inputs of every objective: `masked` int64 [rows, m] positions to predict, `labels` int64 and
 * `tokenWeights` [rows, m].
 */
function predicted(graph: Graph) {
  return {
    places: graph.input('masked', 'int64', ['rows', 'm']),
    labels: graph.input('labels', 'int64', ['rows', 'm']),
    tokenWeights: graph.input('tokenWeights', 'float32', ['rows', 'm']),
  };
}

const last = (states: readonly Tensor[]) => states[states.length - 1];

/**
 * Outputs of a graph in addition to the loss: the encoder's hidden states, and the logits at the
 * predicted positions.
 */
export interface BarcodeGraph {
  readonly outputs: Record<string, Tensor>;
  readonly hidden: readonly Tensor[];
  /** [rows m, labels] */
  readonly logits: Tensor;
}

/**
 * BarcodeMAE's second version. Inputs in addition to {@link predicted}: `visibleIds`,
 * `visiblePositions`, `visibleMask` int64 [rows, v], the remaining tokens, packed to the left with
 * their original positions; `mask` int64 [rows, tokens] of the whole sequence; `source` int64
 * [rows, tokens], the index of each token among the visible ones, or -1 when it is masked.
 */
export function barcodeMaePacked(graph: Graph, config: MaeConfig, mode: Mode): BarcodeGraph {
  const ids = graph.input('visibleIds', 'int64', ['rows', 'v']);
  const positions = graph.input('visiblePositions', 'int64', ['rows', 'v']);
  const visibleMask = graph.input('visibleMask', 'int64', ['rows', 'v']);
  const source = graph.input('source', 'int64', ['rows', 'tokens']);
  const hidden = bertHiddenStates(ids, visibleMask, config.encoder, mode, { prefix: ENCODER_PREFIX, positions });
  const width = config.decoder.hidden_size;
  const initial = { weight: normal(config.encoder.initializer_range), biasInitialiser: zeros };
  const projected = dense(last(hidden), 'projection_layer', width, initial); // [rows, v, d']
  const taken = op.less(source, 0); // [rows, tokens]
  const place = flatPlaces(op.where(taken, op.fullLike(source, 0), source), projected);
  const scattered = op.reshape(op.gather(op.reshape(projected, ['rows*v', width]), op.reshape(place, [-1])), [
    'rows',
    'tokens',
    width,
  ]);
  const filled = op.where(op.unsqueeze(taken, [2]), maskVector(graph, config.decoder), scattered);
  return decode(graph, filled, config, mode, hidden);
}

/**
 * BarcodeMAE's first version: the sequence keeps its length, and masked tokens enter the encoder as
 * zeros that no token attends to. As in the authors' code, the encoder's positions are added
 * explicitly before the embedding layer adds them again, and also to the decoder's input. Inputs in
 * addition to {@link predicted}: `ids`, `mask`, and `taken` (1 when masked), int64 [rows, tokens].
 */
export function barcodeMaeZeroed(graph: Graph, config: MaeConfig, mode: Mode): BarcodeGraph {
  const { encoder, decoder } = config;
  if (encoder.hidden_size !== decoder.hidden_size)
    throw new Error(
      `BarcodeMAE's first version has no projection: encoder (${encoder.hidden_size}) and decoder (${decoder.hidden_size}) must have the same width`,
    );
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  const taken = graph.input('taken', 'int64', ['rows', 'tokens']);
  const seen = op.subtract(1, op.cast(taken, 'float32')); // [rows, tokens]
  const places = firstRows(positionTable(graph, encoder, ENCODER_PREFIX), ids); // [tokens, d]
  const vectors = op.multiply(op.add(wordEmbeddings(ids, encoder, ENCODER_PREFIX), places), op.unsqueeze(seen, [2]));
  const attended = op.multiply(mask, op.cast(seen, 'int64'));
  const hidden = bertHiddenStates(vectors, attended, encoder, mode, { prefix: ENCODER_PREFIX });
  const isTaken = op.unsqueeze(op.less(op.fullLike(taken, 0), taken), [2]); // [rows, tokens, 1]
  const filled = op.add(op.where(isTaken, maskVector(graph, decoder), last(hidden)), places);
  return decode(graph, filled, config, mode, hidden, mask);
}

/** The decoder's vector for [MASK]. [1, d] */
function maskVector(graph: Graph, config: BertConfig): Tensor {
  const name = `${DECODER_PREFIX}embeddings.mask_token`;
  return graph.parameter(name, [1, config.hidden_size], normal(config.initializer_range));
}

function decode(
  graph: Graph,
  vectors: Tensor,
  { decoder, labels: classes }: MaeConfig,
  mode: Mode,
  hidden: readonly Tensor[],
  mask = graph.input('mask', 'int64', ['rows', 'tokens']),
): BarcodeGraph {
  const { places, labels, tokenWeights } = predicted(graph);
  const decoded = last(bertHiddenStates(vectors, mask, decoder, mode, { prefix: DECODER_PREFIX }));
  const logits = tokenClassLogits(tokensAt(decoded, places), 'decoder.classifier', classes, decoder, mode);
  return { outputs: predictionLoss(logits, labels, tokenWeights, mode), hidden, logits };
}

/**
 * BarcodeBERT, or with `causal` the comparison that predicts each k-mer from the earlier ones
 * (`masked` is then the previous position). Inputs in addition to {@link predicted}: `ids` (with
 * [MASK]), `mask` int64 [rows, tokens].
 */
export function barcodeBert(
  graph: Graph,
  config: BertConfig,
  classes: number,
  mode: Mode,
  causal: boolean,
): BarcodeGraph {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  const { places, labels, tokenWeights } = predicted(graph);
  const hidden = bertHiddenStates(ids, mask, config, mode, { causal });
  const logits = tokenClassLogits(tokensAt(last(hidden), places), 'classifier', classes, config, mode);
  return { outputs: predictionLoss(logits, labels, tokenWeights, mode), hidden, logits };
}
