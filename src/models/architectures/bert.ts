/**
 * Standard BERT (Devlin et al. 2019) checkpoints of the hub: DNABERT 3-6, GROVER, BarcodeBERT and
 * BarcodeMAE encoders, the BERTs of the entropy paper. The graph is `./bert-graph.ts`. The head is
 * that of `BertForMaskedLM`, or the linear one of `BertForTokenClassification`, whose classes are a
 * BarcodeBERT's ordinary tokens. Token types other than 0 and cross-attention are not supported.
 */

import type { Architecture, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import type { BertConfig } from './bert-graph.ts';
import { bertHiddenStates, bertLogits, OUTPUT_MATRIX, tokenClassLogits } from './bert-graph.ts';
import { classNames, count, flag, headCount, number, oneOf } from './config-fields.ts';

const PREFIX = 'bert.';
const TOKEN_CLASSES = 'BertForTokenClassification';
const WORD_TABLE = `${PREFIX}embeddings.word_embeddings.weight`;

/** Class names of custom code that uses BERT's `model_type` for a different graph. */
const OTHER_GRAPHS = /flash|mosaic|alibi|unpad|bert_layers\b/i;

export const bert: Architecture = {
  id: 'bert',
  title: 'BERT',
  models: [
    'zhihan1996/DNA_bert_3 .. 6 (DNABERT)',
    'PoetschLab/GROVER',
    'bioscan-ml/BarcodeBERT',
    'LofiAmazon/BarcodeBERT-Entire-BOLD',
    'mrochk/bert-90M-*',
    'zhangtaolab/plant-dnabert-*',
  ],
  source: "Devlin et al. 2019 (arXiv 1810.04805); checked against transformers' BertForMaskedLM",
  matches: (config) =>
    config.model_type === 'bert' &&
    !classNames(config).some((name) => OTHER_GRAPHS.test(name)) &&
    !('alibi_starting_size' in config) &&
    config.pre_layer_norm !== true,
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  oneOf(config, 'hidden_act', where, ['gelu'], 'gelu');
  oneOf(config, 'position_embedding_type', where, ['absolute'], 'absolute');
  const sizes: BertConfig = {
    vocab_size: count(config, 'vocab_size', where),
    hidden_size: count(config, 'hidden_size', where),
    num_hidden_layers: count(config, 'num_hidden_layers', where),
    num_attention_heads: headCount(config, where),
    intermediate_size: count(config, 'intermediate_size', where),
    max_position_embeddings: count(config, 'max_position_embeddings', where),
    type_vocab_size: count(config, 'type_vocab_size', where),
    layer_norm_eps: number(config, 'layer_norm_eps', where),
    initializer_range: number(config, 'initializer_range', where, 0.02),
    hidden_dropout_prob: number(config, 'hidden_dropout_prob', where, 0.1),
    attention_probs_dropout_prob: number(config, 'attention_probs_dropout_prob', where, 0.1),
  };
  const tied = flag(config, 'tie_word_embeddings', where, true);
  const causal = config.is_decoder === true;
  const classes = classNames(config).includes(TOKEN_CLASSES) ? labelCount(config, where) : undefined;
  return {
    label: `BERT (${sizes.num_hidden_layers} x ${sizes.hidden_size})`,
    dimension: sizes.hidden_size,
    layers: sizes.num_hidden_layers,
    heads: sizes.num_attention_heads,
    vocabularySize: sizes.vocab_size,
    classes,
    maxTokens: sizes.max_position_embeddings,
    reads: causal ? 'causal' : 'masked',
    wordTable: WORD_TABLE,
    ...(classes === undefined ? { outputMatrix: { parameter: OUTPUT_MATRIX, tied } } : {}),
    build(_graph, { ids, mask }, mode) {
      return {
        hiddenStates: bertHiddenStates(ids, mask, sizes, mode, { prefix: PREFIX, causal }),
        logits: (vectors) =>
          classes === undefined
            ? bertLogits(vectors, sizes, tied)
            : tokenClassLogits(vectors, 'classifier', classes, sizes, mode),
      };
    },
    sources,
  };
}

/** transformers writes the names of the labels, or only their number when the names are numbers. */
function labelCount(config: RawConfig, where: string): number {
  const names = config.id2label;
  return typeof names === 'object' && names !== null ? Object.keys(names).length : count(config, 'num_labels', where);
}

/**
 * A bare `BertModel` has no prefix; early conversions from TensorFlow name a normalisation's
 * weights gamma and beta.
 */
function sources(parameter: string) {
  // The reference adds the decoder's bias; files store it under either name or both.
  if (parameter === 'cls.predictions.bias') return { names: ['cls.predictions.decoder.bias', parameter] };
  const legacy = parameter
    .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
    .replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
  const names = [...new Set([parameter, legacy])];
  const bare = names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  return { names: [...names, ...bare] };
}
