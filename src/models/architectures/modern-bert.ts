/**
 * ModernBERT (Warner et al. 2024) as modernGENA has it: pre-norm blocks (the first attends to the normed embeddings as they are), rotary positions with one theta
 * for layers that see everything and another for those that see a window, GELU-gated feed-forward layers, no biases unless the config asks for them, and a norm
 * at the end. Windows are a bias on the scores: the values of local attention, not its savings. Scaled rotary positions (YaRN and the like) are not built.
 */

import type { Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { truncatedNormal, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, embedding, gatedLinearUnit, layerNorm, linear } from '../../onnx/layers/layers.ts';
import { rotary, rotaryFrequencies, rotaryTables } from '../../onnx/layers/positions/rotary.ts';
import { slidingWindowBias } from '../../onnx/layers/positions/sliding-window.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { type ModernBertConfig, readModernBertConfig } from './modern-bert-config.ts';

const PREFIX = 'model.';
const WORD_TABLE = `${PREFIX}embeddings.tok_embeddings.weight`;
/** Parameter of an output matrix that is not the word table. */
const OUTPUT_MATRIX = 'decoder.weight';

export const modernBert: Architecture = {
  id: 'modern-bert',
  title: 'ModernBERT',
  models: ['AIRI-Institute/moderngena-base', 'AIRI-Institute/moderngena-large'],
  source: "Warner et al. 2024 (arXiv 2412.13663); checked against transformers' ModernBertForMaskedLM",
  matches: (config) => config.model_type === 'modernbert',
  configure,
};

function configure(raw: RawConfig, where: string): ConfiguredArchitecture {
  const config = readModernBertConfig(raw, where);
  return {
    label: `ModernBERT (${config.layerReaches.length} x ${config.width})`,
    dimension: config.width,
    layers: config.layerReaches.length,
    heads: config.heads,
    vocabularySize: config.vocabulary,
    maxTokens: config.maxTokens,
    reads: 'masked',
    wordTable: WORD_TABLE,
    outputMatrix: { parameter: OUTPUT_MATRIX, tied: config.tied },
    build: (_graph, inputs, mode) => ({
      hiddenStates: hiddenStates(inputs, config, mode),
      logits: (vectors) => logits(vectors, config),
    }),
    // A bare ModernBertModel has no prefix.
    sources: (parameter) =>
      parameter.startsWith(PREFIX) ? { names: [parameter, parameter.slice(PREFIX.length)] } : undefined,
  };
}

/** Weights that read the residual stream and those that write to it differ in their first spread. */
function initialisers({ initializerRange, cutoff, layerReaches }: ModernBertConfig) {
  const weights = (deviation: number) => ({ weight: truncatedNormal(deviation, cutoff), biasInitialiser: zeros });
  return {
    reading: weights(initializerRange),
    writing: weights(initializerRange / Math.sqrt(2 * layerReaches.length)),
  };
}

/** Normed embeddings, then each block's output, the last one normed. ids, mask [b, t] -> [b, t, d] each. */
function hiddenStates({ ids, mask }: ArchitectureInputs, config: ModernBertConfig, mode: Mode): Tensor[] {
  const { width, heads, bias } = config;
  const { reading, writing } = initialisers(config);
  const normalise = (x: Tensor, name: string) => layerNorm(x, name, { epsilon: config.epsilon, bias: bias.norm });
  const perReach = new Map<number, { scores: Tensor; rotate: (x: Tensor) => Tensor }>();
  const padding = paddingBias(mask); // [b, 1, 1, t]
  /** What layers of one reach share: the bias of their scores and the turning of their heads. */
  const placing = (reach: number) => {
    let found = perReach.get(reach);
    if (!found) {
      const theta = Number.isFinite(reach) ? config.localTheta : config.globalTheta;
      const tables = rotaryTables(ids, rotaryFrequencies(width / heads, theta));
      found = {
        scores: Number.isFinite(reach) ? op.add(slidingWindowBias(ids, reach), padding) : padding,
        rotate: (x) => rotary(x, tables),
      };
      perReach.set(reach, found);
    }
    return found;
  };

  const words = embedding(ids, `${PREFIX}embeddings.tok_embeddings`, config.vocabulary, width, reading); // [b, t, d]
  let x = dropout(normalise(words, `${PREFIX}embeddings.norm`), config.embeddingDropout, mode);
  const hidden = [x];
  config.layerReaches.forEach((reach, i) => {
    const name = `${PREFIX}layers.${i}`;
    const { scores, rotate } = placing(reach);
    const normed = i === 0 ? x : normalise(x, `${name}.attn_norm`);
    const projected = dense(normed, `${name}.attn.Wqkv`, 3 * width, { ...reading, bias: bias.attention }); // [b, t, 3 d]
    const [q, k, v] = op.split(projected, 2, [width, width, width]);
    const dropoutRate = config.attentionDropout;
    const mixed = attention(q, k, v, mode, { heads, bias: scores, rotate, dropoutRate });
    const attended = dense(mixed, `${name}.attn.Wo`, width, { ...writing, bias: bias.attention });
    x = op.add(x, dropout(attended, dropoutRate, mode));
    const packed = dense(normalise(x, `${name}.mlp_norm`), `${name}.mlp.Wi`, 2 * config.intermediate, {
      ...reading,
      bias: bias.feedForward,
    });
    const inner = dropout(gatedLinearUnit(packed, op.gelu), config.feedForwardDropout, mode); // [b, t, f]
    x = op.add(x, dense(inner, `${name}.mlp.Wo`, width, { ...writing, bias: bias.feedForward }));
    hidden.push(x);
  });
  hidden[hidden.length - 1] = normalise(x, `${PREFIX}final_norm`);
  return hidden;
}

/** Vocabulary logits of chosen token vectors [m, d] -> [m, vocabulary]. */
function logits(vectors: Tensor, config: ModernBertConfig): Tensor {
  const graph = vectors.graph;
  const { bias, width, vocabulary } = config;
  const { writing } = initialisers(config);
  const transformed = op.gelu(dense(vectors, 'head.dense', width, { ...writing, bias: bias.head }));
  const normed = layerNorm(transformed, 'head.norm', { epsilon: config.epsilon, bias: bias.norm });
  const decode = () => graph.parameter(OUTPUT_MATRIX, [vocabulary, width], writing.weight);
  const table = config.tied ? graph.parameters.get(WORD_TABLE)?.tensor : decode();
  if (!table) throw new Error('the logits of ModernBERT need its hidden states built before them in the same graph');
  return linear(normed, table, bias.decoder ? graph.parameter('decoder.bias', [vocabulary], zeros) : null);
}
