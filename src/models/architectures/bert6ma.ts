/**
 * BERT6mA (Tsukiyama, Hasan, Deng and Kurata 2022): a post-norm transformer over overlapping 4-mers that tells N6-methyladenine from 41 nucleotides around
 * it. Its words enter as word2vec vectors that were trained apart and lie apart; tokens have no positions and there are no special ones. A 4-mer that is no
 * word (with N, lower case) is a zero vector. Trained as a classifier: there is no vocabulary head. Its own head, a logistic regression on the hidden states
 * of all tokens, is `scores`, for sequences of the one length that it was trained on; hidden states are given for any.
 *
 * The authors publish no config. A folder is laid out like this:
 *
 *     config.json               {"model_type": "bert6ma"}; sizes that differ from the published ones as below
 *     word_vectors.safetensors  `vectors` [words, width], and in the metadata "words", a JSON list of the rows' words
 *     deep_model                a checkpoint as published, under any name: renamed to deep_model.pt, or named by its path
 *
 * where the word vectors come out of the authors' gensim model in Python (a pickle that only gensim can run):
 *
 *     wv = gensim.models.Word2Vec.load("dna_w2v_100.pt").wv
 *     safetensors.numpy.save_file({"vectors": wv.vectors}, "word_vectors.safetensors", {"words": json.dumps(wv.index_to_key)})
 */

import type { Graph, Tensor } from '../../onnx/graph.ts';
import { attention, paddingBias } from '../../onnx/layers/attention.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';
import { uniform } from '../../onnx/layers/initialisers.ts';
import { dense, layerNorm } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import { WORD_VECTORS, WORD_VECTORS_TENSOR } from '../tokenizers/word-vectors.ts';
import { activation } from './activations.ts';
import type { Architecture, ArchitectureInputs, ConfiguredArchitecture, RawConfig } from './architecture.ts';
import { count, number } from './config-fields.ts';

const WORD_TABLE = 'word_vectors.weight';

interface Sizes {
  readonly words: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly feedForward: number;
  readonly epsilon: number;
  readonly act: (x: Tensor) => Tensor;
  /** Tokens that the classifier reads. */
  readonly tokens: number;
}

export const bert6ma: Architecture = {
  id: 'bert6ma',
  title: 'BERT6mA',
  models: ['BERT6mA, for 11 species (github.com/kuratahiroyuki/BERT6mA)'],
  source: "Tsukiyama et al. 2022 (doi 10.1093/bib/bbac053); checked against the authors' code",
  companions: [WORD_VECTORS],
  matches: ({ model_type: type }) => type === 'bert6ma',
  configure,
};

/** Sizes where the config is silent are those of the authors' `testing_w2v.py`. */
function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  const sizes: Sizes = {
    words: count(config, 'vocab_size', where, 256),
    width: count(config, 'hidden_size', where, 100),
    layers: count(config, 'num_hidden_layers', where, 3),
    heads: count(config, 'num_attention_heads', where, 4),
    headSize: count(config, 'attention_head_size', where, 100),
    feedForward: count(config, 'intermediate_size', where, 400),
    epsilon: number(config, 'layer_norm_eps', where, 1e-5),
    act: activation(config, 'hidden_act', where, 'gelu'),
    tokens: count(config, 'classifier_tokens', where, 38),
  };
  return {
    label: `BERT6mA (${sizes.layers} x ${sizes.width})`,
    dimension: sizes.width,
    layers: sizes.layers,
    heads: sizes.heads,
    vocabularySize: sizes.words,
    reads: 'masked', // every token sees both sides, though no head predicts hidden ones
    wordTable: WORD_TABLE,
    classifier: { classes: ['6mA'], tokens: sizes.tokens },
    build: (graph, inputs, mode) => ({
      hiddenStates: hiddenStates(graph, inputs, sizes, mode),
      scores: (hidden) =>
        op.sigmoid(dense(op.reshape(hidden, [hidden.shape[0], sizes.tokens * sizes.width]), 'dense_1', 1)),
    }),
    sources: (parameter) => (parameter === WORD_TABLE ? { names: [WORD_VECTORS_TENSOR] } : undefined),
  };
}

function hiddenStates(graph: Graph, { ids, mask }: ArchitectureInputs, sizes: Sizes, mode: Mode): Tensor[] {
  const { words, width, heads, headSize, feedForward, act, layers } = sizes;
  const epsilon = { epsilon: sizes.epsilon };
  // word2vec begins its vectors in +-1/2 by the width (gensim). The row after the last word's is that of no word.
  const table = graph.parameter(WORD_TABLE, [words, width], uniform(0.5 / width));
  const none = graph.constant(new Float32Array(width), [1, width]);
  let x = op.gather(op.concat([table, none], 0), ids); // [b, t, d]
  const bias = paddingBias(mask); // [b, 1, 1, t]
  const states = [x];
  for (let layer = 0; layer < layers; layer++) {
    const [self, forward] = [`layers.${layer}.enc_self_attn`, `layers.${layer}.pos_ffn`];
    const part = (which: string) => dense(x, `${self}.${which}`, heads * headSize); // [b, t, h * size of a head]
    const mixed = attention(part('W_Q'), part('W_K'), part('W_V'), mode, { heads, bias });
    const attended = layerNorm(op.add(dense(mixed, `${self}.dense_l`, width), x), `${self}.layernorm`, epsilon);
    const inner = act(dense(attended, `${forward}.fc1`, feedForward)); // [b, t, f]
    x = layerNorm(op.add(dense(inner, `${forward}.fc2`, width), attended), `${forward}.layer_norm`, epsilon);
    states.push(x);
  }
  return states;
}
